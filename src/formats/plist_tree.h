// SPDX-License-Identifier: Apache-2.0
//
// Apple's property lists, XML and binary, as a plain tree. They are read here, because libplist 2.2
// ends the process on broken binary lists (a key that is no text, for one). Also finds the
// Info.plist of an app package. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/exchange.h"
#include "formats/source_text.h"
#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::formats {

inline constexpr std::size_t kMaxPlistDepth = 64;  // real ones nest 8 deep

// Real lists have some thousand values. In a binary one objects may be shared, so a small file
// could unfold to any number.
inline constexpr std::size_t kMaxPlistNodes = 1'000'000;

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

// IsAppPackage reports whether `file` looks like an IPA: a package with a folder Payload.
[[nodiscard]] bool IsAppPackage(const InputFile& file) noexcept;

// ReadPlist reads a property list, or Payload/*.app/Info.plist of an IPA. Fails with
// kFormatMalformed: entities, a DTD but Apple's, too deep, too many values, a key twice or no text.
[[nodiscard]] Result<Plist> ReadPlist(const InputFile& file);

// ReadBinaryPlist reads the tree of a binary list (Apple's CFBinaryPList.c). Fails with
// kFormatMalformed and `name`.
[[nodiscard]] Result<PlistValue> ReadBinaryPlist(std::string_view name, ByteView bytes);

}  // namespace cotter::formats
