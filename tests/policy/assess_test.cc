// SPDX-License-Identifier: Apache-2.0
#include "policy/assess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cotter::policy {
namespace {

using ::testing::HasSubstr;

// The situation that pinning was made for.
Situation Clinic() {
  return {.data_class = DataClass::kHealth,
          .owns_server = Answer::kYes,
          .controls_clients = Answer::kYes,
          .rotation = Rotation::kPredictable,
          .response = Response::kHours,
          .client = ClientKind::kService,
          .targeted = Answer::kNo,
          .outage = OutageCost::kLow};
}

// S1-53, S2-02: health and payment data, own servers, own clients.
TEST(Assess, AdvisesToPinWhatIsWorthIt_S1_53_S2_02) {
  const Assessment clinic = Assess(Clinic());
  EXPECT_EQ(clinic.advice, Advice::kPin);
  ASSERT_EQ(clinic.pins.size(), 2U);
  EXPECT_THAT(clinic.pins[0], HasSubstr("leaf"));
  EXPECT_THAT(clinic.pins[1], HasSubstr("backup"));
  Situation slow = Clinic();
  slow.response = Response::kWeeks;
  EXPECT_EQ(Assess(slow).advice, Advice::kReportFirst);
  Situation renewed = Clinic();
  renewed.rotation = Rotation::kUnpredictable;
  EXPECT_THAT(Assess(renewed).pins[0], HasSubstr("place = \"ca\""));
}

// S2-03: for most, plain HTTPS is enough, and the advisor says so.
TEST(Assess, AdvisesNotToPin_S2_03_S1_53) {
  const auto advises_against = [](auto change, const std::string& why) {
    Situation situation = Clinic();
    change(situation);
    const Assessment answer = Assess(situation);
    EXPECT_EQ(answer.advice, Advice::kDoNotPin) << why;
    EXPECT_TRUE(answer.pins.empty());
    EXPECT_FALSE(answer.instead.empty());
    EXPECT_THAT(answer.reasons[0], HasSubstr(why));
  };
  advises_against([](Situation& s) { s.data_class = DataClass::kPublic; }, "HTTPS is sufficient");
  advises_against([](Situation& s) { s.data_class = DataClass::kPersonal; }, "HTTPS is sufficient");
  advises_against([](Situation& s) { s.owns_server = Answer::kNo; }, "Somebody else");
  advises_against([](Situation& s) { s.controls_clients = Answer::kNo; }, "new pin set");
  advises_against([](Situation& s) { s.client = ClientKind::kBrowser; }, "HPKP is dead");
  advises_against(
      [](Situation& s) {
        s.rotation = Rotation::kUnpredictable;
        s.response = Response::kWeeks;
      },
      "outage");
  Situation targeted = Clinic();
  targeted.data_class = DataClass::kPublic;
  targeted.targeted = Answer::kYes;
  EXPECT_EQ(Assess(targeted).advice, Advice::kPin);
}

// Whatever is answered, there is advice with a reason.
TEST(Assess, IsTotal) {
  for (int bits = 0; bits < 5 * 2 * 2 * 2 * 3 * 4 * 2 * 2; ++bits) {
    int left = bits;
    const auto take = [&left](int choices) {
      const int value = left % choices;
      left /= choices;
      return value;
    };
    const Situation situation{.data_class = static_cast<DataClass>(take(5)),
                              .owns_server = static_cast<Answer>(take(2)),
                              .controls_clients = static_cast<Answer>(take(2)),
                              .rotation = static_cast<Rotation>(take(2)),
                              .response = static_cast<Response>(take(3)),
                              .client = static_cast<ClientKind>(take(4)),
                              .targeted = static_cast<Answer>(take(2)),
                              .outage = static_cast<OutageCost>(take(2))};
    const Assessment answer = Assess(situation);
    EXPECT_FALSE(answer.reasons.empty());
    EXPECT_EQ(answer.pins.empty(), answer.advice == Advice::kDoNotPin);
  }
}

}  // namespace
}  // namespace cotter::policy
