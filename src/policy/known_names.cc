// SPDX-License-Identifier: Apache-2.0
#include "policy/known_names.h"

#include <algorithm>
#include <functional>

#include <libpsl.h>

namespace cotter::policy {
namespace {

// TakeWord is the first word of `line`, which loses it.
std::string_view TakeWord(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

bool IsUnder(std::string_view host, std::string_view domain) {
  if (!host.ends_with(domain)) return false;
  return host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.';
}

}  // namespace

void ForEachLine(std::string_view text, const std::function<void(std::string_view)>& each) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line[0] != '#') each(line);
  }
}

PublicCas::PublicCas() {
  ForEachLine(DataText("public_cas"), [this](std::string_view line) {
    const Result<Digest> spki = ParsePin(TakeWord(line));
    const Result<Time> not_after = ParseTime(TakeWord(line));
    const Result<Time> leaving = ParseTime(TakeWord(line));
    COTTER_CHECK(spki && not_after);
    cas_.push_back({*spki, *not_after, leaving ? std::optional(*leaving) : std::nullopt, line});
  });
  std::ranges::sort(cas_, {}, &PublicCa::spki);
}

const PublicCa* PublicCas::Find(const Digest& spki) const noexcept {
  const auto found = std::ranges::lower_bound(cas_, spki, {}, &PublicCa::spki);
  return found != cas_.end() && found->spki == spki ? &*found : nullptr;
}

std::string_view ThirdPartyOf(const HostName& host) {
  std::string_view owner;
  ForEachLine(DataText("third_party_domains"), [&](std::string_view line) {
    const std::string_view domain = TakeWord(line);
    if (IsUnder(host.text(), domain)) owner = line;
  });
  return owner;
}

bool IsPublicSuffix(const HostName& name) {
  // PSL_TYPE_NO_STAR_RULE: a top-level domain that the list does not know, as "internal", is the
  // reader's own affair.
  return !name.is_ip() && psl_is_public_suffix2(psl_builtin(), std::string(name.text()).c_str(),
                                                PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) == 1;
}

}  // namespace cotter::policy
