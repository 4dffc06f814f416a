// SPDX-License-Identifier: Apache-2.0
//
// Whose pins a line, an entry or a call is, where it does not say itself.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "formats/exchange.h"
#include <cotter/time.h>

namespace cotter::formats {
namespace {

const std::string kPinA = "xQ0kpmiTHBRHBfEZAqGFYV9eRmhqEhMDLRnJAVjYDOo=";
const std::string kPinB = "C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M=";
// The same digests in hex.
const std::string kHexA = "c50d24a668931c144705f11902a185615f5e46686a1213032d19c90158d80cea";
const std::string kHexB = "0b9fa5a59eed715c26c1020c711b4f6ec42d58b0015e14337a39dad301c5afc3";

// A rule as "PATTERN PORT PLACE PIN...", the pins as "A" and "B".
std::vector<std::string> Rules(const Policy& policy) {
  std::vector<std::string> rules;
  for (const HostRule& host : policy.hosts) {
    std::string text = host.pattern.ToString();
    for (const std::uint16_t port : host.ports) text += " " + std::to_string(port);
    if (host.mode == Mode::kReport) text += " report";
    for (const PolicyPin& entry : host.pins) {
      text += entry.pin.kind == PinKind::kCert ? " cert" : "";
      text += entry.pin.place == PinPlace::kCa ? " ca" : "";
      const std::string pin = FormatPinBase64(entry.pin.digest);
      text += pin == kPinA ? " A" : pin == kPinB ? " B" : " ?";
    }
    rules.push_back(text);
  }
  return rules;
}

// ReadRules imports `text` as what it looks like. "error: ..." where it is refused.
std::vector<std::string> ReadRules(const std::string& text, std::string_view host = {}) {
  const InputFile file{"f", AsBytes(text), host};
  const Result<ImportedPolicy> read = Import({&file, 1});
  return read ? Rules(read->policy) : std::vector<std::string>{"error: " + read.error().message};
}

std::vector<std::string> Losses(const std::string& text) {
  const InputFile file{"f", AsBytes(text)};
  const Result<ImportedPolicy> read = ImportLeniently({&file, 1});
  std::vector<std::string> losses;
  if (read) {
    for (const Loss& loss : read->losses) losses.push_back(loss.what);
  }
  return losses;
}

using Strings = std::vector<std::string>;

// Relative names were taken for whole ones, so that x.example.com lost its pins to a host "x".
TEST(Zone, RelativeNamesAreBelowTheOrigin) {
  const std::string zone = "$ORIGIN example.com.\n_443._tcp.x 3600 IN TLSA 3 1 1 " + kHexA +
                           "\n_443._tcp.y.example.net. IN TLSA 2 1 1 " + kHexB +
                           "\n$origin other.test.\n_25._tcp.mx\tTLSA\t3 0 1 " + kHexA + "\n";
  EXPECT_EQ(ReadRules(zone),
            (Strings{"x.example.com 443 A", "y.example.net 443 ca B", "mx.other.test 25 cert A"}));
  EXPECT_EQ(Losses("_443._tcp.x IN TLSA 3 1 1 " + kHexA).front(),
            "without $ORIGIN the name is taken for a whole one");
}

// An owner is of the lines below it that begin with a space, and of none behind the next owner.
TEST(Zone, OwnersAreInheritedAsInZoneFiles) {
  const std::string zone = "_443._tcp.a.test. IN A 192.0.2.1\n  IN TLSA 3 1 1 " + kHexA +
                           "\n_443._tcp.b.test. IN TXT \"x\"\n\tTLSA ( 3 1 1\n " +
                           kHexB.substr(0, 32) + " ; half\n " + kHexB.substr(32) + " )\n";
  EXPECT_EQ(ReadRules(zone), (Strings{"a.test 443 A", "b.test 443 B"}));
}

// Records of a type without a name were dropped, and nothing was said.
TEST(Zone, RecordsWithoutANameOfTheirTypeAreRead) {
  EXPECT_EQ(ReadRules("_443._tcp.a.test. IN TYPE52 \\# 35 030101 " + kHexA + "\n"),
            Strings{"a.test 443 A"});
  EXPECT_EQ(ReadRules("_443._tcp.a.test. IN TYPE52 \\# 34 030101" + kHexA + "\n"),
            Strings{"error: f:1:32: expected as many bytes as the length says"});
}

TEST(Zone, WhatIsLeftOutIsTold) {
  const std::string good = "_443._tcp.a.test. IN TLSA 3 1 1 " + kHexA + "\n";
  for (const char* owner : {"_443._udp.a.test.", "dane.a.test.", "._tcp.a.test."}) {
    const std::string zone = good + owner + " IN TLSA 3 1 1 " + kHexB + "\n";
    EXPECT_EQ(ReadRules(zone), Strings{"a.test 443 A"});
    EXPECT_EQ(Losses(zone).front(),
              "a record of " + std::string(owner) + " is left out: its owner names no port of TCP");
  }
  EXPECT_EQ(Losses("$INCLUDE other.zone\n" + good).front(),
            "the file that $INCLUDE names is not read");
}

TEST(Header, IsOfTheHostThatIsGivenWhereItDoesNotSay) {
  const std::string value = "pin-sha256=\"" + kPinA + "\"; pin-sha256=\"" + kPinB + "\"; max-age=9";
  for (const std::string front : {"Public-Key-Pins: ", "HTTP/1.1 200 OK\r\nPUBLIC-KEY-PINS: ",
                                  "< HTTP/2 200\n< public-key-pins: "}) {
    EXPECT_EQ(ReadRules(front + value + "; includesubdomains\r\n", "a.test"),
              Strings{"**.a.test A B"});
  }
  EXPECT_EQ(ReadRules("< public-key-pins-report-only: " + value, "a.test"),
            Strings{"a.test report A B"});
  EXPECT_EQ(ReadRules("# b.test\nPublic-Key-Pins: " + value, "a.test"), Strings{"b.test A B"});
  EXPECT_EQ(
      ReadRules("Public-Key-Pins: " + value).front(),
      "error: f:1:1: a header does not name its host: give --host, or write \"# HOST\" in the "
      "line above");
}

TEST(Header, IsReadOutOfTheConfigurationsOfServers) {
  const std::string pins =
      "pin-sha256=\"" + kPinA + "\";\n  pin-sha256=\"" + kPinB + "\"; max-age=9";
  EXPECT_EQ(
      ReadRules("server {\n  server_name a.test *.a.test b.test;\n  # Public-Key-Pins: off\n"
                "  add_header Public-Key-Pins '" +
                pins +
                "' always;\n}\nserver {\n"
                "  server_name c.test;\n  add_header Public-Key-Pins-Report-Only \"pin-sha256=" +
                kPinA + "; max-age=9\";\n}\n"),
      (Strings{"a.test A B", "b.test A B", "c.test report A"}));
  EXPECT_EQ(ReadRules("<VirtualHost *:443>\n ServerName a.test\n ServerAlias b.test\n"
                      " Header always set Public-Key-Pins \"pin-sha256=\\\"" +
                      kPinA + "\\\"; max-age=9\"\n Header unset Public-Key-Pins\n</VirtualHost>\n"),
            (Strings{"a.test A", "b.test A"}));
  EXPECT_EQ(ReadRules("http-response set-header Public-Key-Pins \"pin-sha256=\\\"" + kPinA +
                          "\\\"; max-age=9; includeSubDomains\"\n",
                      "a.test"),
            Strings{"**.a.test A"});
  // The name of one server is not that of the next.
  EXPECT_EQ(
      ReadRules("server { \n server_name a.test;\n}\nserver {\n add_header Public-Key-Pins '" +
                pins + "';\n")
          .front()
          .substr(0, 32),
      "error: f:5:13: a header does not");
  const std::vector<std::string> losses = Losses(
      "add_header Public-Key-Pins $hpkp;\n# a.test\nPublic-Key-Pins: max-age=9; pin-sha256=" +
      kPinA + "\n");
  ASSERT_FALSE(losses.empty());
  EXPECT_EQ(losses.front(), "a header that is made at run time is left out");
}

// The pins of the last command were given to the hosts of all.
TEST(Curl, EachCommandOfAScriptHasItsOwnPins) {
  EXPECT_EQ(ReadRules("curl --pinnedpubkey sha256//" + kPinA +
                      " https://a.test\n"
                      "if x=$(curl -s --pinnedpubkey sha256//" +
                      kPinB +
                      " \\\n https://b.test/); then\n"
                      "/usr/bin/curl https://c.test/\n"),
            (Strings{"a.test A", "b.test B"}));
}

TEST(Curl, PinsWithoutAUrlAreOfTheHostThatIsGiven) {
  const std::string text = "pinnedpubkey = \"sha256//" + kPinA + "\"\n";
  EXPECT_EQ(ReadRules(text, "a.test"), Strings{"a.test A"});
  EXPECT_EQ(ReadRules(text + "url = https://b.test/\n", "a.test"), Strings{"b.test A"});
}

TEST(Android, ABooleanIsWhatAaptTakesForOne) {
  for (const auto& [word, pattern] :
       {std::pair("true", "**.a.test"), std::pair("TRUE", "**.a.test"), std::pair("1", "**.a.test"),
        std::pair("False", "a.test")}) {
    EXPECT_EQ(ReadRules("<network-security-config><domain-config><domain includeSubdomains=\"" +
                        std::string(word) + "\">a.test</domain><pin-set><pin digest=\"SHA-256\">" +
                        kPinA + "</pin></pin-set></domain-config></network-security-config>"),
              Strings{std::string(pattern) + " A"});
  }
}

// includeSubdomains and dates were passed over, and nothing was said.
TEST(Json, AnObjectAboutAHostIsReadWhole) {
  const std::string text =
      "{\"a.test\": {\"includeSubdomains\": true, \"publicKeyHashes\": [\"" + kPinA + "\", \"" +
      kPinB + "\"]},\n \"b.test\": {\"publicKeyHashes\": [\"" + kPinA +
      "\"], \"expirationDate\": \"2027-01-31\", \"mode\": 1},\n \"c.test\": \"" + kPinB + "\"}";
  EXPECT_EQ(ReadRules(text), (Strings{"**.a.test A B", "b.test A", "c.test B"}));
  EXPECT_EQ(Losses(text), Strings{"\"mode\" is not imported"});
  const InputFile file{"f", AsBytes(text)};
  const Result<ImportedPolicy> read = Import({&file, 1});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->policy.hosts[1].expires, ParseTime("2027-01-31").value());
  EXPECT_EQ(read->policy.hosts[1].on_expiry, OnExpiry::kPki);
  EXPECT_EQ(ReadRules("{\"b.test\": {\"pins\": [\"" + kPinA + "\"], \"expirationDate\": \"soon\"}}")
                .front()
                .substr(0, 13),
            "error: f:1:89");
}

TEST(TlsClient, TheJsonOfOtherLanguagesIsRead) {
  EXPECT_EQ(ReadRules("{\"tlsClientIdentifier\": \"chrome_133\", \"certificatePinningHosts\": "
                      "{\"*.a.test\": [\"" +
                      kPinA + "\"], \"b.test\": [\"" + kPinB + "\"]}}"),
            (Strings{"**.a.test A", "b.test B"}));
}

// Calls without a dot, as Kotlin's apply has them, were passed over.
TEST(OkHttp, EveryAddBetweenBuilderAndBuildIsRead) {
  EXPECT_EQ(ReadRules("val p = CertificatePinner.Builder().apply {\n  add(\"a.test\", \"sha256/" +
                      kPinA + "\")\n  add(\"b.test\", \"sha256/" + kPinB +
                      "\")\n}.build()\nlist.add(\"c.test\", \"x\")\n"),
            (Strings{"a.test A", "b.test B"}));
  const std::string text =
      "val p = CertificatePinner.Builder().add(\"a.test\", \"sha256/" + kPinA +
      "\").apply { hosts.forEach { add(it, PIN) } }.add(\"b.test\", *pins).build()\n";
  EXPECT_EQ(ReadRules(text), Strings{"a.test A"});
  EXPECT_EQ(Losses(text).size(), 3U);  // a pattern, the pins of b.test, and so its rule
}

}  // namespace
}  // namespace cotter::formats
