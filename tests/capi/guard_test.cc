// SPDX-License-Identifier: Apache-2.0
//
// The guard around every extern "C" body, and options of other versions.
#include "capi/guard.h"

#include <array>
#include <new>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capi/options.h"

namespace cotter::capi {
namespace {

TEST(Guard, TurnsEveryExceptionIntoAStatus) {
  cotter_error* error = nullptr;
  EXPECT_EQ(Guard(&error, []() -> Result<void> { throw std::runtime_error("surprise"); }),
            COTTER_STATUS_INTERNAL);
  EXPECT_STREQ(cotter_error_code(error), "internal");
  EXPECT_STREQ(cotter_error_message(error), "surprise");
  cotter_error_free(error);
  EXPECT_EQ(Guard(&error, []() -> Result<void> { throw std::bad_alloc(); }),
            COTTER_STATUS_INTERNAL);
  cotter_error_free(error);
  EXPECT_EQ(Guard(&error, []() -> Result<void> { throw 7; }), COTTER_STATUS_INTERNAL);
  cotter_error_free(error);
  EXPECT_EQ(Guard(nullptr, []() -> Result<void> { throw 7; }), COTTER_STATUS_INTERNAL);
}

TEST(Guard, ClearsTheErrorOnSuccess) {
  cotter_error left{"usage", "", false};
  cotter_error* error = &left;
  EXPECT_EQ(Guard(&error, [] { return Ok(); }), COTTER_STATUS_OK);
  EXPECT_EQ(error, nullptr);
}

TEST(StatusOf, TellsRefusalsFromFailures) {
  EXPECT_EQ(StatusOf(Code::kPinMismatch), COTTER_STATUS_REFUSED);
  EXPECT_EQ(StatusOf(Code::kCertExpired), COTTER_STATUS_REFUSED);
  EXPECT_EQ(StatusOf(Code::kSearchBound), COTTER_STATUS_REFUSED);
  EXPECT_EQ(StatusOf(Code::kConnectTimeout), COTTER_STATUS_FAILED);
  EXPECT_EQ(StatusOf(Code::kUsage), COTTER_STATUS_FAILED);
  EXPECT_EQ(StatusOf(Code::kInternal), COTTER_STATUS_INTERNAL);
}

TEST(HoldUser, ReleasesOnce) {
  int released = 0;
  {
    const auto user = HoldUser(&released, [](void* count) { ++*static_cast<int*>(count); });
    const auto copy = user;
    EXPECT_EQ(copy.get(), &released);
    EXPECT_EQ(released, 0);
  }
  EXPECT_EQ(released, 1);
  EXPECT_NE(HoldUser(&released, nullptr), nullptr);
  EXPECT_EQ(released, 1);
}

struct Options {
  std::size_t size;
  int old_field;
  int new_field;
};

TEST(ReadOptions, TakesAnOlderProgramsStructWithDefaultsForTheRest) {
  const Options older{offsetof(Options, new_field), 3, 99};
  const auto read = ReadOptions(&older);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->old_field, 3);
  EXPECT_EQ(read->new_field, 0);
}

// A newer program's option that we do not know could be one that makes something stricter.
TEST(ReadOptions, RefusesANewerProgramsOptionThatItDoesNotKnow) {
  // What a program of tomorrow hands in: the same struct with as much again behind it.
  std::array<Options, 2> newer{Options{sizeof newer, 3, 4}, Options{}};
  const auto read = ReadOptions(newer.data());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->new_field, 4);
  newer[1].new_field = 1;
  EXPECT_FALSE(ReadOptions(newer.data()));
}

TEST(ReadOptions, RefusesAForgottenSizeAndTakesNullForTheDefaults) {
  for (const std::size_t size : {std::size_t{0}, sizeof(std::size_t), std::size_t{1} << 40}) {
    const Options broken{size, 3, 4};
    EXPECT_FALSE(ReadOptions(&broken));
  }
  const auto defaults = ReadOptions(static_cast<const Options*>(nullptr));
  ASSERT_TRUE(defaults);
  EXPECT_EQ(defaults->old_field, 0);
}

}  // namespace
}  // namespace cotter::capi
