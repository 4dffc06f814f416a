// SPDX-License-Identifier: Apache-2.0
//
// Lists and zone files, among them broken ones. Scans of real files are in tests/scan.
#include "probe/scan/host_list.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cotter::probe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Result<net::Target> Parse(std::string_view text) { return net::ParseTarget(text, 443); }

std::vector<std::string> Names(const HostList& list) {
  std::vector<std::string> names;
  for (const net::Target& one : list.targets) names.push_back(net::FormatTarget(one));
  return names;
}

std::vector<std::size_t> BadLines(const HostList& list) {
  std::vector<std::size_t> lines;
  for (const BadLine& one : list.bad_lines) lines.push_back(one.line);
  return lines;
}

HostList Zone(std::string_view text, std::string_view origin = "example.com") {
  return ReadZoneFile(text, origin, Parse);
}

TEST(HostList, TakesOneTargetALineEachOnce) {
  const HostList list = ReadHostList(
      "a.example.com\r\n  B.example.com:8443 \t# second\n\n#\na.example.com.\n::1", Parse);
  EXPECT_THAT(Names(list), ElementsAre("a.example.com:443", "b.example.com:8443", "[::1]:443"));
  EXPECT_THAT(list.bad_lines, IsEmpty());
}

TEST(HostList, TellsEveryBadLineAndReadsTheRest) {
  const HostList list = ReadHostList("a..b\nok.example.com\nx y\nhost:0\n" +
                                         std::string(kMaxListLine + 1, 'a') + "\nlast.example.com",
                                     Parse);
  EXPECT_THAT(Names(list), ElementsAre("ok.example.com:443", "last.example.com:443"));
  EXPECT_THAT(BadLines(list), ElementsAre(1, 3, 4, 5));
}

TEST(HostList, CountsBadLinesThatItDoesNotKeep) {
  std::string text;
  for (std::size_t i = 0; i < kMaxBadLines + 5; ++i) text += "a..b\n";
  const HostList list = ReadHostList(text, Parse);
  EXPECT_THAT(list.bad_lines, SizeIs(kMaxBadLines));
  EXPECT_EQ(list.more_bad_lines, 5U);
}

// RFC 1035, 5.1: class and TTL in either order, owners that are left out, names relative to the
// origin.
TEST(ZoneFile, ReadsOwnersOfAddresses) {
  const HostList list = Zone(
      "@ 3600 IN A 192.0.2.1\n  IN 60 AAAA 2001:db8::1\nWWW CNAME @\nother.example.org. 1h30m A "
      "192.0.2.1\n"
      "mx MX 10 a\n\ttxt\n$ORIGIN sub\na A 192.0.2.1\n$ORIGIN example.net.\na A 192.0.2.1\n");
  EXPECT_THAT(Names(list),
              ElementsAre("example.com:443", "www.example.com:443", "other.example.org:443",
                          "a.sub.example.com:443", "a.example.net:443"));
  EXPECT_THAT(list.bad_lines, IsEmpty());
}

TEST(ZoneFile, ParenthesesAndQuotesStretchOverLines) {
  const HostList list = Zone(
      "@ SOA ns admin ( 1 ; one ) \n 2 3\n 4 5 )\nq TXT ( \"a ; ( b\"\n \"c\" )\nafter A "
      "192.0.2.1\n");
  EXPECT_THAT(Names(list), ElementsAre("after.example.com:443"));
  EXPECT_THAT(list.bad_lines, IsEmpty());
}

TEST(ZoneFile, TellsWhatItDoesNotFollow) {
  const HostList list = Zone(
      "$INCLUDE x\n$GENERATE 1-9 a$ A 192.0.2.$\n*.w A 192.0.2.1\n\\042 A 192.0.2.1\na\nok A "
      "192.0.2.1\n");
  EXPECT_THAT(Names(list), ElementsAre("ok.example.com:443"));
  EXPECT_THAT(BadLines(list), ElementsAre(1, 2, 4, 5));
  EXPECT_EQ(list.passed_over, 1U);
}

TEST(ZoneFile, RelativeNamesNeedAnOrigin) {
  EXPECT_THAT(BadLines(Zone("a A 192.0.2.1\n", "")), ElementsAre(1));
  EXPECT_THAT(Names(Zone("$ORIGIN z.\na A 192.0.2.1\n", "")), ElementsAre("a.z:443"));
}

TEST(ZoneFile, EndsWhateverIsNotClosed) {
  EXPECT_THAT(Zone("a A ( 192.0.2.1\n\n\n").bad_lines, SizeIs(1));
  EXPECT_THAT(Zone("a TXT \"\nb A 192.0.2.1\n").bad_lines, SizeIs(1));
  std::string deep = "$ORIGIN a\n";
  for (int i = 0; i < 5000; ++i) deep += "$ORIGIN a\n";
  EXPECT_FALSE(Zone(deep).bad_lines.empty());
}

}  // namespace
}  // namespace cotter::probe
