// SPDX-License-Identifier: Apache-2.0
#include "watch/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "watch/rule_table.h"

namespace cotter::watch {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Result<std::string> Files(const std::string& path, std::size_t /*limit*/) {
  if (path == "/etc/hosts.txt")
    return std::string("# ours\na.example.com\n\n b.example.com:8443 #x\r\n");
  if (path == "/etc/bad.txt") return std::string("a.example.com\nnot a host\n");
  if (path == "/etc/key") return std::string("secret\n");
  if (path == "/etc/empty") return std::string("\n");
  return Error{Code::kFileUnreadable, path + ": there is no such file"};
}

constexpr std::string_view kBase =
    "[watch]\npolicy = \"policy.toml\"\nstate = \"state\"\n"
    "[[group]]\nhosts = [\"api.example.com\"]\n";

Result<WatchConfig> Read(std::string_view more) {
  return ReadConfig(std::string(kBase) + std::string(more), "/etc/watch.toml", Files);
}

// ErrorOf is the text of the refusal; kBase has five lines.
std::string ErrorOf(std::string_view more) {
  const auto config = Read(more);
  return config ? "accepted" : config.error().message;
}

TEST(WatchConfig, TheSmallestOneIsEnough) {
  const auto config = Read("");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->policy, "/etc/policy.toml");
  EXPECT_EQ(config->state, "/etc/state");
  ASSERT_EQ(config->groups.size(), 1U);
  EXPECT_EQ(net::FormatTarget(config->groups[0].hosts.at(0)), "api.example.com:443");
  EXPECT_EQ(config->groups[0].interval, std::chrono::seconds(60));
}

TEST(WatchConfig, UnknownKeysAreRefusedWithTheirLine) {
  EXPECT_THAT(ErrorOf("intervall = 30\n"), StartsWith("/etc/watch.toml:6:1: unknown key"));
  EXPECT_THAT(ErrorOf("intervall = 30\n"), HasSubstr("interval"));
  EXPECT_THAT(ErrorOf("[nonsense]\n"), HasSubstr("unknown key"));
}

TEST(WatchConfig, WrongValuesAreRefusedWithTheirLine) {
  EXPECT_THAT(ErrorOf("interval = 0\n"), StartsWith("/etc/watch.toml:6:"));
  EXPECT_THAT(ErrorOf("interval = \"60s\"\n"), HasSubstr("expected an integer"));
  EXPECT_THAT(ErrorOf("jitter = 51\n"), HasSubstr("from 0 to 50"));
  EXPECT_THAT(ErrorOf("starttls = \"gopher\"\n"), HasSubstr("expected smtp"));
  EXPECT_THAT(ErrorOf("intermediates = [\"sha256/AAAA\"]\n"), HasSubstr("intermediates"));
  EXPECT_THAT(ErrorOf("addresses = [\"localhost\"]\n"), HasSubstr("IP address"));
  EXPECT_THAT(ErrorOf("[[sink]]\ntype = \"pigeon\"\n"), HasSubstr("alertmanager"));
  EXPECT_THAT(ErrorOf("[[rule]]\nalert = \"pin_mismach\"\n"), HasSubstr("pin_mismatch"));
  EXPECT_THAT(ErrorOf("[[rule]]\nalert = \"usage\"\n"), HasSubstr("expected one of"));
  EXPECT_THAT(ErrorOf("[collector]\nlisten = \"127.0.0.1:0\"\n"), HasSubstr("[[vantage]]"));
  EXPECT_THAT(ErrorOf("[[rotation]]\nhosts = [\"a.example\"]\nfrom = 2026-02-01\nuntil = "
                      "2026-01-01\n"),
              HasSubstr("ends before it begins"));
  EXPECT_THAT(ErrorOf("[[group]]\nhosts = [\"x.example.com\"]\nname = \"group 1\"\n"),
              HasSubstr("two groups"));
}

TEST(WatchConfig, HostListsHaveLineNumbers) {
  const auto config = Read("hosts_file = \"hosts.txt\"\n");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->groups[0].hosts.size(), 3U);
  EXPECT_EQ(net::FormatTarget(config->groups[0].hosts[2]), "b.example.com:8443");
  EXPECT_THAT(ErrorOf("hosts_file = \"bad.txt\"\n"), HasSubstr("bad.txt, line 2"));
  EXPECT_THAT(ErrorOf("hosts_file = \"none.txt\"\n"), HasSubstr("no such file"));
}

TEST(WatchConfig, NothingIsSentInClearToOtherMachinesUnlessItSaysInsecure) {
  EXPECT_THAT(ErrorOf("[[sink]]\ntype = \"slack\"\nurl = \"http://hooks.example.com/x\"\n"),
              HasSubstr("insecure_cleartext"));
  EXPECT_TRUE(Read("[[sink]]\ntype = \"slack\"\nurl = \"http://127.0.0.1:9093/x\"\n"));
  EXPECT_TRUE(
      Read("[[sink]]\ntype = \"slack\"\nurl = \"http://h.example/x\"\n"
           "insecure_cleartext = true\n"));
  // A user name that looks like this machine is not a host.
  EXPECT_THAT(ErrorOf("[[sink]]\ntype = \"slack\"\nurl = \"http://localhost:1@h.example/x\"\n"),
              HasSubstr("insecure_cleartext"));
  EXPECT_THAT(ErrorOf("[[sink]]\ntype = \"slack\"\nurl = \"ftp://h.example/x\"\n"),
              HasSubstr("https://"));
}

TEST(WatchConfig, SecretsComeFromFiles) {
  const auto config = Read("[[sink]]\ntype = \"pagerduty\"\nrouting_key_file = \"key\"\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->sinks.at(0).secret, "secret");
  EXPECT_THAT(ErrorOf("[[sink]]\ntype = \"pagerduty\"\n"), HasSubstr("routing_key_file"));
  EXPECT_THAT(ErrorOf("[[sink]]\ntype = \"pagerduty\"\nrouting_key_file = \"empty\"\n"),
              HasSubstr("empty"));
}

TEST(WatchConfig, MailAddressesCannotHoldLines) {
  const std::string sink =
      "[[sink]]\ntype = \"email\"\nserver = \"smtp://127.0.0.1\"\nfrom = "
      "\"watch@example.com\"\nto = ";
  EXPECT_TRUE(Read(sink + "[\"a@example.com\"]\n"));
  EXPECT_THAT(ErrorOf(sink + "[\"a@example.com\\r\\nBcc: x@example.com\"]\n"),
              HasSubstr("mail address"));
}

// Alerts about a vantage point that is silent would be ended by a sink of the same name that works.
TEST(WatchConfig, WhatAlertsAreAboutHasOneNameEach) {
  const std::string vantage = "[[vantage]]\nname = \"eu\"\nkey = \"eu.pem\"\n";
  const std::string sink = "[[sink]]\ntype = \"file\"\npath = \"alerts\"\nname = ";
  EXPECT_EQ(ErrorOf(vantage + sink + "\"us\"\n"), "accepted");
  EXPECT_THAT(ErrorOf(vantage + sink + "\"eu\"\n"), HasSubstr("\"eu\" is the name of something"));
  EXPECT_THAT(ErrorOf(sink + "\"watch\"\n"), HasSubstr("\"watch\" is the name of something"));
}

TEST(WatchConfig, CommandsAreAbsolutePaths) {
  EXPECT_TRUE(
      Read("[[sink]]\ntype = \"command\"\ncommand = [\"/usr/bin/logger\", \"-t\", \"x\"]\n"));
  EXPECT_THAT(ErrorOf("[[sink]]\ntype = \"command\"\ncommand = [\"logger\"]\n"),
              HasSubstr("absolute path"));
}

// S3-46: one rotation for a region or a vendor, whatever hosts are there.
TEST(WatchConfig, RotationsAreForHostsGroupsRegionsOrVendors_S3_46) {
  const auto config = Read(
      "region = \"eu\"\nvendor = \"cdn\"\n[[rotation]]\nname = \"spring\"\nregions = [\"eu\"]\n"
      "vendors = [\"cdn\"]\nfrom = 2026-03-01\nuntil = 2026-04-01\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->rotations.at(0).regions.at(0), "eu");
  EXPECT_THAT(ErrorOf("[[rotation]]\nfrom = 2026-03-01\nuntil = 2026-04-01\n"),
              HasSubstr("expected hosts, groups, regions or vendors"));
  EXPECT_THAT(ErrorOf("[[rotation]]\ngroups = [\"none\"]\nfrom = 2026-03-01\nuntil = 2026-04-01\n"),
              HasSubstr("no group called none"));
}

TEST(WatchConfig, EveryRuleCanBeChanged) {
  for (const Rule& rule : AllRules()) {
    const auto config = Read("[[rule]]\nalert = \"" + std::string(NameOf(rule.code)) +
                             "\"\nfor = 5\nenabled = false\nseverity = \"warning\"\n");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_FALSE(config->rules.at(rule.code).enabled);
    EXPECT_EQ(config->rules.at(rule.code).hold, std::chrono::seconds(5));
  }
}

}  // namespace
}  // namespace cotter::watch
