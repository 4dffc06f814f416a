// SPDX-License-Identifier: Apache-2.0
//
// XML as a plain tree with positions, whether it was text or an Android package's binary form.
// DTDs and entities are refused. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/source_text.h"
#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::formats {

// Configurations nest 8 deep; this bounds every walk.
inline constexpr std::size_t kMaxXmlDepth = 64;

// XmlElement is one element. Text between its children is joined and trimmed.
struct XmlElement {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;  // no name twice
  std::string text;
  std::vector<XmlElement> children;
  std::size_t offset = 0;  // as the SourceText that goes with it counts

  // Attribute is the value of `key`, or nullopt. Borrows.
  [[nodiscard]] std::optional<std::string_view> Attribute(std::string_view key) const noexcept;
};

// Which document type declarations are let through.
enum class Dtd : std::uint8_t {
  kNone,
  kApplePlist,  // the one that every property list names, without anything of its own
};

// ParseXml reads a document and returns its root. Fails with kFormatMalformed and the position:
// not well-formed, a DTD, an encoding other than UTF-8, an attribute twice, too deep.
[[nodiscard]] Result<XmlElement> ParseXml(const SourceText& source, Dtd allowed = Dtd::kNone);

// IsBinaryXml reports whether `bytes` begin as Android's binary XML does.
[[nodiscard]] bool IsBinaryXml(ByteView bytes) noexcept;

// ParseBinaryXml reads Android's binary XML (ResXMLTree of AOSP's ResourceTypes.h), whose offsets
// are line numbers. Names lose their namespace. A value that is a reference to another resource is
// "@0x7f010203". Fails with kFormatMalformed. Time and memory are linear in the input.
[[nodiscard]] Result<XmlElement> ParseBinaryXml(ByteView bytes, const SourceText& source);

}  // namespace cotter::formats
