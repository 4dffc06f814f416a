// SPDX-License-Identifier: Apache-2.0
#include "formats/plist_tree.h"

#include <algorithm>
#include <unordered_set>

#include "formats/xml_tree.h"
#include "formats/zip_file.h"

namespace cotter::formats {
namespace {

// XmlReader makes values of elements (the DTD that every list names). The depth is bounded already.
class XmlReader {
 public:
  explicit XmlReader(const SourceText& source) : source_(source) {}

  Result<PlistValue> Value(const XmlElement& element) {
    PlistValue value;
    if (element.name == "dict") return Dictionary(element);
    if (element.name == "array") {
      value.kind = PlistValue::Kind::kArray;
      for (const XmlElement& child : element.children) {
        Result<PlistValue> item = Value(child);
        if (!item) return item;
        value.items.push_back(*std::move(item));
      }
    } else if (element.name == "string") {
      value.kind = PlistValue::Kind::kString;
      value.text = element.text;
    } else if (element.name == "true" || element.name == "false") {
      value.kind = PlistValue::Kind::kBoolean;
      value.boolean = element.name == "true";
    } else if (element.name == "key" || element.name == "plist") {
      return Fail(element, "<" + element.name + "> stands where a value belongs");
    }
    return value;
  }

 private:
  [[nodiscard]] Error Fail(const XmlElement& at, const std::string& what) const {
    return source_.Fail(at.offset, Code::kFormatMalformed, what);
  }

  Result<PlistValue> Dictionary(const XmlElement& element) {
    PlistValue value;
    value.kind = PlistValue::Kind::kDictionary;
    std::unordered_set<std::string_view> seen;
    for (std::size_t i = 0; i < element.children.size(); i += 2) {
      const XmlElement& key = element.children[i];
      if (key.name != "key") return Fail(key, "expected <key>, found <" + key.name + ">");
      if (!seen.insert(key.text).second) {
        return Fail(key, "the key " + Quoted(key.text) + " stands here twice");
      }
      if (i + 1 == element.children.size()) return Fail(key, "a key without a value");
      Result<PlistValue> member = Value(element.children[i + 1]);
      if (!member) return member;
      value.members.emplace_back(key.text, *std::move(member));
    }
    return value;
  }

  const SourceText& source_;
};

bool IsBinary(ByteView bytes) { return AsText(bytes).starts_with("bplist0"); }

Result<Plist> Parse(std::string_view name, ByteView bytes) {
  if (IsBinary(bytes)) {
    Result<PlistValue> root = ReadBinaryPlist(name, bytes);
    if (!root) return root.error();
    return Plist{*std::move(root), SourceText::OfLines(name)};
  }
  Result<SourceText> source = SourceText::Open({name, bytes});
  if (!source) return source.error();
  const Result<XmlElement> root = ParseXml(*source, Dtd::kApplePlist);
  if (!root) return root.error();
  if (root->name != "plist" || root->children.size() != 1) {
    return source->Fail(root->offset, Code::kFormatMalformed, "expected <plist> with one value");
  }
  Result<PlistValue> value = XmlReader(*source).Value(root->children.front());
  if (!value) return value.error();
  return Plist{*std::move(value), *std::move(source)};
}

bool IsInfoPlist(std::string_view name) {
  if (!name.starts_with("Payload/") || !name.ends_with(".app/Info.plist")) return false;
  return std::ranges::count(name, '/') == 2;
}

}  // namespace

PlistValue::PlistValue() = default;
PlistValue::PlistValue(const PlistValue& other) = default;
PlistValue::PlistValue(PlistValue&& other) noexcept = default;
PlistValue& PlistValue::operator=(const PlistValue& other) = default;
PlistValue& PlistValue::operator=(PlistValue&& other) noexcept = default;
PlistValue::~PlistValue() = default;

const PlistValue* PlistValue::Find(std::string_view key) const noexcept {
  for (const auto& [known, value] : members) {
    if (known == key) return &value;
  }
  return nullptr;
}

std::size_t Plist::Where(std::string_view word) const noexcept {
  const std::size_t at = source.text().find(word);
  return at == std::string_view::npos ? 0 : at;
}

bool IsAppPackage(const InputFile& file) noexcept {
  return IsZip(file.bytes) && (file.name.ends_with(".ipa") ||
                               AsText(file.bytes).find("Payload/") != std::string_view::npos);
}

bool LooksLikePlist(const InputFile& file, std::string_view word) {
  const std::string_view text = AsText(file.bytes);
  const bool is_plist = IsBinary(file.bytes) || text.find("<plist") != std::string_view::npos;
  if (is_plist) return text.find(word) != std::string_view::npos;
  if (!IsZip(file.bytes)) return false;
  const Result<Plist> plist = ReadPlist(file);
  return plist && (plist->root.Find(word) != nullptr ||
                   (plist->root.Find("NSAppTransportSecurity") != nullptr &&
                    plist->root.Find("NSAppTransportSecurity")->Find(word) != nullptr));
}

Result<Plist> ReadPlist(const InputFile& file) {
  if (!IsZip(file.bytes)) return Parse(file.name, file.bytes);
  const Result<ZipFile> zip = ZipFile::Open(file);
  if (!zip) return zip.error();
  const auto found = std::ranges::find_if(zip->names(), IsInfoPlist);
  if (found == zip->names().end()) {
    return Error{Code::kPinsMissing,
                 std::string(file.name) + ": no Payload/NAME.app/Info.plist in this package"};
  }
  const Result<Bytes> bytes = zip->Read(static_cast<std::size_t>(found - zip->names().begin()));
  if (!bytes) return bytes.error();
  Result<Plist> plist = Parse(std::string(file.name) + "!" + *found, *bytes);
  if (!plist) return plist;
  // The unpacked text ends here, so positions are the package's name alone.
  plist->source = SourceText::OfLines(file.name);
  return plist;
}

}  // namespace cotter::formats
