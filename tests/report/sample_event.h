// SPDX-License-Identifier: Apache-2.0
//
// Events for the tests of sinks and reports.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <cotter/report.h>

namespace cotter::report {

inline constexpr std::string_view kLeafPin = "sha256/aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gMTI=";
inline constexpr std::string_view kRootPin = "sha256/cm9vdCByb290IHJvb3Qgcm9vdCByb290IHJvb3QgMTI=";
inline constexpr std::string_view kKnownPin = "sha256/a25vd24ga25vd24ga25vd24ga25vd24ga25vd24gMTI=";

// SampleEvent is a mismatch of `host`, judged at `seconds`.
inline ViolationEvent SampleEvent(std::string_view host, std::int64_t seconds = 1'800'000'000) {
  ViolationEvent event;
  event.time = Time{seconds};
  event.host = std::string(host);
  event.port = 443;
  event.outcome = Outcome::kPinMismatch;
  event.reasons.Add(Reason::kNoPinMatched);
  event.code = Code::kPinMismatch;
  event.found = {ParsePin(kLeafPin).value(), ParsePin(kRootPin).value()};
  event.message = BadPinMessage(event.found);
  event.pattern = "**.example.com";
  event.expires = Time{1'900'000'000};
  event.known_pins = {ParsePin(kKnownPin).value()};
  event.policy_name = "acme";
  event.policy_version = 42;
  event.peer = "192.0.2.7:443";
  return event;
}

}  // namespace cotter::report
