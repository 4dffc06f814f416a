// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <gtest/gtest.h>

namespace cotter::cli {
namespace {

using namespace std::chrono_literals;

TEST(Progress, SaysHowFarHowFastAndHowLong) {
  EXPECT_EQ(ProgressText(0, 400, 0ms), "[........................] 0/400");
  EXPECT_EQ(ProgressText(100, 400, 10s), "[######..................] 100/400, 10/s, 30 s left");
  EXPECT_EQ(ProgressText(1, 400, 10s), "[........................] 1/400, 0.1/s, 66 min left");
  EXPECT_EQ(ProgressText(1, 4000, 10s), "[........................] 1/4000, 0.1/s, 11 h left");
  EXPECT_EQ(ProgressText(400, 400, 10s), "[########################] 400/400, 40/s");
}

TEST(Progress, NothingToDoIsDone) {
  EXPECT_EQ(ProgressText(0, 0, 0ms), "[########################] 0/0");
}

}  // namespace
}  // namespace cotter::cli
