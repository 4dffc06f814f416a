// SPDX-License-Identifier: Apache-2.0
//
// Target: HostPattern::Parse and Matches, PolicyIndex::Build and Find. The input is a pattern and a
// host, one a line. Property: a pattern reads back as itself, and the index finds a rule exactly
// where the pattern matches.
#include <cotter/policy_index.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cotter;
  const std::string_view text = AsText({data, size});
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const Result<HostPattern> pattern = HostPattern::Parse(text.substr(0, line));
  const Result<HostName> host = HostName::Parse(text.substr(line + 1));
  if (!pattern) return 0;
  const Result<HostPattern> again = HostPattern::Parse(pattern->ToString());
  COTTER_CHECK(again.has_value() && *again == *pattern);
  if (!host) return 0;
  Policy policy;
  policy.hosts.push_back({.pattern = *pattern, .mode = Mode::kOff});
  const Result<PolicyIndex> index = PolicyIndex::Build(policy);
  COTTER_CHECK(index.has_value());
  const bool found = index->Find(*host, 443).kind == Lookup::Kind::kRule;
  COTTER_CHECK(found == pattern->Matches(*host));
  return 0;
}
