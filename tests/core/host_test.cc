// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/idna.h"
#include <cotter/host.h>

namespace cotter {
namespace {

struct HostCase {
  std::string_view text;
  std::string_view canonical;  // empty: refused
};

std::string Canonical(std::string_view text) {
  const Result<HostName> host = HostName::Parse(text, &base::Idna());
  return host ? std::string(host->text()) : std::string();
}

// S1-19: one answer for every spelling of a host.
TEST(HostName, IsMadeCanonicalOnce_S1_19) {
  const HostCase cases[] = {
      {"api.example.com", "api.example.com"},
      {"API.Example.COM.", "api.example.com"},
      {"a_b.example.com", "a_b.example.com"},
      {"localhost", "localhost"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example"},
      {"BÜCHER.example", "xn--bcher-kva.example"},
      {"bücher.example.", "xn--bcher-kva.example"},
      {"straße.example", "xn--strae-oqa.example"},  // UTS #46 nontransitional
      {"ｆｕｌｌ．example", "full.example"},
      {"faß。example", "xn--fa-hia.example"},
      {"１２７.0.0.1", "127.0.0.1"},  // an address in disguise is an address
      {"192.0.2.1", "192.0.2.1"},
      {"192.0.2.1.", "192.0.2.1"},
      {"::1", "::1"},
      {"[::1]", "::1"},
      {"fe80::1%eth0", "fe80::1"},
      {"[fe80::1%25eth0]", "fe80::1"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // RFC 5952, 4.2.2
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // RFC 5952, 4.2.3
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // RFC 5952, 4.2.3
      {"::", "::"},
      {"1::", "1::"},
      {"::ffff:192.0.2.1", "::ffff:c000:201"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"},
  };
  for (const HostCase& test : cases) EXPECT_EQ(Canonical(test.text), test.canonical) << test.text;
}

TEST(HostName, RefusesWhatIsNotOne) {
  using namespace std::string_view_literals;
  const std::string_view cases[] = {
      "",
      ".",
      "..",
      "a..b",
      ".a",
      "a..",
      "a b",
      "a/b",
      "a:443",
      "user@a",
      "*.a",
      "a%20b",
      "a\0b"sv,
      "a\nb",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      "0x7f.1",
      "a.1",
      "a.0x",
      "127.1",
      "2130706433",
      "1.2.3.4a.5",
      "[::1",
      "::1]",
      "[]",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1::2::3",
      ":::",
      ":1",
      "1:",
      "12345::",
      "::g",
      "::1.2.3",
      "fe80::1%",
      "::1.2.3.4.5",
      "1:2:3:4:5:6:7:1.2.3.4",
      "\xff.example",
      "xn--\xc3\xbc.example",
  };
  for (const std::string_view text : cases) EXPECT_EQ(Canonical(text), "") << text;
  const std::string label(63, 'a');
  EXPECT_EQ(Canonical(label + ".a"), label + ".a");
  EXPECT_EQ(Canonical(label + "a.a"), "");
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'a');
  EXPECT_EQ(Canonical(longest), longest);
  EXPECT_EQ(Canonical(longest + "a"), "");
  EXPECT_EQ(Canonical(std::string(100'000, 'a')), "");
}

TEST(HostName, WithoutAMapperOnlyAsciiIsRead) {
  EXPECT_FALSE(HostName::Parse("bücher.example"));
  EXPECT_EQ(HostName::Parse("bücher.example").error().code, Code::kHostInvalid);
}

TEST(HostName, ErrorsRepeatNothingThatATerminalWouldActOn) {
  const Result<HostName> host = HostName::Parse("a\x1b[31mb\x07");
  ASSERT_FALSE(host);
  EXPECT_THAT(host.error().message, ::testing::Not(::testing::HasSubstr("\x1b")));
}

struct MatchCase {
  std::string_view pattern;
  std::string_view host;
  bool matches;
};

// S1-20, S1-21, S1-22: one label, never the apex, never deeper.
TEST(HostPattern, MatchesAsWritten_S1_20_S1_21_S1_22) {
  const MatchCase cases[] = {
      {"example.com", "example.com", true},
      {"example.com", "www.example.com", false},
      {"EXAMPLE.com.", "example.com", true},
      {"*.example.com", "api.example.com", true},
      {"*.example.com", "www.example.com", true},
      {"*.example.com", "example.com", false},
      {"*.example.com", "sub.api.example.com", false},
      {"*.example.com", "badexample.com", false},
      {"*.example.com", "xexample.com", false},
      {"**.example.com", "example.com", true},
      {"**.example.com", "api.example.com", true},
      {"**.example.com", "sub.api.example.com", true},
      {"**.example.com", "badexample.com", false},
      {"**.b.c", "b.c.d", false},
      {"*.bücher.example", "a.xn--bcher-kva.example", true},
      {"192.0.2.1", "192.0.2.1", true},
      {"::1", "::1", true},
      {"*.com", "example.com", true},
  };
  for (const MatchCase& test : cases) {
    const Result<HostPattern> pattern = HostPattern::Parse(test.pattern, &base::Idna());
    const Result<HostName> host = HostName::Parse(test.host, &base::Idna());
    ASSERT_TRUE(pattern) << test.pattern;
    ASSERT_TRUE(host) << test.host;
    EXPECT_EQ(pattern->Matches(*host), test.matches) << test.pattern << " " << test.host;
  }
}

TEST(HostPattern, RefusesStarsElsewhereAndOverAddresses) {
  for (const std::string_view text : {"*", "**", "*.", "**.", "a*.b", "*a.b", "a.*.b", "*.*.b",
                                      "***.b", "*.192.0.2.1", "**.::1", "*.1", ""}) {
    const Result<HostPattern> pattern = HostPattern::Parse(text);
    ASSERT_FALSE(pattern) << text;
    EXPECT_EQ(pattern.error().code, Code::kPatternInvalid);
  }
}

TEST(HostPattern, ToStringReadsBackAsItself) {
  for (const std::string_view text : {"example.com", "*.example.com", "**.example.com", "::1"}) {
    const Result<HostPattern> pattern = HostPattern::Parse(text);
    ASSERT_TRUE(pattern);
    EXPECT_EQ(pattern->ToString(), text);
    EXPECT_EQ(*HostPattern::Parse(pattern->ToString()), *pattern);
  }
}

TEST(ParsePort, TakesPlainNumbersOnly) {
  EXPECT_EQ(*ParsePort("443"), 443);
  EXPECT_EQ(*ParsePort("65535"), 65535);
  for (const std::string_view text : {"", "0", "65536", "-1", "+1", "01", " 1", "1 ", "443x"}) {
    EXPECT_FALSE(ParsePort(text)) << text;
  }
}

}  // namespace
}  // namespace cotter
