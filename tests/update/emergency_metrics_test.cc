// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "update/remote_metrics.h"

namespace cotter::update {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// S3-39: who watches a fleet sees that something is switched off, and until when.
TEST(RemoteMetrics, ShowsEmergencyStatements_S3_39) {
  RemoteStatus status;
  const std::string quiet = RemoteMetricsText(status, {});
  EXPECT_THAT(quiet, HasSubstr("cotter_emergency_active{kind=\"suspend\"} 0\n"));
  EXPECT_THAT(quiet, Not(HasSubstr("cotter_emergency_expiry")));
  EmergencyStatement statement{.kind = EmergencyKind::kSuspend, .id = "2026-11-26-1"};
  statement.until = Time{1'800'000'000};
  status.emergency = {statement};
  statement.kind = EmergencyKind::kRevoke;
  statement.id = "R";
  statement.until.reset();
  status.emergency.push_back(statement);
  const std::string loud = RemoteMetricsText(status, {});
  EXPECT_THAT(loud, HasSubstr("cotter_emergency_active{kind=\"suspend\"} 1\n"));
  EXPECT_THAT(loud, HasSubstr("cotter_emergency_active{kind=\"revoke\"} 1\n"));
  EXPECT_THAT(loud, HasSubstr("cotter_emergency_active{kind=\"add_pin\"} 0\n"));
  EXPECT_THAT(loud,
              HasSubstr("cotter_emergency_expiry_timestamp_seconds{statement=\"2026-11-26-1\"}"
                        " 1800000000\n"));
  EXPECT_THAT(loud, Not(HasSubstr("statement=\"R\"")));
}

}  // namespace
}  // namespace cotter::update
