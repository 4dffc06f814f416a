// SPDX-License-Identifier: Apache-2.0
//
// The advisor: should a host be pinned at all, and how. Most should not: plain HTTPS is enough for
// most of what consumers do, and a pin that nobody can rotate is an outage that waits. Pure, safe
// from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/table_reader.h"
#include <cotter/policy.h>

namespace cotter::policy {

enum class Answer : std::uint8_t { kNo, kYes };
enum class Rotation : std::uint8_t { kPredictable, kUnpredictable };
enum class Response : std::uint8_t { kHours, kDays, kWeeks };
enum class ClientKind : std::uint8_t { kMobile, kService, kDesktop, kBrowser };
enum class OutageCost : std::uint8_t { kLow, kHigh };

inline constexpr Word<Answer> kAnswerWords[] = {{"no", Answer::kNo}, {"yes", Answer::kYes}};
inline constexpr Word<Rotation> kRotationWords[] = {{"predictable", Rotation::kPredictable},
                                                    {"unpredictable", Rotation::kUnpredictable}};
inline constexpr Word<Response> kResponseWords[] = {
    {"hours", Response::kHours}, {"days", Response::kDays}, {"weeks", Response::kWeeks}};
inline constexpr Word<ClientKind> kClientWords[] = {{"mobile", ClientKind::kMobile},
                                                    {"service", ClientKind::kService},
                                                    {"desktop", ClientKind::kDesktop},
                                                    {"browser", ClientKind::kBrowser}};
inline constexpr Word<OutageCost> kOutageWords[] = {{"low", OutageCost::kLow},
                                                    {"high", OutageCost::kHigh}};

// Situation is what the advice depends on.
struct Situation {
  DataClass data_class = DataClass::kInternal;
  Answer owns_server = Answer::kNo;              // you, or a partner who tells you, choose its keys
  Answer controls_clients = Answer::kNo;         // you can ship them a new pin set
  Rotation rotation = Rotation::kUnpredictable;  // do you know before a key changes
  Response response = Response::kWeeks;          // until most clients have a new pin set
  ClientKind client = ClientKind::kMobile;
  Answer targeted = Answer::kNo;          // users whom somebody with a CA or a network goes after
  OutageCost outage = OutageCost::kHigh;  // of clients that are locked out
};

enum class Advice : std::uint8_t {
  kDoNotPin,
  kReportFirst,  // pin with mode = "report" until the reports are quiet
  kPin,
};

// NameOf is "do_not_pin", "report_first" or "pin". Static storage.
[[nodiscard]] std::string_view NameOf(Advice advice) noexcept;

// Assessment is the answer.
struct Assessment {
  Advice advice = Advice::kDoNotPin;
  std::vector<std::string> reasons;  // sentences, the deciding one first
  std::vector<std::string> pins;     // which pins, and why each; empty with kDoNotPin
  std::vector<std::string> instead;  // what protects as well; never empty with kDoNotPin
};

// Assess advises. Total.
[[nodiscard]] Assessment Assess(const Situation& situation);

}  // namespace cotter::policy
