// SPDX-License-Identifier: Apache-2.0
//
// Target: policy::AddPin, RemovePin, and reading in pieces. Properties: an edit never reports
// kInternal, which would be a text that means something else than was asked for; a pin that was
// added can be removed again, and the model is then as before.
#include "policy/policy_edit.h"
#include "policy/policy_file.h"
#include "policy/policy_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cotter;
  const std::string_view text = AsText({data, size});
  const Result<Policy> policy = policy::ReadPolicy(text, "fuzz.toml");
  if (!policy || policy->hosts.empty() || text.find('{') == 0) return 0;
  const HostPattern& pattern = policy->hosts[0].pattern;
  const PolicyPin entry{
      .pin = {.digest = *ParsePin("oZb2ItbSoJl3Kamv2sgIeC345I3lhH5V7HblBOPDPUs=")}};
  const Result<std::string> added =
      policy::AddPin(text, "fuzz.toml", pattern, entry, {.date = Time{0}, .reason = {}, .by = {}});
  if (!added) {
    COTTER_CHECK(added.error().code != Code::kInternal);
    return 0;
  }
  const Result<std::string> removed = policy::RemovePin(
      *added, "fuzz.toml", pattern, entry.pin.digest, {.date = Time{0}, .reason = {}, .by = {}});
  if (!removed) {
    COTTER_CHECK(removed.error().code != Code::kInternal);
    return 0;
  }
  COTTER_CHECK(policy::WritePolicyJson(*policy::ReadPolicy(*removed, "fuzz.toml")) ==
               policy::WritePolicyJson(*policy));
  return 0;
}
