// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/clear_look.h"

#include <array>
#include <utility>

namespace cotter::probe {

void ClearLook::Begin(net::Socket socket) {
  socket_ = std::move(socket);
  Enter(Phase::kRequest, errand().settings->limits.request);
  Drive();
}

void ClearLook::Drive() {
  while (!unsent_.empty()) {
    const auto sent = socket_.TryWrite(AsBytes(unsent_));
    if (!sent) return Fail(sent.error());
    if (!*sent) return;
    unsent_.erase(0, **sent);
  }
  std::array<std::uint8_t, 4096> chunk;
  while (received_.size() < kMaxSmallAnswer) {
    const auto count = socket_.TryRead(chunk);
    if (!count && received_.empty()) return Fail(count.error());
    if (count && !*count) return;
    // A peer that ends with a reset has still said what it said.
    if (!count || **count == 0) break;
    received_.append(AsText(ByteView(chunk).first(**count)));
  }
  Read();
}

void ClearLook::Read() {
  Result<SmallAnswer> answer = ParseSmallAnswer(received_);
  if (!answer) return Fail(std::move(answer).error());
  answer_ = std::make_shared<const SmallAnswer>(*std::move(answer));
  End();
}

}  // namespace cotter::probe
