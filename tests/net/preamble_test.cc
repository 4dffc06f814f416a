// SPDX-License-Identifier: Apache-2.0
//
// The dialogues before TLS, without a socket: each row plays the server's side. The bytes are those
// of the RFCs' examples and of captures of Postfix, Dovecot, vsftpd, Prosody, OpenLDAP, PostgreSQL
// and MariaDB.
#include "net/preamble.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "net/proxy.h"
#include "net/starttls.h"

namespace cotter::net {
namespace {

using namespace std::string_literals;

// What the client said, and how the dialogue ended.
struct Outcome {
  std::string said;
  bool ready = false;
  bool left_over = false;  // bytes stood behind a reply
  std::optional<Code> failure;
};

// Plays `replies` to `preamble`, byte by byte or each at once.
Outcome Play(Preamble& preamble, const std::vector<std::string>& replies, bool byte_by_byte) {
  Outcome outcome;
  outcome.said = preamble.Opening();
  std::string received;
  for (const std::string& reply : replies) {
    for (std::size_t at = 0; at < reply.size();) {
      const std::size_t size = byte_by_byte ? 1 : reply.size();
      received += reply.substr(at, size);
      at += size;
      const Result<PreambleStep> step = preamble.Advance(received);
      if (!step) {
        outcome.failure = step.error().code;
        return outcome;
      }
      EXPECT_LE(step->consumed, received.size());
      if (step->kind == PreambleStep::Kind::kNeedMore) continue;
      outcome.said += step->send;
      outcome.left_over |= step->consumed < received.size() || at < reply.size();
      received.clear();
      outcome.ready = step->kind == PreambleStep::Kind::kReady;
      if (outcome.ready || outcome.left_over) return outcome;
    }
  }
  return outcome;
}

struct Row {
  std::string name;
  Starttls protocol;
  std::vector<std::string> replies;
  bool ready;
  bool left_over = false;
  std::string said = {};  // checked where not empty
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class StarttlsTest : public testing::TestWithParam<Row> {};

TEST_P(StarttlsTest, EndsAsItsProtocolSays) {
  const Row& row = GetParam();
  for (const bool byte_by_byte : {false, true}) {
    const std::unique_ptr<Preamble> preamble = MakeStarttls(row.protocol, "api.example.com");
    const Outcome outcome = Play(*preamble, row.replies, byte_by_byte);
    EXPECT_EQ(outcome.ready, row.ready);
    EXPECT_EQ(outcome.left_over, row.left_over);
    if (!row.ready && !row.left_over) {
      EXPECT_EQ(outcome.failure, Code::kStarttlsRefused);
    }
    if (!row.said.empty()) {
      EXPECT_EQ(outcome.said, row.said);
    }
  }
}

// A greeting of protocol 10 with the lower capability flags `low` and `high`.
std::string MysqlGreeting(char low, char high) {
  const std::string payload = "\x0a"s + "5.5.5-10.11.6-MariaDB\0"s + "\x1f\0\0\0"s + "abcdefgh\0"s +
                              low + high + "\x2d\x02\0\xff\x81\x15"s + std::string(10, '\0') +
                              "abcdefghijkl\0mysql_native_password\0"s;
  return std::string(1, static_cast<char>(payload.size())) + "\0\0\0"s + payload;
}

const std::string kXmppHeader =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='x' version='1.0' "
    "xmlns:stream='http://etherx.jabber.org/streams' from='api.example.com'>";
const std::string kXmppOffer =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
    "</stream:features>";

INSTANTIATE_TEST_SUITE_P(
    Smtp, StarttlsTest,
    testing::Values(
        Row{"offered",
            Starttls::kSmtp,
            {"220-mail.example ESMTP\r\n220 ready\r\n",
             "250-mail.example\r\n250-PIPELINING\r\n250-starttls\r\n250 SMTPUTF8\r\n",
             "220 2.0.0 go ahead\r\n"},
            true,
            false,
            "EHLO localhost\r\nSTARTTLS\r\n"},
        Row{"not offered",
            Starttls::kSmtp,
            {"220 ready\r\n", "250-mail.example\r\n250 PIPELINING\r\n"},
            false},
        Row{"offered only by name", Starttls::kSmtp, {"220 ready\r\n", "250 STARTTLS\r\n"}, false},
        Row{"refused",
            Starttls::kSmtp,
            {"220 ready\r\n", "250-m\r\n250 STARTTLS\r\n", "454 no TLS now\r\n"},
            false},
        Row{"does not greet", Starttls::kSmtp, {"554 go away\r\n"}, false},
        Row{"another protocol", Starttls::kSmtp, {"SSH-2.0-OpenSSH_9.2\r\n"}, false},
        Row{"numbers change in a reply", Starttls::kSmtp, {"220-a\r\n250 b\r\n"}, false}));

// CVE-2011-0411 mirrored: what follows the go-ahead must not survive into TLS.
INSTANTIATE_TEST_SUITE_P(
    Injected, StarttlsTest,
    testing::Values(Row{"smtp",
                        Starttls::kSmtp,
                        {"220 ready\r\n", "250-m\r\n250 STARTTLS\r\n",
                         "220 go\r\n250 injected\r\n"},
                        true,
                        true},
                    Row{"smtp reply in advance",
                        Starttls::kSmtp,
                        {"220 ready\r\n", "250-m\r\n250 STARTTLS\r\n220 go\r\n"},
                        false,
                        true},
                    Row{"postgres", Starttls::kPostgres, {"SR\0\0\0\x08\0\0\0\0"s}, true, true}));

INSTANTIATE_TEST_SUITE_P(
    Imap, StarttlsTest,
    testing::Values(Row{"offered",
                        Starttls::kImap,
                        {"* OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot ready.\r\n",
                         "* CAPABILITY IMAP4rev1\r\na1 OK Begin TLS negotiation now.\r\n"},
                        true,
                        false,
                        "a1 STARTTLS\r\n"},
                    Row{"refused", Starttls::kImap, {"* OK hi\r\n", "a1 BAD unknown\r\n"}, false},
                    Row{"goodbye", Starttls::kImap, {"* OK hi\r\n", "* BYE no\r\n"}, false},
                    Row{"preauth", Starttls::kImap, {"* PREAUTH hi\r\n"}, false},
                    Row{"another tag", Starttls::kImap, {"* OK hi\r\n", "a2 OK go\r\n"}, false}));

INSTANTIATE_TEST_SUITE_P(
    Pop3, StarttlsTest,
    testing::Values(Row{"offered",
                        Starttls::kPop3,
                        {"+OK Dovecot ready.\r\n", "+OK Begin\r\n"},
                        true,
                        false,
                        "STLS\r\n"},
                    Row{"refused", Starttls::kPop3, {"+OK\r\n", "-ERR unknown\r\n"}, false}));

INSTANTIATE_TEST_SUITE_P(
    Ftp, StarttlsTest,
    testing::Values(Row{"offered",
                        Starttls::kFtp,
                        {"220-welcome\r\nto 220 this\r\n 220 server\r\n220 ready\r\n",
                         "234 Proceed with negotiation.\r\n"},
                        true,
                        false,
                        "AUTH TLS\r\n"},
                    Row{"refused", Starttls::kFtp, {"220 hi\r\n", "530 log in first\r\n"}, false}));

INSTANTIATE_TEST_SUITE_P(
    Xmpp, StarttlsTest,
    testing::Values(
        Row{"offered",
            Starttls::kXmpp,
            {kXmppHeader + kXmppOffer, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
            true},
        Row{"with an end tag",
            Starttls::kXmpp,
            {kXmppHeader + kXmppOffer,
             "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>"},
            true},
        Row{"not offered",
            Starttls::kXmpp,
            {kXmppHeader + "<stream:features><bind/></stream:features>"},
            false},
        Row{"no features", Starttls::kXmpp, {kXmppHeader + "<stream:features/>"}, false},
        Row{"refused",
            Starttls::kXmpp,
            {kXmppHeader + kXmppOffer, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
            false},
        Row{"stream error",
            Starttls::kXmpp,
            {kXmppHeader + "<stream:error><host-unknown/></stream:error></stream:stream>"},
            false}));

INSTANTIATE_TEST_SUITE_P(
    Binary, StarttlsTest,
    testing::Values(
        Row{"postgres offers",
            Starttls::kPostgres,
            {"S"},
            true,
            false,
            "\0\0\0\x08\x04\xd2\x16\x2f"s},
        Row{"postgres does not", Starttls::kPostgres, {"N"}, false},
        Row{"postgres fails", Starttls::kPostgres, {"E\0\0\0\x10SFATAL\0"s}, false},
        Row{"mysql offers", Starttls::kMysql, {MysqlGreeting('\xfe', '\xff')}, true},
        Row{"mysql does not", Starttls::kMysql, {MysqlGreeting('\xfe', '\xf7')}, false},
        Row{"mysql blocks the host", Starttls::kMysql, {"\x0a\0\0\0\xff\x6a\x04Host is"s}, false},
        Row{"mysql is cut short",
            Starttls::kMysql,
            {"\x06\0\0\0\x0a"
             "5.5\0\x01"s},
            false},
        Row{"mysql claims 16 MiB", Starttls::kMysql, {"\xff\xff\xff\0\x0a"s}, false},
        Row{"ldap offers",
            Starttls::kLdap,
            {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0"s},
            true},
        Row{"ldap offers in long form",
            Starttls::kLdap,
            {"\x30\x84\0\0\0\x10\x02\x01\x01\x78\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0"s},
            true},
        Row{"ldap has no TLS",
            Starttls::kLdap,
            {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\0\x04\0"s},
            false},
        Row{"ldap disconnects",
            Starttls::kLdap,
            {"\x30\x0c\x02\x01\0\x78\x07\x0a\x01\x34\x04\0\x04\0"s},
            false},
        Row{"ldap is not BER", Starttls::kLdap, {"HTTP/1.1 400 Bad Request\r\n"}, false},
        Row{"ldap has indefinite length", Starttls::kLdap, {"\x30\x80\x02\x01\x01"s}, false},
        Row{"ldap claims 4 GiB", Starttls::kLdap, {"\x30\x84\xff\xff\xff\xff\x02"s}, false}));

TEST(ConnectPreamble, AsksForTheTunnelAndNothingElse) {
  ConnectPreamble preamble("[::1]:443", "Aladdin:open sesame");
  // The credentials are the example of RFC 7617, 2.
  EXPECT_EQ(preamble.Opening(),
            "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n"
            "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
}

TEST(ConnectPreamble, TakesAnyTwoHundredWithItsHeaders) {
  for (const std::string& reply :
       {"HTTP/1.1 200 Connection established\r\n\r\n"s, "HTTP/1.0 200\r\nVia: x\r\n\r\n"s}) {
    for (const bool byte_by_byte : {false, true}) {
      ConnectPreamble preamble("a.example:443", "");
      const Outcome outcome = Play(preamble, {reply}, byte_by_byte);
      EXPECT_TRUE(outcome.ready) << reply;
      EXPECT_FALSE(outcome.left_over) << reply;
    }
  }
}

TEST(ConnectPreamble, RefusesEveryOtherAnswer) {
  for (const std::string& reply :
       {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"s, "HTTP/1.1 403 no\r\n\r\n"s,
        "HTTP/1.1 101 Switching\r\n\r\n"s, "HTTP/1.1 2000 x\r\n\r\n"s, "HTTP/2 200\r\n\r\n"s,
        "SSH-2.0-x\r\n"s, "HTTP/1.1 20x\r\n\r\n"s}) {
    ConnectPreamble preamble("a.example:443", "");
    EXPECT_EQ(Play(preamble, {reply}, false).failure, Code::kProxyFailed) << reply;
  }
}

}  // namespace
}  // namespace cotter::net
