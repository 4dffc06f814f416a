// SPDX-License-Identifier: Apache-2.0
//
// Descriptor closes a file descriptor at the end of a scope; the three standard ones stay open, and
// a negative number is none. Used where files are read. Owned by one thread.
#pragma once

#include <unistd.h>

namespace cotter::base {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace cotter::base
