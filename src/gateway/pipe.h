// SPDX-License-Identifier: Apache-2.0
//
// One direction between two streams: what one side sends, the other gets, with nothing kept back
// and never more in memory than one block. For the loop's thread.
#pragma once

#include "gateway/buffer.h"
#include "net/async/stream.h"

namespace cotter::gateway {

class Pipe {
 public:
  enum class State : std::uint8_t {
    kBlocked,     // until either side is ready
    kTurn,        // there is more to do, after others
    kEnded,       // the sender ended, and the receiver was told
    kFromFailed,  // the sender's stream failed
    kToFailed,
  };

  explicit Pipe(BlockPool& blocks) : buffer_(blocks) {}

  // Pump moves what can be moved from `from` to `to`.
  [[nodiscard]] State Pump(net::Stream& from, net::Stream& to);

  // moved is how many bytes arrived in all.
  [[nodiscard]] std::uint64_t moved() const noexcept { return moved_; }

  // Put places `bytes`, at most a block, before all that comes.
  void Put(ByteView bytes);

 private:
  Buffer buffer_;
  std::uint64_t moved_ = 0;
  bool from_ended_ = false;
  bool to_told_ = false;
};

}  // namespace cotter::gateway
