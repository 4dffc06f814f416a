// SPDX-License-Identifier: Apache-2.0
#include "formats/plist_tree.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>
#include <plist/plist.h>

#include "formats/late_library.h"
#include "formats/plist_check.h"
#include "formats/zip_file.h"

namespace cotter::formats {
namespace {

// Library is what is used of libplist.
struct Library {
  decltype(&plist_from_xml) from_xml = nullptr;
  decltype(&plist_from_bin) from_binary = nullptr;
  decltype(&plist_free) release = nullptr;
  decltype(&plist_get_node_type) type = nullptr;
  decltype(&plist_array_get_size) array_size = nullptr;
  decltype(&plist_array_get_item) array_item = nullptr;
  decltype(&plist_dict_new_iter) iterate = nullptr;
  decltype(&plist_dict_next_item) next = nullptr;
  decltype(&plist_get_string_ptr) string = nullptr;
  decltype(&plist_get_bool_val) boolean = nullptr;
  bool complete = false;

  Library() {
    const LateLibrary library("libplist-2.0.so.3");
    complete = library.loaded() && library.Find("plist_from_xml", from_xml) &&
               library.Find("plist_from_bin", from_binary) && library.Find("plist_free", release) &&
               library.Find("plist_get_node_type", type) &&
               library.Find("plist_array_get_size", array_size) &&
               library.Find("plist_array_get_item", array_item) &&
               library.Find("plist_dict_new_iter", iterate) &&
               library.Find("plist_dict_next_item", next) &&
               library.Find("plist_get_string_ptr", string) &&
               library.Find("plist_get_bool_val", boolean);
  }
};

const Library& Lib() {
  static const Library library;
  return library;
}

struct Release {
  void operator()(plist_t node) const { Lib().release(node); }
};
using Node = std::unique_ptr<std::remove_pointer_t<plist_t>, Release>;

// libplist 2.2 hands out memory of malloc and has no function of its own to give it back.
struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// Convert copies a tree whose size and depth BinaryPlistFault and XmlPlistFault have bounded.
PlistValue Convert(plist_t node) {
  PlistValue value;
  switch (Lib().type(node)) {
    case PLIST_STRING: {
      std::uint64_t length = 0;
      const char* text = Lib().string(node, &length);
      value.kind = PlistValue::Kind::kString;
      if (text != nullptr) value.text.assign(text, length);
      break;
    }
    case PLIST_BOOLEAN: {
      std::uint8_t flag = 0;
      Lib().boolean(node, &flag);
      value.kind = PlistValue::Kind::kBoolean;
      value.boolean = flag != 0;
      break;
    }
    case PLIST_ARRAY:
      value.kind = PlistValue::Kind::kArray;
      for (std::uint32_t i = 0; i < Lib().array_size(node); ++i) {
        value.items.push_back(Convert(Lib().array_item(node, i)));
      }
      break;
    case PLIST_DICT: {
      value.kind = PlistValue::Kind::kDictionary;
      plist_dict_iter iterator = nullptr;
      Lib().iterate(node, &iterator);
      const std::unique_ptr<void, Free> iterator_owner(iterator);
      while (iterator != nullptr) {
        char* key = nullptr;
        plist_t item = nullptr;
        Lib().next(node, iterator, &key, &item);
        const std::unique_ptr<char, Free> key_owner(key);
        if (item == nullptr) break;
        value.members.emplace_back(key == nullptr ? "" : key, Convert(item));
      }
      break;
    }
    default:
      break;
  }
  return value;
}

bool IsBinary(ByteView bytes) { return AsText(bytes).starts_with("bplist0"); }

Error Broken(std::string_view name, const std::string& what) {
  return {Code::kFormatMalformed, std::string(name) + ": " + what};
}

Result<Plist> Parse(std::string_view name, ByteView bytes) {
  if (!Lib().complete)
    return Broken(name, "libplist, which reads property lists, is not installed");
  if (bytes.size() > kMaxForeignText) return Broken(name, "larger than any property list");
  plist_t root = nullptr;
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const char* data = AsText(bytes).data();
  if (IsBinary(bytes)) {
    if (const auto fault = BinaryPlistFault(bytes)) {
      return Broken(name, "a broken binary property list: " + *fault);
    }
    Lib().from_binary(data, size, &root);
    const Node owner(root);
    if (root == nullptr) return Broken(name, "a broken binary property list");
    return Plist{Convert(root), SourceText::OfLines(name)};
  }
  Result<SourceText> source = SourceText::Open({name, bytes});
  if (!source) return source.error();
  if (auto fault = XmlPlistFault(*source)) return *fault;
  Lib().from_xml(data, size, &root);
  const Node owner(root);
  if (root == nullptr) return source->Fail(0, Code::kFormatMalformed, "not an XML property list");
  return Plist{Convert(root), *std::move(source)};
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
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::size_t Plist::Where(std::string_view word) const noexcept {
  const std::size_t at = source.text().find(word);
  return at == std::string_view::npos ? 0 : at;
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
