// SPDX-License-Identifier: Apache-2.0
//
// Structs of options whose first member is their size, read across versions of the header.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <cotter/result.h>

namespace cotter::capi {

// ReadOptions copies `given`, which may be NULL for the defaults, into a struct of this version. A
// shorter one is an older program's: what it does not know is zero. A longer one is a newer
// program's: what we do not know has to be zero, because leaving out an option could loosen
// something. Fails with kUsage.
template <typename Options>
[[nodiscard]] Result<Options> ReadOptions(const Options* given) {
  static_assert(offsetof(Options, size) == 0);
  Options options{};
  if (given == nullptr) return options;
  const std::size_t size = given->size;
  // The size alone, and sizes that no version of any struct has had, are forgotten _INITs.
  constexpr std::size_t kLargest = 4096;
  if (size <= sizeof(std::size_t) || size > kLargest) {
    return Error{Code::kUsage, "options: the size is not set; begin with the struct's _INIT"};
  }
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(given);
  const bool known =
      size <= sizeof options || std::all_of(bytes + sizeof options, bytes + size,
                                            [](std::uint8_t byte) { return byte == 0; });
  if (!known) {
    return Error{Code::kUsage,
                 "options: this library is older than its caller and lacks an option"};
  }
  std::memcpy(&options, given, std::min(size, sizeof options));
  options.size = sizeof options;
  return options;
}

}  // namespace cotter::capi
