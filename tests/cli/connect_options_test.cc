// SPDX-License-Identifier: Apache-2.0
#include "cli/connect_options.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/parse.h"
#include "net/starttls.h"

namespace cotter::cli {
namespace {

constexpr OptionGroup kGroups[] = {kConnectGroup};
const Command kSample{.name = "sample",
                      .summary = "",
                      .description = "",
                      .arguments = {},
                      .groups = kGroups,
                      .examples = {},
                      .exits = {},
                      .run = nullptr};

Result<ConnectionOptions> Read(const std::vector<const char*>& words) {
  const Parsed parsed = ParseArguments(kSample, words);
  if (parsed.error) return Error{Code::kUsage, parsed.error->message};
  return ParseConnectionOptions(*parsed.arguments);
}

TEST(ConnectOptions, DefaultsAreTheStrictOnes) {
  const Result<ConnectionOptions> options = Read({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->timeout, std::chrono::seconds(10));
  EXPECT_EQ(options->trust.system_roots, tls::SystemRoots::kUse);
  EXPECT_EQ(options->connect.starttls, net::Starttls::kNone);
  EXPECT_EQ(options->connect.family, net::Family::kAny);
  EXPECT_FALSE(options->sni || options->connect.proxy);
}

TEST(ConnectOptions, ConnectToIsCurlsOrOneAddressForEveryTarget) {
  const auto options = Read({"--connect-to", "a.example:443:[::1]:8443", "--connect-to",
                             "127.0.0.1:80", "--connect-to", "[::1]:81", "--connect-to", "::b:"});
  ASSERT_TRUE(options) << options.error().message;
  const auto& rules = options->connect.connect_to;
  ASSERT_EQ(rules.size(), 4U);
  EXPECT_EQ(rules[0].from_host.value().text(), "a.example");
  EXPECT_EQ(rules[0].from_port, 443);
  EXPECT_EQ(rules[0].to_host, "::1");
  EXPECT_EQ(rules[0].to_port, 8443);
  for (const std::size_t plain : {1U, 2U}) {
    EXPECT_FALSE(rules[plain].from_host || rules[plain].from_port);
  }
  EXPECT_EQ(rules[1].to_host, "127.0.0.1");
  EXPECT_EQ(rules[2].to_host, "::1");
  EXPECT_EQ(rules[2].to_port, 81);
  EXPECT_EQ(rules[3].to_host, "b");
  EXPECT_FALSE(rules[3].to_port.has_value());
}

TEST(ConnectOptions, EveryOptionArrivesInItsPlace) {
  const auto options =
      Read({"--resolve", "a.example:443:[::1],127.0.0.1", "--sni", "B.Example.", "--cacert", "x",
            "--cacert", "y", "--no-system-roots", "--timeout", "2.5", "--starttls", "postgres",
            "-6", "--proxy", "http://u:p@proxy.example:3128"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->connect.resolve.at(0).addresses,
            (std::vector<std::string>{"::1", "127.0.0.1"}));
  EXPECT_EQ(options->sni.value().text(), "b.example");
  EXPECT_EQ(options->trust.files, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(options->trust.system_roots, tls::SystemRoots::kNone);
  EXPECT_EQ(options->timeout, std::chrono::milliseconds(2500));
  EXPECT_EQ(options->connect.starttls, net::Starttls::kPostgres);
  EXPECT_EQ(options->connect.family, net::Family::kIpv6);
  EXPECT_EQ(options->connect.proxy.value().user_and_password, "u:p");
}

TEST(ConnectOptions, EveryStarttlsNameIsKnownToTheNetwork) {
  for (const std::string_view name : kStarttlsNames) {
    EXPECT_TRUE(net::ParseStarttls(name).has_value()) << name;
  }
}

TEST(ConnectOptions, TargetsTakeTheProtocolsPort) {
  const auto options = Read({"--starttls", "smtp"});
  ASSERT_TRUE(options);
  EXPECT_EQ(ParseTarget("mail.example", *options)->port, 25);
  EXPECT_EQ(ParseTarget("[::1]", *options)->port, 25);
  EXPECT_EQ(ParseTarget("[::1]:993", *options)->port, 993);
  EXPECT_EQ(ParseTarget("bücher.example", *options)->host.text(), "xn--bcher-kva.example");
}

TEST(ConnectOptions, SecondsAreDecimalAndBounded) {
  using std::chrono::milliseconds;
  for (const auto& [text, wanted] : {std::pair("1", 1000),
                                     {"0.001", 1},
                                     {"2.5", 2500},
                                     {"86400", 86'400'000},
                                     {"010", 10'000}}) {
    const auto time = ParseSeconds(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(*time, milliseconds(wanted)) << text;
  }
  for (const char* text :
       {"", "0", "0.000", "-1", "+1", " 1", "1 ", "1.", ".5", "1.2345", "1e3", "0x10", "inf", "nan",
        "86401", "86400.001", "1000000", "1,5", "18446744073709551617"}) {
    EXPECT_FALSE(ParseSeconds(text)) << text;
  }
}

}  // namespace
}  // namespace cotter::cli
