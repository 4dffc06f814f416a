// SPDX-License-Identifier: Apache-2.0
//
// A shared library that is loaded when it is first needed, so that commands without it start as
// fast as if it were not there. It stays loaded. Safe from any thread.
#pragma once

namespace cotter::base {

// LateLibrary is a library by its soname.
class LateLibrary {
 public:
  // Loads `soname` from where the system keeps libraries.
  explicit LateLibrary(const char* soname) noexcept;

  [[nodiscard]] bool loaded() const noexcept { return handle_ != nullptr; }

  // Find sets `function` to the library's function `name`; false where there is none.
  template <typename Function>
  [[nodiscard]] bool Find(const char* name, Function*& function) const noexcept {
    function = reinterpret_cast<Function*>(Symbol(name));
    return function != nullptr;
  }

 private:
  [[nodiscard]] void* Symbol(const char* name) const noexcept;

  void* handle_;
};

}  // namespace cotter::base
