// SPDX-License-Identifier: Apache-2.0
#include "gateway/pipe.h"

#include <algorithm>

namespace cotter::gateway {

using net::IoResult;
using net::IoState;

Pipe::State Pipe::Pump(net::Stream& from, net::Stream& to) {
  constexpr std::size_t kBytesInATurn = std::size_t{1} << 20;
  if (to_told_) return State::kEnded;
  std::size_t in_this_turn = 0;
  while (in_this_turn < kBytesInATurn) {
    if (!buffer_.empty()) {
      const IoResult written = to.Write(buffer_.view());
      if (written.state == IoState::kWouldBlock) return State::kBlocked;
      if (written.state != IoState::kDone) return State::kToFailed;
      buffer_.Consume(written.count);
      moved_ += written.count;
      in_this_turn += written.count;
      continue;
    }
    if (from_ended_) {
      const IoState told = to.EndWriting();
      if (told == IoState::kWouldBlock) return State::kBlocked;
      if (told != IoState::kDone) return State::kToFailed;
      to_told_ = true;
      return State::kEnded;
    }
    const IoResult read = from.Read(buffer_.space());
    if (read.state == IoState::kDone) {
      buffer_.Commit(read.count);
      continue;
    }
    buffer_.Release();
    if (read.state == IoState::kWouldBlock) return State::kBlocked;
    if (read.state == IoState::kFailed) return State::kFromFailed;
    from_ended_ = true;
  }
  return State::kTurn;
}

void Pipe::Put(ByteView bytes) {
  const auto space = buffer_.space();
  COTTER_CHECK(bytes.size() <= space.size());
  std::ranges::copy(bytes, space.begin());
  buffer_.Commit(bytes.size());
}

}  // namespace cotter::gateway
