// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cotter/time.h>

namespace cotter {
namespace {

// The seconds are those of `date -u -d TEXT +%s`.
TEST(ParseTime, ReadsRfc3339) {
  EXPECT_EQ(ParseTime("2027-06-01T00:00:00Z")->unix_seconds, 1811808000);
  EXPECT_EQ(ParseTime("2027-06-01")->unix_seconds, 1811808000);
  EXPECT_EQ(ParseTime("2027-06-01T02:00:00+02:00")->unix_seconds, 1811808000);
  EXPECT_EQ(ParseTime("2027-05-31T22:30:00.999-01:30")->unix_seconds, 1811808000);
  EXPECT_EQ(ParseTime("1969-12-31 23:59:59z")->unix_seconds, -1);
  EXPECT_EQ(ParseTime("2000-02-29")->unix_seconds, 951782400);
  EXPECT_EQ(ParseTime("9999-12-31T23:59:59Z")->unix_seconds, 253402300799);
}

TEST(ParseTime, RefusesTheRest) {
  for (const std::string_view text :
       {"", "2027", "2027-6-1", "2027-02-30", "2100-02-29", "2027-13-01", "2027-06-01T",
        "2027-06-01T00:00:00", "2027-06-01T24:00:00Z", "2027-06-01T00:00:60Z", "01/06/2027",
        "2027-06-01T00:00:00Z ", "2027-06-01T00:00:00.Z", "2027-06-01T00:00:00+24:00",
        "12027-06-01", "-2027-06-01"}) {
    EXPECT_FALSE(ParseTime(text)) << text;
  }
}

TEST(FormatTime, IsTheInverseOfParseTime) {
  for (const std::string_view text : {"2027-06-01T12:34:56Z", "1969-12-31T23:59:59Z",
                                      "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}) {
    EXPECT_EQ(FormatTime(*ParseTime(text)), text);
  }
}

TEST(FormatTime, HasAnAnswerForEveryTime) {
  EXPECT_FALSE(FormatTime(Time{INT64_MAX}).empty());
  EXPECT_FALSE(FormatTime(Time{INT64_MIN}).empty());
}

}  // namespace
}  // namespace cotter
