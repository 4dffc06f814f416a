// SPDX-License-Identifier: Apache-2.0
//
// The calls by which a program reaches the network (socket, connect, send, recv, poll and their
// like), one of which fails when a test wants it. They stand in the test program before those of
// the C library, so libcurl, which is loaded later, calls these. Only the thread that asks for a
// fault meets it: servers in threads of their own are spared.
#pragma once

namespace cotter::test {

// How a call fails.
enum class IoFault {
  kError,    // -1, with the errno that was asked for
  kEnd,      // as if the peer had closed: 0 from recv, ECONNRESET from the others
  kOneByte,  // no fault: send and recv move one byte
};

// FailingIo makes one call of its thread fail, from its construction until it goes.
class FailingIo {
 public:
  // `call` counts from 0. `error` is for kError.
  FailingIo(long call, IoFault fault, int error) noexcept;
  ~FailingIo();
  FailingIo(const FailingIo&) = delete;
  FailingIo& operator=(const FailingIo&) = delete;

  // struck reports that there was such a call.
  [[nodiscard]] bool struck() const noexcept;
};

}  // namespace cotter::test
