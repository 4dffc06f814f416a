// SPDX-License-Identifier: Apache-2.0
//
// ParseBinaryXml. Debian has no library for this form but Android's own libandroidfw, which is made
// to be mapped in by a device that made the file itself; so it is read here, strictly.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "formats/xml_tree.h"

namespace cotter::formats {
namespace {

// Chunk types of ResourceTypes.h.
constexpr std::uint16_t kStringPool = 0x0001;
constexpr std::uint16_t kXml = 0x0003;
constexpr std::uint16_t kStartElement = 0x0102;
constexpr std::uint16_t kEndElement = 0x0103;
constexpr std::uint16_t kCdata = 0x0104;

// Types of values.
constexpr std::uint8_t kReference = 0x01;
constexpr std::uint8_t kString = 0x03;
constexpr std::uint8_t kDecimal = 0x10;
constexpr std::uint8_t kBoolean = 0x12;

// A pool of more strings than this is no configuration; the bound keeps memory small.
constexpr std::uint32_t kMaxStrings = 1'000'000;

// Reader reads little-endian numbers inside `bytes`; reading past the end gives 0 and is
// remembered.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  std::uint32_t U8(std::size_t at) { return Number(at, 1); }
  std::uint32_t U16(std::size_t at) { return Number(at, 2); }
  std::uint32_t U32(std::size_t at) { return Number(at, 4); }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] ByteView bytes() const { return bytes_; }

 private:
  std::uint32_t Number(std::size_t at, std::size_t size) {
    if (at > bytes_.size() || bytes_.size() - at < size) {
      failed_ = true;
      return 0;
    }
    std::uint32_t value = 0;
    for (std::size_t i = size; i > 0; --i) value = (value << 8) | bytes_[at + i - 1];
    return value;
  }

  ByteView bytes_;
  bool failed_ = false;
};

// StringPool is ResStringPool: UTF-8 or UTF-16 strings by number.
class StringPool {
 public:
  bool Read(ByteView chunk) {
    Reader reader(chunk);
    const std::uint32_t count = reader.U32(8);
    const bool utf8 = (reader.U32(16) & 0x100) != 0;
    const std::uint32_t start = reader.U32(20);
    const std::uint32_t header = reader.U16(2);
    if (reader.failed() || count > kMaxStrings || start > chunk.size()) return false;
    std::size_t total = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::size_t at = std::size_t{start} + reader.U32(header + std::size_t{i} * 4);
      if (reader.failed()) return false;
      std::optional<std::string> text = utf8 ? Utf8(reader, at) : Utf16(reader, at);
      // Strings may overlap in a hostile pool: their sum is bounded by what an honest one has.
      if (!text || (total += text->size()) > 4 * chunk.size()) return false;
      strings_.push_back(std::move(*text));
    }
    return true;
  }

  [[nodiscard]] const std::string* Find(std::uint32_t index) const {
    return index < strings_.size() ? &strings_[index] : nullptr;
  }

 private:
  static std::optional<std::string> Utf8(Reader& reader, std::size_t at) {
    // Two lengths, in UTF-16 units and in bytes, each of one byte or two.
    at += (reader.U8(at) & 0x80) != 0 ? 2 : 1;
    std::size_t length = reader.U8(at++);
    if ((length & 0x80) != 0) length = (length & 0x7F) << 8 | reader.U8(at++);
    if (reader.failed() || reader.size() - at < length) return std::nullopt;
    std::string text(AsText(reader.bytes().subspan(at, length)));
    if (base::InvalidUtf8(text) != std::string::npos) return std::nullopt;
    return text;
  }

  static std::optional<std::string> Utf16(Reader& reader, std::size_t at) {
    std::size_t length = reader.U16(at);
    at += 2;
    if ((length & 0x8000) != 0) {
      length = (length & 0x7FFF) << 16 | reader.U16(at);
      at += 2;
    }
    if (reader.failed() || (reader.size() - at) / 2 < length) return std::nullopt;
    std::string text;
    for (std::size_t i = 0; i < length; ++i) {
      const std::uint32_t unit = reader.U16(at + 2 * i);
      // Names, pins and hosts are ASCII; what is not can stay what it is not.
      text += unit < 0x80 ? static_cast<char>(unit) : '?';
    }
    return text;
  }

  std::vector<std::string> strings_;
};

class TreeReader {
 public:
  TreeReader(ByteView bytes, const SourceText& source) : reader_(bytes), source_(source) {}

  Result<XmlElement> Read() {
    if (reader_.U16(0) != kXml || reader_.U32(4) != reader_.size()) return Broken("its header");
    std::size_t at = reader_.U16(2);
    while (at < reader_.size()) {
      const std::uint32_t type = reader_.U16(at);
      const std::uint32_t header = reader_.U16(at + 2);
      const std::uint32_t size = reader_.U32(at + 4);
      if (reader_.failed() || size < 8 || header < 8 || header > size ||
          size > reader_.size() - at) {
        return Broken("a chunk");
      }
      if (!Chunk(at, type, header, size) || reader_.failed()) return Broken("an element");
      at += size;
    }
    if (!path_.empty() || root_.name.empty()) return Broken("its end");
    return std::move(root_);
  }

 private:
  Error Broken(const std::string& where) const {
    return source_.Fail(line_, Code::kFormatMalformed, "binary XML is broken at " + where);
  }

  bool Chunk(std::size_t at, std::uint32_t type, std::uint32_t header, std::uint32_t size) {
    switch (type) {
      case kStringPool:
        return pool_.Read(reader_.bytes().subspan(at, size));
      case kStartElement:
        line_ = reader_.U32(at + 8);
        return Start(at + header, at + size);
      case kEndElement:
        if (path_.empty()) return false;
        path_.pop_back();
        return true;
      case kCdata:
        return Text(at + header);
      default:
        return true;  // namespaces and the map of resources tell nothing here
    }
  }

  bool Start(std::size_t at, std::size_t end) {
    if (path_.size() > kMaxXmlDepth || (path_.empty() && !root_.name.empty())) return false;
    const std::string* name = pool_.Find(reader_.U32(at + 4));
    if (name == nullptr || name->empty()) return false;
    XmlElement* element = &root_;
    if (!path_.empty()) element = &path_.back()->children.emplace_back();
    element->name = *name;
    element->offset = line_;
    path_.push_back(element);
    const std::size_t first = at + reader_.U16(at + 8);
    const std::size_t each = reader_.U16(at + 10);
    const std::size_t count = reader_.U16(at + 12);
    if (count > 0 && (each < 20 || first > end || (end - first) / each < count)) return false;
    for (std::size_t i = 0; i < count; ++i) {
      if (!Attribute(first + i * each, *element)) return false;
    }
    return true;
  }

  bool Attribute(std::size_t at, XmlElement& element) {
    const std::string* name = pool_.Find(reader_.U32(at + 4));
    if (name == nullptr || element.Attribute(*name)) return false;
    const std::optional<std::string> value =
        Value(reader_.U32(at + 8), reader_.U8(at + 15), reader_.U32(at + 16));
    if (!value) return false;
    element.attributes.emplace_back(*name, *value);
    return true;
  }

  std::optional<std::string> Value(std::uint32_t raw, std::uint32_t type, std::uint32_t data) {
    if (type == kReference) {
      const std::array<std::uint8_t, 4> bytes = {
          static_cast<std::uint8_t>(data >> 24), static_cast<std::uint8_t>(data >> 16),
          static_cast<std::uint8_t>(data >> 8), static_cast<std::uint8_t>(data)};
      return "@0x" + EncodeHex(bytes);
    }
    if (type == kBoolean) return data != 0 ? "true" : "false";
    if (type == kDecimal) return std::to_string(static_cast<std::int32_t>(data));
    const std::string* text = pool_.Find(type == kString ? data : raw);
    if (text == nullptr) return std::nullopt;
    return *text;
  }

  bool Text(std::size_t at) {
    const std::string* text = pool_.Find(reader_.U32(at));
    if (text == nullptr || path_.empty()) return false;
    constexpr std::string_view kSpace = " \t\r\n";
    const std::size_t first = text->find_first_not_of(kSpace);
    if (first != std::string::npos) {
      path_.back()->text += text->substr(first, text->find_last_not_of(kSpace) - first + 1);
    }
    return true;
  }

  Reader reader_;
  const SourceText& source_;
  StringPool pool_;
  XmlElement root_;
  // Open elements. A parent's list of children grows only while its last child is closed, so the
  // pointers hold.
  std::vector<XmlElement*> path_;
  std::uint32_t line_ = 0;
};

}  // namespace

bool IsBinaryXml(ByteView bytes) noexcept {
  return bytes.size() >= 8 && bytes[0] == 0x03 && bytes[1] == 0x00 && bytes[2] == 0x08 &&
         bytes[3] == 0x00;
}

Result<XmlElement> ParseBinaryXml(ByteView bytes, const SourceText& source) {
  return TreeReader(bytes, source).Read();
}

}  // namespace cotter::formats
