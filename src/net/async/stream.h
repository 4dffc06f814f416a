// SPDX-License-Identifier: Apache-2.0
//
// The seam between what moves bytes and what they mean: a stream that never blocks. Who uses one
// hands it what the event loop says of its descriptor (NoteReady), then reads and writes until it
// would block. For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "net/async/event_loop.h"
#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::net {

// How a step on a stream ended.
enum class IoState : std::uint8_t {
  kDone,        // `count` bytes moved, at least one
  kWouldBlock,  // nothing to be done before the next readiness
  kEnd,         // the peer has properly said that no more bytes come
  kFailed,      // the stream is of no more use; error() says why
};

struct IoResult {
  IoState state = IoState::kFailed;
  std::size_t count = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;

  // NoteReady keeps what the event loop said. Readiness that nobody noted is not tried.
  virtual void NoteReady(Readiness ready) noexcept = 0;

  // Read puts at most `into.size()` bytes, which is not 0, there.
  [[nodiscard]] virtual IoResult Read(std::span<std::uint8_t> into) = 0;

  // Write takes bytes from `first` and then from `second`, of which one is not empty. After
  // kWouldBlock the same bytes must be offered again, at any address.
  [[nodiscard]] virtual IoResult Write(ByteView first, ByteView second) = 0;
  [[nodiscard]] IoResult Write(ByteView bytes) { return Write(bytes, {}); }

  // EndWriting tells the peer that no more bytes come; reading goes on. kDone where it is told.
  [[nodiscard]] virtual IoState EndWriting() = 0;

  [[nodiscard]] virtual int fd() const noexcept = 0;

  // error is why the stream failed.
  [[nodiscard]] virtual const Error& error() const noexcept = 0;

 protected:
  Stream() = default;
  Stream(const Stream&) = default;
  Stream& operator=(const Stream&) = default;
};

}  // namespace cotter::net
