// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/hello_look.h"

#include <array>
#include <utility>

namespace cotter::probe {

HelloLook::HelloLook(net::EventLoop& loop, const Errand& errand, Bytes hello, Done done)
    : Attempt(loop, errand, std::move(done)), unsent_(std::move(hello)) {}

void HelloLook::Begin(net::Socket socket) {
  socket_ = std::move(socket);
  Enter(Phase::kHandshake, errand().settings->limits.handshake);
  Drive();
}

void HelloLook::Refuse() {
  refused_ = true;
  End();
}

void HelloLook::Drive() {
  while (!unsent_.empty()) {
    const auto sent = socket_.TryWrite(unsent_);
    if (!sent) return Fail(sent.error());
    if (!*sent) return;
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(**sent));
  }
  std::array<std::uint8_t, 1024> chunk;
  for (;;) {
    const auto count = socket_.TryRead(chunk);
    // Servers refuse by a close or a reset, too.
    if (!count && count.error().code == Code::kConnectionClosed) return Refuse();
    if (!count) return Fail(count.error());
    if (!*count) return;
    if (**count == 0) return Refuse();
    received_.insert(received_.end(), chunk.begin(),
                     chunk.begin() + static_cast<std::ptrdiff_t>(**count));
    Result<HelloAnswer> answer = ReadHelloAnswer(received_);
    if (!answer) return Fail(std::move(answer).error());
    if (std::holds_alternative<ServerAlert>(*answer)) return Refuse();
    if (const auto* choice = std::get_if<ServerChoice>(&*answer)) {
      choice_ = *choice;
      return End();
    }
  }
}

}  // namespace cotter::probe
