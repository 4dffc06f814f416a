// SPDX-License-Identifier: Apache-2.0
//
// Target: the readers of emergency statements, of a client's memory of them, and of token URIs.
// Property: whatever a file says, what is taken of it is within the bounds and is written back the
// same; what comes into force of it ends within the longest time from now, and compiles.
#include <algorithm>
#include <string>
#include <string_view>

#include "update/emergency_file.h"
#include "update/emergency_state.h"
#include "update/token.h"
#include <cotter/policy_index.h>

namespace {

using namespace cotter;

constexpr Time kNow{1'800'000'000};

Policy OneRule() {
  Policy policy;
  HostRule rule{.pattern = *HostPattern::Parse("api.example.com")};
  Pin pin;
  pin.digest.bytes[0] = 1;
  rule.pins.push_back({.pin = pin});
  policy.hosts.push_back(std::move(rule));
  return policy;
}

void ExpectBounded(update::EmergencyState& state) {
  Policy policy = OneRule();
  static_cast<void>(state.Apply(policy, {kNow, "boot", 7}));
  COTTER_CHECK(PolicyIndex::Build(policy));
  for (const EmergencyStatement& statement : policy.emergency) {
    if (statement.kind == EmergencyKind::kRevoke) continue;
    COTTER_CHECK(*statement.until > kNow);
    COTTER_CHECK(statement.until->unix_seconds - kNow.unix_seconds <=
                 update::LongestOf(statement.kind));
  }
  const Result<update::EmergencyState> again = update::EmergencyState::Read(state.Write());
  COTTER_CHECK(again && again->Write() == state.Write());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(ByteView(data, size));
  static_cast<void>(update::ParseTokenUri(text));
  if (Result<update::EmergencyState> state = update::EmergencyState::Read(text)) {
    ExpectBounded(*state);
  }
  const Result<update::EmergencyFile> file = update::ReadEmergencyFile(text);
  if (!file) {
    COTTER_CHECK(file.error().code == Code::kEmergencyInvalid);
    return 0;
  }
  COTTER_CHECK(std::all_of(
      file->statements.begin(), file->statements.end(),
      [](const auto& statement) { return static_cast<bool>(update::CheckStatement(statement)); }));
  const Result<update::EmergencyFile> again =
      update::ReadEmergencyFile(update::WriteEmergencyFile(*file));
  COTTER_CHECK(again && again->statements.size() == file->statements.size() &&
               again->refused.empty());
  update::EmergencyState state;
  if (state.Take(text, file->environment, 3, 2)) ExpectBounded(state);
  return 0;
}
