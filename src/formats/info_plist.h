// SPDX-License-Identifier: Apache-2.0
//
// The pinned domains in an app's Info.plist, which Apple's own pins and TrustKit's share: finding
// them, and the frame of a list that is to be merged into it. Pure, safe from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "formats/exchange.h"
#include "formats/plist_tree.h"
#include <cotter/result.h>

namespace cotter::formats {

// DomainsAt is where a dictionary of domains stands: below a key of the list's root.
struct DomainsAt {
  std::string_view above;  // "NSAppTransportSecurity"; the domains may stand without it too
  std::string_view key;    // "NSPinnedDomains"
};

// DomainReader reads what one domain pins into `imported`.
using DomainReader = Result<void> (*)(const Plist& plist, const std::string& name,
                                      const PlistValue& entry, ImportedPolicy& imported);

// ReadDomains reads each domain of the dictionary at `at`. Fails with kFormatMalformed where there
// is no dictionary, and with what ReadPlist and `reader` fail with.
[[nodiscard]] Result<ImportedPolicy> ReadDomains(const InputFile& file, const DomainsAt& at,
                                                 DomainReader reader);

// WrongWord is an error at the first place where `word` stands in the list.
[[nodiscard]] Error WrongWord(const Plist& plist, std::string_view word, Code code,
                              const std::string& what);

// InfoPlist is the text of a list with `members` (whole lines, indented by two) at its root, behind
// the comment lines of `provenance`. For a debug build they stand in #if !DEBUG, which Xcode
// resolves when it preprocesses the file, so that a release has the pins and nothing else.
[[nodiscard]] std::string InfoPlist(std::string_view provenance, std::string_view members,
                                    Build build);

}  // namespace cotter::formats
