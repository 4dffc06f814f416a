// SPDX-License-Identifier: Apache-2.0
#include "formats/plist_check.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "formats/plist_tree.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kAppleDtd = "\"-//Apple//DTD PLIST 1.0//EN\"";
constexpr std::string_view kOldAppleDtd = "\"-//Apple Computer//DTD PLIST 1.0//EN\"";

// XmlWalker looks at the tags of an XML property list alone.
class XmlWalker {
 public:
  explicit XmlWalker(const SourceText& source) : source_(source), text_(source.text()) {}

  std::optional<Error> Walk() {
    for (at_ = text_.find('<'); at_ != std::string_view::npos; at_ = text_.find('<', at_)) {
      if (std::optional<Error> fault = Tag()) return fault;
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] Error Fault(const std::string& what) const {
    return source_.Fail(at_, Code::kFormatMalformed, what);
  }

  std::optional<Error> Tag() {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("<!--")) return Skip("-->");
    if (rest.starts_with("<?")) return Skip("?>");
    if (rest.starts_with("<![CDATA[")) return Skip("]]>");
    if (rest.starts_with("<!")) return Declaration(rest);
    const std::size_t end = rest.find('>');
    if (end == std::string_view::npos) return Fault("a tag does not end");
    const std::string_view tag = rest.substr(1, end - 1);
    const std::string_view name = tag.substr(0, tag.find_first_of(" \t\r\n/", 1));
    const bool closes = tag.starts_with('/');
    const bool empty = tag.ends_with('/');
    const bool holds = name == "dict" || name == "array";
    if (closes && (tag == "/dict" || tag == "/array")) {
      if (keys_.empty()) return Fault("</" + std::string(tag.substr(1)) + "> closes nothing");
      keys_.pop_back();
    } else if (holds && !empty) {
      if (keys_.size() == kMaxPlistDepth) return Fault("values are nested too deep");
      keys_.emplace_back();
    } else if (name == "key" && !empty && !keys_.empty()) {
      const std::string_view key = rest.substr(end + 1, rest.find('<', end) - end - 1);
      if (!keys_.back().emplace(key).second) {
        return Fault("the key " + Quoted(key) + " stands here twice");
      }
    }
    if (++values_ > 2 * kMaxPlistNodes) return Fault("more values than any app has");
    at_ += end + 1;
    return std::nullopt;
  }

  std::optional<Error> Declaration(std::string_view rest) {
    const std::size_t end = rest.find_first_of(">[");
    const std::string_view dtd = rest.substr(0, end);
    const bool apple = dtd.find(kAppleDtd) != std::string_view::npos ||
                       dtd.find(kOldAppleDtd) != std::string_view::npos;
    if (!rest.starts_with("<!DOCTYPE") || !apple || end == std::string_view::npos ||
        rest[end] == '[') {
      return Fault("a DTD or entity is refused: it could stand for anything");
    }
    at_ += end + 1;
    return std::nullopt;
  }

  std::optional<Error> Skip(std::string_view end) {
    const std::size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return Fault("does not end");
    at_ = found + end.size();
    return std::nullopt;
  }

  const SourceText& source_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t values_ = 0;
  std::vector<std::unordered_set<std::string_view>> keys_;
};

// BinaryWalker counts the tree that the object table unfolds to, each object once.
class BinaryWalker {
 public:
  explicit BinaryWalker(ByteView bytes) : bytes_(bytes) {}

  std::optional<std::string> Walk() {
    constexpr std::size_t kTrailer = 32;
    if (bytes_.size() < 8 + kTrailer) return "it is cut off";
    const std::size_t trailer = bytes_.size() - kTrailer;
    offset_size_ = bytes_[trailer + 6];
    ref_size_ = bytes_[trailer + 7];
    count_ = Number(trailer + 8, 8);
    const std::size_t top = Number(trailer + 16, 8);
    table_ = Number(trailer + 24, 8);
    if (offset_size_ < 1 || offset_size_ > 8 || ref_size_ < 1 || ref_size_ > 8 ||
        count_ > kMaxPlistNodes || table_ > trailer || (trailer - table_) / offset_size_ < count_ ||
        top >= count_) {
      return "its trailer is wrong";
    }
    sizes_.assign(count_, kUnknown);
    if (Size(top, 0) > kMaxPlistNodes) {
      return "a key is no text, or its objects unfold to too many values, too deep, or to "
             "themselves";
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kUnknown = 0;
  static constexpr std::size_t kTooMany = kMaxPlistNodes + 1;

  // Number is big-endian; what does not fit into the file is more than anything.
  [[nodiscard]] std::size_t Number(std::size_t at, std::size_t size) const {
    std::size_t value = 0;
    if (at > bytes_.size() || bytes_.size() - at < size) return ~std::size_t{0};
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes_[at + i];
    return value;
  }

  // IsText reports whether object `index` is a string: libplist ends the process where a key of a
  // dictionary is anything else.
  [[nodiscard]] bool IsText(std::size_t index) const {
    if (index >= count_) return false;
    const std::size_t at = Number(table_ + index * offset_size_, offset_size_);
    if (at >= bytes_.size()) return false;
    const unsigned type = bytes_[at] >> 4;
    return type == 0x5 || type == 0x6;
  }

  // Size is how many values object `index` unfolds to, or more than kMaxPlistNodes.
  std::size_t Size(std::size_t index, std::size_t depth) {
    if (index >= count_ || depth > kMaxPlistDepth) return kTooMany;
    if (sizes_[index] != kUnknown) return sizes_[index];
    sizes_[index] = kTooMany;  // what it is while it is open: a cycle never ends
    std::size_t at = Number(table_ + index * offset_size_, offset_size_);
    if (at >= bytes_.size()) return kTooMany;
    const unsigned type = bytes_[at] >> 4;
    std::size_t length = bytes_[at] & 0x0F;
    std::size_t size = 1;
    if (type == 0xA || type == 0xC || type == 0xD) {
      ++at;
      if (length == 0x0F) {
        if (at >= bytes_.size()) return kTooMany;
        const std::size_t bytes = std::size_t{1} << (bytes_[at] & 0x03);
        length = Number(at + 1, bytes);
        at += 1 + bytes;
      }
      const std::size_t keys = type == 0xD ? length : 0;
      if (type == 0xD) length = length > kMaxPlistNodes ? length : 2 * length;
      if (length > (bytes_.size() - std::min(at, bytes_.size())) / ref_size_) return kTooMany;
      for (std::size_t i = 0; i < keys; ++i) {
        if (!IsText(Number(at + i * ref_size_, ref_size_))) return kTooMany;
      }
      for (std::size_t i = 0; i < length && size <= kMaxPlistNodes; ++i) {
        size += Size(Number(at + i * ref_size_, ref_size_), depth + 1);
      }
    }
    sizes_[index] = std::min(size, kTooMany);
    return sizes_[index];
  }

  ByteView bytes_;
  std::size_t offset_size_ = 0;
  std::size_t ref_size_ = 0;
  std::size_t count_ = 0;
  std::size_t table_ = 0;
  std::vector<std::size_t> sizes_;
};

}  // namespace

std::optional<Error> XmlPlistFault(const SourceText& source) { return XmlWalker(source).Walk(); }

std::optional<std::string> BinaryPlistFault(ByteView bytes) { return BinaryWalker(bytes).Walk(); }

}  // namespace cotter::formats
