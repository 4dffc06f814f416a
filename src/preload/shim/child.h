// SPDX-License-Identifier: Apache-2.0
//
// What a process below `cotter exec` does before it becomes, or starts, another program: look
// whether that one is covered, and see to it that it inherits the settings, whatever the
// environment is that the program made for it. All of it may run between vfork and exec: nothing is
// allocated. Safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <climits>

namespace cotter::preload {

// Environments with more entries cannot be passed on; real ones have about 50.
inline constexpr std::size_t kMaxEnvironment = 4096;

// ChildEnvironment is the environment of a child: the program's, with the settings in it. Lives on
// the caller's stack until exec.
class ChildEnvironment {
 public:
  // `program` may be null: an empty environment.
  explicit ChildEnvironment(char* const* program) noexcept;
  ChildEnvironment(const ChildEnvironment&) = delete;
  ChildEnvironment& operator=(const ChildEnvironment&) = delete;

  // is_complete is false where it would not fit: errno is set, and the exec must fail.
  [[nodiscard]] bool is_complete() const noexcept { return complete_; }
  [[nodiscard]] char* const* get() const noexcept {
    // exec takes strings that it could write to, and does not.
    return static_cast<char* const*>(static_cast<const void*>(entries_.data()));
  }

 private:
  bool Add(const char* entry) noexcept;
  bool AddPreload(std::string_view others) noexcept;

  std::array<const char*, kMaxEnvironment> entries_;
  std::array<char, std::size_t{2} * PATH_MAX> preload_;
  std::size_t count_ = 0;
  bool complete_ = false;
};

// MayRun reports whether the program at `path` may be run, and says why not, with errno set. What
// cannot be executed at all may be: exec will say so.
[[nodiscard]] bool MayRun(const char* path) noexcept;

// MayRunFile is the same for an open file.
[[nodiscard]] bool MayRunFile(int file) noexcept;

// MayRunFound is the same for what execvp would find as `file`.
[[nodiscard]] bool MayRunFound(const char* file) noexcept;

// RestoreEnvironment puts the settings back into the process's own environment, for the functions
// of libc that pass that on. Not for use after vfork.
void RestoreEnvironment() noexcept;

}  // namespace cotter::preload
