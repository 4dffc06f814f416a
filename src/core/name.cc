// SPDX-License-Identifier: Apache-2.0
//
// FormatName: a Name as RFC 4514 text.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/der.h"
#include <cotter/certificate.h>

namespace cotter {
namespace {

using der::Element;
using der::Reader;

// A Name with more parts than this is shown as its hex: certificates have about five.
constexpr std::size_t kMaxRdns = 64;

// What is shown of a value that cannot be read.
constexpr std::size_t kMaxHexBytes = 64;

struct AttributeName {
  std::string_view oid;  // the content octets
  std::string_view name;
};

// The short names of RFC 4514, 3 and those that OpenSSL prints for what certificates hold beside
// them.
constexpr std::array<AttributeName, 19> kAttributes = {{
    {"\x55\x04\x03", "CN"},
    {"\x55\x04\x04", "SN"},
    {"\x55\x04\x05", "serialNumber"},
    {"\x55\x04\x06", "C"},
    {"\x55\x04\x07", "L"},
    {"\x55\x04\x08", "ST"},
    {"\x55\x04\x09", "street"},
    {"\x55\x04\x0A", "O"},
    {"\x55\x04\x0B", "OU"},
    {"\x55\x04\x0C", "title"},
    {"\x55\x04\x0F", "businessCategory"},
    {"\x55\x04\x11", "postalCode"},
    {"\x55\x04\x2A", "GN"},
    {"\x55\x04\x2B", "initials"},
    {"\x55\x04\x2E", "dnQualifier"},
    {"\x55\x04\x61", "organizationIdentifier"},
    {"\x09\x92\x26\x89\x93\xF2\x2C\x64\x01\x01", "UID"},
    {"\x09\x92\x26\x89\x93\xF2\x2C\x64\x01\x19", "DC"},
    {"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x01", "emailAddress"},
}};

void AppendHexByte(std::string& text, std::uint8_t byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  text += kDigits[byte >> 4];
  text += kDigits[byte & 15];
}

void AppendHex(std::string& text, ByteView bytes) {
  text += '#';
  for (const std::uint8_t byte : bytes.first(std::min(bytes.size(), kMaxHexBytes))) {
    AppendHexByte(text, byte);
  }
}

// AppendOid writes dotted decimals; the hex of the content where it is not a sound OID.
void AppendOid(std::string& text, ByteView oid) {
  std::uint64_t value = 0;
  bool first = true;
  std::string dotted;
  for (std::size_t i = 0; i < oid.size(); ++i) {
    if (value >> 56 != 0) return AppendHex(text, oid);
    value = value << 7 | (oid[i] & 0x7FU);
    if ((oid[i] & 0x80) != 0) continue;
    if (first) {
      const std::uint64_t arc = std::min<std::uint64_t>(value / 40, 2);
      dotted = std::to_string(arc) + "." + std::to_string(value - arc * 40);
      first = false;
    } else {
      dotted += "." + std::to_string(value);
    }
    value = 0;
  }
  if (oid.empty() || (oid.back() & 0x80) != 0) return AppendHex(text, oid);
  text += dotted;
}

// AppendUtf8 encodes one code point; a surrogate or one beyond Unicode becomes U+FFFD.
void AppendUtf8(std::string& text, std::uint32_t point) {
  if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) point = 0xFFFD;
  const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 63));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 63));
    put(0x80 | (point & 63));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 63));
    put(0x80 | (point >> 6 & 63));
    put(0x80 | (point & 63));
  }
}

// ToUtf8 is the value of a directory string, not yet escaped; nullopt for other types and odd
// lengths.
std::optional<std::string> ToUtf8(const Element& value) {
  const ByteView content = value.content;
  std::string text;
  switch (value.tag) {
    case der::kUtf8String:
    case der::kPrintableString:
    case der::kIa5String:
      return std::string(AsText(content));
    case der::kTeletexString:  // in practice Latin-1
      for (const std::uint8_t byte : content) AppendUtf8(text, byte);
      return text;
    case der::kBmpString:
      if (content.size() % 2 != 0) return std::nullopt;
      for (std::size_t i = 0; i < content.size(); i += 2) {
        AppendUtf8(text, static_cast<std::uint32_t>(content[i] << 8 | content[i + 1]));
      }
      return text;
    case der::kUniversalString:
      if (content.size() % 4 != 0) return std::nullopt;
      for (std::size_t i = 0; i < content.size(); i += 4) {
        AppendUtf8(text, std::uint32_t{content[i]} << 24 | std::uint32_t{content[i + 1]} << 16 |
                             std::uint32_t{content[i + 2]} << 8 | content[i + 3]);
      }
      return text;
    default:
      return std::nullopt;
  }
}

// Utf8Length is the length of the well-formed UTF-8 sequence at the front of `text`, 0 if there is
// none. C1 controls and the bidirectional overrides count as ill-formed: they rearrange a terminal.
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [text](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const std::uint32_t lead = byte(0);
  const std::size_t length = lead < 0xC2   ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  if (length == 0) return 0;
  std::uint32_t point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    point = point << 6 | (byte(i) & 63);
  }
  constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kSmallest[length] || point > 0x10FFFF) return 0;
  const bool surrogate = point >= 0xD800 && point < 0xE000;
  const bool control = point < 0xA0 || point == 0x200E || point == 0x200F || point == 0x2028 ||
                       point == 0x2029 || (point >= 0x202A && point <= 0x202E) ||
                       (point >= 0x2066 && point <= 0x2069);
  return surrogate || control ? 0 : length;
}

// AppendEscaped writes a value as RFC 4514, 2.4 asks.
void AppendEscaped(std::string& text, std::string_view value) {
  for (std::size_t i = 0; i < value.size();) {
    const char c = value[i];
    const auto byte = static_cast<unsigned char>(c);
    const bool edge_space = c == ' ' && (i == 0 || i + 1 == value.size());
    if (byte >= 0x80) {
      const std::size_t length = Utf8Length(value.substr(i));
      if (length != 0) {
        text += value.substr(i, length);
        i += length;
        continue;
      }
    }
    if (byte < 0x20 || byte >= 0x7F) {
      text += '\\';
      AppendHexByte(text, byte);
    } else {
      if (edge_space || (c == '#' && i == 0) ||
          std::string_view("\"+,;<>\\").find(c) != std::string_view::npos) {
        text += '\\';
      }
      text += c;
    }
    ++i;
  }
}

bool AppendAttribute(std::string& text, const Element& attribute) {
  Reader parts(attribute.content);
  const std::optional<Element> oid = parts.Take(der::kOid);
  const std::optional<Element> value = parts.Next();
  if (!oid || !value || !parts.at_end()) return false;
  const auto* known = std::ranges::find(kAttributes, AsText(oid->content), &AttributeName::oid);
  const std::optional<std::string> utf8 = ToUtf8(*value);
  if (known != kAttributes.end()) {
    text += known->name;
  } else {
    AppendOid(text, oid->content);
  }
  text += '=';
  // RFC 4514, 2.4: an unknown type's value is the hex of its BER.
  if (known == kAttributes.end() || !utf8) {
    AppendHex(text, value->whole);
  } else {
    AppendEscaped(text, *utf8);
  }
  return true;
}

std::optional<std::string> FormatRdn(ByteView set) {
  Reader attributes(set);
  std::string text;
  while (!attributes.at_end()) {
    const std::optional<Element> attribute = attributes.Take(der::kSequence);
    if (!text.empty()) text += '+';
    if (!attribute || !AppendAttribute(text, *attribute)) return std::nullopt;
  }
  return text;
}

std::optional<std::string> FormatRdns(ByteView name) {
  const std::optional<ByteView> content = der::TakeOnly(name, der::kSequence);
  if (!content) return std::nullopt;
  std::vector<std::string> rdns;
  for (Reader sets(*content); !sets.at_end();) {
    const std::optional<Element> set = sets.Take(der::kSet);
    if (!set || rdns.size() == kMaxRdns) return std::nullopt;
    std::optional<std::string> rdn = FormatRdn(set->content);
    if (!rdn) return std::nullopt;
    rdns.push_back(std::move(*rdn));
  }
  std::string text;
  // RFC 4514, 2.1: "starting with the last element of the sequence and moving backwards toward the
  // first".
  for (auto rdn = rdns.rbegin(); rdn != rdns.rend(); ++rdn) {
    if (rdn != rdns.rbegin()) text += ',';
    text += *rdn;
  }
  return text;
}

}  // namespace

std::string FormatName(ByteView name) {
  if (std::optional<std::string> text = FormatRdns(name)) return *std::move(text);
  std::string text;
  AppendHex(text, name);
  return text;
}

}  // namespace cotter
