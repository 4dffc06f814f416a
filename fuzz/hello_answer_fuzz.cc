// SPDX-License-Identifier: Apache-2.0
//
// probe::ReadHelloAnswer: whatever a server says to a ClientHello of our own. Bytes that arrive one
// by one lead to the same answer as all at once, and never to a choice that more bytes take back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "probe/engine/hello.h"

namespace {

using cotter::probe::HelloAnswer;
using cotter::probe::NeedMore;
using cotter::probe::ServerChoice;

bool IsOpen(const cotter::Result<HelloAnswer>& answer) {
  return answer.has_value() && std::holds_alternative<NeedMore>(*answer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const cotter::ByteView all(data, std::min(size, cotter::probe::kMaxHelloAnswer));
  const auto whole = cotter::probe::ReadHelloAnswer(all);
  for (std::size_t count = 0; count <= all.size(); ++count) {
    const auto part = cotter::probe::ReadHelloAnswer(all.first(count));
    if (IsOpen(part)) continue;
    if (part.has_value() != whole.has_value()) std::abort();
    if (!part) break;
    if (part->index() != whole->index()) std::abort();
    const auto* early = std::get_if<ServerChoice>(&*part);
    const auto* late = std::get_if<ServerChoice>(&*whole);
    if (early != nullptr && (early->version != late->version || early->suite != late->suite)) {
      std::abort();
    }
    break;
  }
  if (all.size() >= cotter::probe::kMaxHelloAnswer && IsOpen(whole)) std::abort();
  return 0;
}
