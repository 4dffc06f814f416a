// SPDX-License-Identifier: Apache-2.0
//
// Target: policy::ReadPolicy (TOML and JSON), WritePolicyJson, PolicyIndex::Build and Open, Lint.
// Properties: what is read and written as JSON reads back to the same model; lint takes whatever
// can be read in part; a policy that compiles opens again from its image and has a rule for each of
// its hosts.
#include "policy/lint.h"
#include "policy/policy_file.h"
#include "policy/policy_json.h"
#include <cotter/policy_index.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cotter;
  const std::string_view text = AsText({data, size});
  if (const auto lenient = policy::ReadPolicyLeniently(text, "fuzz.toml")) {
    (void)policy::Lint({.policy = lenient->policy,
                        .issues = lenient->issues,
                        .text = text,
                        .now = Time{1'800'000'000}});
  }
  const Result<Policy> policy = policy::ReadPolicy(text, "fuzz.toml");
  if (!policy) return 0;
  const std::string json = policy::WritePolicyJson(*policy);
  const Result<Policy> back = policy::ReadPolicy(json, "fuzz.json");
  COTTER_CHECK(back.has_value());
  COTTER_CHECK(policy::WritePolicyJson(*back) == json);
  const Result<PolicyIndex> index = PolicyIndex::Build(*policy);
  COTTER_CHECK(PolicyIndex::Build(*back).has_value() == index.has_value());
  if (!index) return 0;
  const Result<PolicyIndex> opened = PolicyIndex::Open(index->image(), nullptr);
  COTTER_CHECK(opened.has_value());
  for (const HostRule& rule : policy->hosts) {
    if (rule.pattern.kind() == HostPattern::Kind::kOneLabel) continue;
    const std::uint16_t port = rule.ports.empty() ? std::uint16_t{443} : rule.ports[0];
    COTTER_CHECK(opened->Find(rule.pattern.base(), port).kind == Lookup::Kind::kRule);
  }
  return 0;
}
