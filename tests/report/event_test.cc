// SPDX-License-Identifier: Apache-2.0
//
// What an event says, and what it never says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/report/sample_event.h"
#include <cotter/report.h>

namespace cotter::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

PolicyIndex OneRule(std::string_view pattern) {
  Policy policy;
  policy.name = "acme";
  policy.version = 42;
  policy.expires = Time{1'900'000'000};
  policy.hosts.push_back(HostRule{.pattern = HostPattern::Parse(pattern).value()});
  policy.hosts[0].pins = {
      PolicyPin{.pin = Pin{.digest = ParsePin(kKnownPin).value()}},
      PolicyPin{.pin = Pin{.digest = ParsePin(kRootPin).value(), .kind = PinKind::kCert}}};
  return PolicyIndex::Build(policy).value();
}

TEST(MakeEvent, CopiesTheVerdictAndTheRule) {
  const PolicyIndex policy = OneRule("*.example.com");
  const Endpoint endpoint{HostName::Parse("api.example.com").value(), 8443};
  Verdict verdict;
  verdict.outcome = Outcome::kPinMismatch;
  verdict.reasons.Add(Reason::kNoPinMatched);
  verdict.rule = policy.Find(endpoint.host, endpoint.port).rule;
  const std::vector<Digest> found = {ParsePin(kLeafPin).value()};
  const ViolationEvent event = MakeEvent(
      {.endpoint = endpoint, .verdict = verdict, .found = found, .message = "m", .policy = &policy},
      Time{7}, "192.0.2.7:443");
  EXPECT_EQ(event.host, "api.example.com");
  EXPECT_EQ(event.port, 8443);
  EXPECT_EQ(event.pattern, "*.example.com");
  EXPECT_EQ(event.policy_name, "acme");
  EXPECT_EQ(event.policy_version, 42U);
  EXPECT_EQ(event.expires, Time{1'900'000'000});
  EXPECT_EQ(event.code, Code::kPinMismatch);
  EXPECT_EQ(event.found, found);
  // The certificate pin is none that a report could name as pin-sha256 (RFC 7469, 2.4: of an SPKI).
  EXPECT_THAT(event.known_pins, ElementsAre(ParsePin(kKnownPin).value()));
}

TEST(PeerOf, IsTheOtherEndOfTheSocket_S1_34) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener, general, size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, general, &size), 0);
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(PeerOf(client), "");
  ASSERT_EQ(connect(client, general, size), 0);
  EXPECT_EQ(PeerOf(client), "127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
  EXPECT_EQ(PeerOf(-1), "");
  close(client);
  close(listener);
}

// S1-48: the alert's text. S2-12: the log line has the host and the hash that was found.
TEST(Text, NamesTheHostAndWhatWasFound_S1_48_S2_12) {
  const ViolationEvent event = SampleEvent("api.example.com");
  EXPECT_EQ(AlertText(event), "SSL pin mismatch: api.example.com");
  const std::string line = LogLine(event);
  EXPECT_THAT(line, HasSubstr(" host=api.example.com port=443 got=" + std::string(kLeafPin)));
  EXPECT_THAT(line, HasSubstr("found=\"" + std::string(kLeafPin) + " " + std::string(kRootPin)));
  EXPECT_THAT(line, HasSubstr("policy=acme policy_version=42 peer=192.0.2.7:443"));
}

// S3-39: who reads the log sees that pins are switched off, by what, and until when.
TEST(Text, NamesTheStatementThatSuspendsARule_S3_39) {
  ViolationEvent event = SampleEvent("api.example.com");
  EXPECT_EQ(LogLine(event).find("suspended"), std::string::npos);
  event.suspension = "2026-11-26-1";
  event.suspended_until = Time{1'800'003'600};
  EXPECT_THAT(LogLine(event),
              HasSubstr(" suspended_by=2026-11-26-1 suspended_until=2027-01-15T09:00:00Z"));
}

TEST(Text, CannotBeMadeToWriteASecondLineOrKey) {
  ViolationEvent event = SampleEvent("api.example.com");
  event.policy_name = "acme\nevent=ok \" host=good\x1b[0m";
  const std::string line = LogLine(event);
  EXPECT_THAT(line, HasSubstr("policy=\"acme\\x0aevent=ok \\\" host=good\\x1b[0m\""));
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(RedactUrl, DropsUserQueryAndFragment_S1_24) {
  EXPECT_EQ(RedactUrl("https://example.com/a/b"), "https://example.com/a/b");
  EXPECT_EQ(RedactUrl("https://u:p@example.com:8443/a?token=1#f"),
            "https://example.com:8443/a?[redacted]");
  EXPECT_EQ(RedactUrl("https://example.com?x"), "https://example.com?[redacted]");
  EXPECT_EQ(RedactUrl("https://example.com#secret"), "https://example.com");
  EXPECT_EQ(RedactUrl("https://u:p@w@example.com/"), "https://example.com/");
  EXPECT_EQ(RedactUrl("https://u:p\\w@example.com/x"), "[redacted]");
  EXPECT_EQ(RedactUrl("https://u:p/w@example.com/x"), "[redacted]");
  EXPECT_EQ(RedactUrl("https://[2001:db8::1]/x"), "https://[2001:db8::1]/x");
  EXPECT_EQ(RedactUrl("/a?token=1"), "[redacted]");
  EXPECT_EQ(RedactUrl("token=1://x"), "[redacted]");
  EXPECT_EQ(RedactUrl(""), "[redacted]");
  EXPECT_EQ(OriginOf("https://u:p@example.com:8443/Patient/17?x"), "https://example.com:8443");
}

TEST(RedactHeaders, KeepsOnlyWhatIsKnownToBeHarmless_S1_24) {
  const std::vector<Header> headers = {
      {"Accept", "text/html"}, {"AUTHORIZATION", "Bearer s"}, {"cookie", "a=b"},
      {"X-Api-Key", "k"},      {"Proxy-Authorization", "p"},  {"X-Something", "maybe"}};
  EXPECT_THAT(RedactHeaders(headers),
              ElementsAre(Header{"Accept", "text/html"}, Header{"AUTHORIZATION", "[redacted]"},
                          Header{"cookie", "[redacted]"}, Header{"X-Api-Key", "[redacted]"},
                          Header{"Proxy-Authorization", "[redacted]"},
                          Header{"X-Something", "[redacted]"}));
}

}  // namespace
}  // namespace cotter::report
