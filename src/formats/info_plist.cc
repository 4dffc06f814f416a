// SPDX-License-Identifier: Apache-2.0
#include "formats/info_plist.h"

namespace cotter::formats {
namespace {

// The preprocessor must run with -traditional: else it takes the // in addresses and in base64 for
// comments.
constexpr std::string_view kDebugNotes =
    "  INSECURE DEBUG BUILDS: where DEBUG is defined this app is not pinned. Release builds are.\n"
    "  For Xcode: INFOPLIST_PREPROCESS = YES, INFOPLIST_OTHER_PREPROCESSOR_FLAGS = -traditional, "
    "and\n  INFOPLIST_PREPROCESSOR_DEFINITIONS = DEBUG=1 in the Debug configuration alone.\n";

}  // namespace

Result<ImportedPolicy> ReadDomains(const InputFile& file, const DomainsAt& at,
                                   DomainReader reader) {
  const Result<Plist> plist = ReadPlist(file);
  if (!plist) return plist.error();
  const PlistValue* above = plist->root.Find(at.above);
  const PlistValue* domains = above == nullptr ? nullptr : above->Find(at.key);
  if (domains == nullptr) domains = plist->root.Find(at.key);
  if (domains == nullptr || domains->kind != PlistValue::Kind::kDictionary) {
    return WrongWord(*plist, at.key, Code::kFormatMalformed,
                     "expected a dictionary " + std::string(at.above) + "." + std::string(at.key));
  }
  ImportedPolicy imported;
  for (const auto& [name, entry] : domains->members) {
    if (Result<void> read = reader(*plist, name, entry, imported); !read) return read.error();
  }
  return imported;
}

Error WrongWord(const Plist& plist, std::string_view word, Code code, const std::string& what) {
  return plist.source.Fail(plist.Where(word), code, what);
}

std::string InfoPlist(std::string_view provenance, std::string_view members, Build build) {
  const bool is_debug = build == Build::kInsecureDebug;
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
      "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<!--\n";
  text += std::string(provenance) + "  Merge the key into the app's Info.plist.\n";
  if (is_debug) text += kDebugNotes;
  text += "-->\n<plist version=\"1.0\">\n<dict>\n";
  if (is_debug) text += "#if !DEBUG\n";
  text += members;
  if (is_debug) text += "#endif\n";
  return text + "</dict>\n</plist>\n";
}

}  // namespace cotter::formats
