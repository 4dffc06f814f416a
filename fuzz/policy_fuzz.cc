// SPDX-License-Identifier: Apache-2.0
//
// Target: policy::ReadPolicy, PolicyIndex::Build and Open.
// Property: a policy that compiles opens again from its image and has a rule for each of its hosts.
#include "policy/policy_file.h"
#include <cotter/policy_index.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cotter;
  const Result<Policy> policy = policy::ReadPolicy(AsText({data, size}), "fuzz.toml");
  if (!policy) return 0;
  const Result<PolicyIndex> index = PolicyIndex::Build(*policy);
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
