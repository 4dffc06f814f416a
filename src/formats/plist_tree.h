// SPDX-License-Identifier: Apache-2.0
//
// Apple's property lists, XML and binary, as a plain tree: libplist reads them, after a check that
// bounds what it would build (it recurses, and expands shared objects of binary lists). Also finds
// the Info.plist of an app package. Pure but for loading the library, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/exchange.h"
#include "formats/source_text.h"
#include <cotter/result.h>

namespace cotter::formats {

inline constexpr std::size_t kMaxPlistDepth = 64;         // real ones nest 8 deep
inline constexpr std::size_t kMaxPlistNodes = 1'000'000;  // real ones have some thousand values

// PlistValue is one value. Numbers, dates and data are kOther: no pinning key has them.
struct PlistValue {
  enum class Kind : std::uint8_t { kString, kBoolean, kArray, kDictionary, kOther };

  Kind kind = Kind::kOther;
  bool boolean = false;
  std::string text;
  std::vector<PlistValue> items;
  std::vector<std::pair<std::string, PlistValue>> members;

  // Defined in the .cc file: clang 14 would take the members' own type for incomplete here.
  PlistValue();
  PlistValue(const PlistValue& other);
  PlistValue(PlistValue&& other) noexcept;
  PlistValue& operator=(const PlistValue& other);
  PlistValue& operator=(PlistValue&& other) noexcept;
  ~PlistValue();

  // Find is the member called `key`, or null.
  [[nodiscard]] const PlistValue* Find(std::string_view key) const noexcept;
};

// Plist is a property list and where it came from. Borrows the file.
struct Plist {
  PlistValue root;
  SourceText source;  // of an XML list; else its name alone

  // Where is the offset at which `word` first stands, for positions; 0 where it is not to be found.
  [[nodiscard]] std::size_t Where(std::string_view word) const noexcept;
};

// LooksLikePlist reports whether `file` is a property list, or an app package, that holds `word`.
[[nodiscard]] bool LooksLikePlist(const InputFile& file, std::string_view word);

// ReadPlist reads a property list, or Payload/*.app/Info.plist of an IPA. Fails with
// kFormatMalformed: entities, a DTD but Apple's, too deep, too many values, a key twice.
[[nodiscard]] Result<Plist> ReadPlist(const InputFile& file);

}  // namespace cotter::formats
