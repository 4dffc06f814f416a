// SPDX-License-Identifier: Apache-2.0
//
// The deleter of OpenSSL's objects, for std::unique_ptr. For the files of this room.
#pragma once

namespace cotter::formats {

// Free calls `Function`, one of OpenSSL's X_free, on what a std::unique_ptr held.
template <auto Function>
struct Free {
  template <typename T>
  void operator()(T* value) const noexcept {
    Function(value);
  }
};

}  // namespace cotter::formats
