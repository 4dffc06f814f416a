// SPDX-License-Identifier: Apache-2.0
//
// ReadBinaryPlist: a table of objects that refer to one another, and a trailer that says where it
// stands.
#include <optional>
#include <unordered_set>
#include <utility>

#include "formats/plist_tree.h"

namespace cotter::formats {
namespace {

constexpr std::size_t kMagic = 8;  // "bplist00"
constexpr std::size_t kTrailer = 32;

// The high half of an object's first byte.
constexpr unsigned kSimple = 0x0;
constexpr unsigned kAscii = 0x5;
constexpr unsigned kUtf16 = 0x6;
constexpr unsigned kArray = 0xA;
constexpr unsigned kDictionary = 0xD;

// What an object's first bytes say: how many bytes, characters or references follow, and where.
struct Head {
  unsigned type = 0;
  std::size_t length = 0;
  std::size_t at = 0;
};

class BinaryReader {
 public:
  explicit BinaryReader(ByteView bytes) : bytes_(bytes) {}

  // Read is the tree, or nothing after a fault was recorded.
  std::optional<PlistValue> Read() {
    if (bytes_.size() < kMagic + kTrailer) return Fault("it is cut off");
    const std::size_t trailer = bytes_.size() - kTrailer;
    offset_size_ = bytes_[trailer + 6];
    reference_size_ = bytes_[trailer + 7];
    count_ = Number(trailer + 8, 8);
    table_ = Number(trailer + 24, 8);
    const bool sound = offset_size_ >= 1 && offset_size_ <= 8 && reference_size_ >= 1 &&
                       reference_size_ <= 8 && table_ <= trailer &&
                       (trailer - table_) / offset_size_ >= count_;
    if (!sound) return Fault("its trailer is wrong");
    PlistValue root;
    if (!Value(Number(trailer + 16, 8), root, 0)) return std::nullopt;
    return root;
  }

  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  std::nullopt_t Fault(const char* what) {
    if (fault_.empty()) fault_ = what;
    return std::nullopt;
  }
  bool Fail(const char* what) {
    Fault(what);
    return false;
  }

  // Number is big-endian; one that does not stand in the file is more than anything.
  [[nodiscard]] std::size_t Number(std::size_t at, std::size_t size) const {
    std::size_t value = 0;
    if (at > bytes_.size() || bytes_.size() - at < size) return ~std::size_t{0};
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes_[at + i];
    return value;
  }

  // HeadOf reads the head of object `index`, whose content of `unit` bytes each is in the file.
  [[nodiscard]] std::optional<Head> HeadOf(std::size_t index) const {
    if (index >= count_) return std::nullopt;
    Head head;
    head.at = Number(table_ + index * offset_size_, offset_size_);
    if (head.at >= bytes_.size()) return std::nullopt;
    head.type = bytes_[head.at] >> 4;
    head.length = bytes_[head.at++] & 0x0F;
    if (head.type == kSimple || head.length != 0x0F) return head;
    if (head.at >= bytes_.size()) return std::nullopt;
    const std::size_t size = std::size_t{1} << (bytes_[head.at++] & 0x03);
    head.length = Number(head.at, size);
    head.at += size;
    return head;
  }

  [[nodiscard]] bool Stands(const Head& head, std::size_t unit) const {
    return head.at <= bytes_.size() && head.length <= (bytes_.size() - head.at) / unit;
  }

  [[nodiscard]] std::size_t Reference(const Head& head, std::size_t i) const {
    return Number(head.at + i * reference_size_, reference_size_);
  }

  bool Value(std::size_t index, PlistValue& value, std::size_t depth) {
    // A cycle ends at the depth, and sharing at the count.
    if (depth > kMaxPlistDepth || ++nodes_ > kMaxPlistNodes) {
      return Fail("its values unfold too deep, or to too many");
    }
    const std::optional<Head> head = HeadOf(index);
    if (!head) return Fail("an object does not stand in the file");
    switch (head->type) {
      case kSimple:
        if (head->length == 8 || head->length == 9) value.kind = PlistValue::Kind::kBoolean;
        value.boolean = head->length == 9;
        return true;
      case kAscii:
      case kUtf16:
        value.kind = PlistValue::Kind::kString;
        return Text(*head, value.text);
      case kArray:
        value.kind = PlistValue::Kind::kArray;
        return Items(*head, value, depth);
      case kDictionary:
        value.kind = PlistValue::Kind::kDictionary;
        return Members(*head, value, depth);
      default:
        return true;  // numbers, dates and data: nothing that pins
    }
  }

  bool Text(const Head& head, std::string& text) {
    const std::size_t unit = head.type == kAscii ? 1 : 2;
    if (!Stands(head, unit)) return Fail("a text does not stand in the file");
    // Shared texts are copied: their sum is bounded as the count of values is.
    if ((text_size_ += head.length) > kMaxForeignText) return Fail("its texts unfold to too much");
    for (std::size_t i = 0; i < head.length; ++i) {
      const std::size_t c = Number(head.at + i * unit, unit);
      // Hosts, pins and the keys that matter are ASCII.
      text += c > 0 && c < 0x80 ? static_cast<char>(c) : '?';
    }
    return true;
  }

  bool Items(const Head& head, PlistValue& value, std::size_t depth) {
    if (!Stands(head, reference_size_)) return Fail("an array does not stand in the file");
    for (std::size_t i = 0; i < head.length; ++i) {
      if (!Value(Reference(head, i), value.items.emplace_back(), depth + 1)) return false;
    }
    return true;
  }

  bool Members(const Head& head, PlistValue& value, std::size_t depth) {
    if (!Stands(head, 2 * reference_size_)) return Fail("a dictionary does not stand in the file");
    std::unordered_set<std::string> seen;
    for (std::size_t i = 0; i < head.length; ++i) {
      const std::optional<Head> key = HeadOf(Reference(head, i));
      std::string text;
      if (!key || (key->type != kAscii && key->type != kUtf16)) return Fail("a key is no text");
      if (!Text(*key, text)) return false;
      if (key->type == kAscii && !seen.insert(text).second) return Fail("a key stands there twice");
      value.members.emplace_back(std::move(text), PlistValue{});
      if (!Value(Reference(head, head.length + i), value.members.back().second, depth + 1)) {
        return false;
      }
    }
    return true;
  }

  ByteView bytes_;
  std::size_t offset_size_ = 0;
  std::size_t reference_size_ = 0;
  std::size_t count_ = 0;
  std::size_t table_ = 0;
  std::size_t nodes_ = 0;
  std::size_t text_size_ = 0;
  std::string fault_;
};

}  // namespace

Result<PlistValue> ReadBinaryPlist(std::string_view name, ByteView bytes) {
  BinaryReader reader(bytes);
  std::optional<PlistValue> root = reader.Read();
  if (root) return *std::move(root);
  return Error{Code::kFormatMalformed,
               std::string(name) + ": a broken binary property list: " + reader.fault()};
}

}  // namespace cotter::formats
