// SPDX-License-Identifier: Apache-2.0
#include "formats/asn1_text.h"

#include <array>
#include <memory>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>

namespace cotter::formats {

ByteView BytesOf(const ASN1_STRING* string) noexcept {
  if (string == nullptr) return {};
  return {ASN1_STRING_get0_data(string), static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string TextOf(const ASN1_STRING* string) {
  struct FreeBytes {
    void operator()(unsigned char* bytes) const noexcept { OPENSSL_free(bytes); }
  };
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, string);
  const std::unique_ptr<unsigned char, FreeBytes> owned(utf8);
  ERR_clear_error();
  if (size < 0) return "#" + EncodeHex(BytesOf(string));
  return Utf8Of(ByteView(utf8, static_cast<std::size_t>(size)));
}

std::string Utf8Of(ByteView bytes) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    unsigned long point = 0;
    constexpr std::size_t kLongest = 6;
    const int size =
        UTF8_getc(bytes.data(), static_cast<int>(std::min(bytes.size(), kLongest)), &point);
    // UTF8_getc takes the forms of RFC 2279, which go past the last code point.
    const bool sound = size > 0 && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    const std::size_t taken = sound ? static_cast<std::size_t>(size) : 1;
    text += sound ? AsText(bytes.first(taken)) : kReplacement;
    bytes = bytes.subspan(taken);
  }
  return text;
}

std::string OidOf(const ASN1_OBJECT* object) {
  std::array<char, 256> text{};  // the longest in use have 40 characters
  const int size = OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 1);
  ERR_clear_error();
  if (size > 0 && static_cast<std::size_t>(size) < text.size()) return text.data();
  return "#" + EncodeHex(ByteView(OBJ_get0_data(object), OBJ_length(object)));
}

std::string SnakeOf(std::string_view name) {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  std::string snake;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool word = upper(name[i]) && i > 0 && !upper(name[i - 1]) && snake.back() != '_';
    if (word) snake += '_';
    if (name[i] == ' ' || name[i] == '-' || name[i] == '/') {
      if (!snake.empty() && snake.back() != '_') snake += '_';
    } else {
      snake += upper(name[i]) ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
    }
  }
  return snake;
}

std::string HexInteger(const ASN1_INTEGER* integer) {
  const bool negative = ASN1_STRING_type(integer) == V_ASN1_NEG_INTEGER;
  std::string hex = EncodeHex(BytesOf(integer));
  if (hex.empty()) hex = "00";
  return (negative ? "-" : "") + hex;
}

std::optional<std::int64_t> SmallInteger(const ASN1_INTEGER* integer) noexcept {
  std::int64_t value = 0;
  const bool fits = integer != nullptr && ASN1_INTEGER_get_int64(&value, integer) == 1;
  ERR_clear_error();
  return fits ? std::optional(value) : std::nullopt;
}

}  // namespace cotter::formats
