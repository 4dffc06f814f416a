// SPDX-License-Identifier: Apache-2.0
#include "lab/starttls_server.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <string_view>

namespace cotter::lab {
namespace {

using namespace std::string_view_literals;

// Longest line, stanza or header block of a client. Real ones have some hundred bytes.
constexpr std::size_t kMaxMessage = 16 << 10;

// More messages than any client needs before TLS.
constexpr int kMaxMessages = 32;

// Command is one line that a client may send, without its tag, and the answer to it.
struct Command {
  std::string_view text;     // upper case; the line begins with it
  std::string_view offered;  // answer where STARTTLS is offered; "%" stands for an IMAP tag
  std::string_view refused;  // answer where it is not
  bool starts_tls = false;
};

// LineScript is a protocol of lines: greeting, commands, and what all others are told.
struct LineScript {
  std::string_view greeting;
  bool tagged = false;  // IMAP: each command begins with a tag
  std::array<Command, 4> commands;
  std::string_view unknown;
};

constexpr LineScript kSmtp = {
    "220 lab.example ESMTP\r\n"sv,
    false,
    {{{"EHLO", "250-lab.example\r\n250-SIZE 1000000\r\n250 STARTTLS\r\n", "250 lab.example\r\n"},
      {"HELO", "250 lab.example\r\n", "250 lab.example\r\n"},
      {"STARTTLS", "220 go ahead\r\n", "502 not implemented\r\n", true},
      {"QUIT", "221 bye\r\n", "221 bye\r\n"}}},
    "500 unknown command\r\n"sv};

constexpr LineScript kImap = {
    "* OK lab.example ready\r\n"sv,
    true,
    {{{"CAPABILITY", "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n% OK done\r\n",
       "* CAPABILITY IMAP4rev1\r\n% OK done\r\n"},
      {"STARTTLS", "% OK begin TLS\r\n", "% BAD unknown command\r\n", true},
      {"LOGOUT", "* BYE\r\n% OK bye\r\n", "* BYE\r\n% OK bye\r\n"},
      {"NOOP", "% OK done\r\n", "% OK done\r\n"}}},
    "% BAD unknown command\r\n"sv};

constexpr LineScript kPop3 = {"+OK lab.example ready\r\n"sv,
                              false,
                              {{{"CAPA", "+OK\r\nUSER\r\nSTLS\r\n.\r\n", "+OK\r\nUSER\r\n.\r\n"},
                                {"STLS", "+OK begin TLS\r\n", "-ERR unknown command\r\n", true},
                                {"QUIT", "+OK bye\r\n", "+OK bye\r\n"},
                                {"NOOP", "+OK\r\n", "+OK\r\n"}}},
                              "-ERR unknown command\r\n"sv};

constexpr LineScript kFtp = {
    "220 lab.example FTP\r\n"sv,
    false,
    {{{"FEAT", "211-Features:\r\n AUTH TLS\r\n PBSZ\r\n PROT\r\n211 End\r\n",
       "211-Features:\r\n SIZE\r\n211 End\r\n"},
      {"AUTH TLS", "234 proceed\r\n", "500 unknown command\r\n", true},
      {"QUIT", "221 bye\r\n", "221 bye\r\n"},
      {"NOOP", "200 ok\r\n", "200 ok\r\n"}}},
    "500 unknown command\r\n"sv};

// Injected is what an attacker puts in front of the first TLS record.
constexpr std::string_view kInjected = "injected in clear\r\n";

// Talk is one conversation: bounded reads, and a note of all that was heard.
class Talk {
 public:
  Talk(Wire& wire, StarttlsConduct conduct, std::string& heard)
      : wire_(wire), conduct_(conduct), heard_(heard) {}

  [[nodiscard]] bool refuses() const { return conduct_ == StarttlsConduct::kRefused; }

  [[nodiscard]] bool Say(std::string_view text) { return wire_.Write(AsBytes(text)); }

  // GoAhead says the last word in clear.
  [[nodiscard]] bool GoAhead(std::string_view text) {
    if (conduct_ != StarttlsConduct::kInjected) return Say(text);
    return Say(std::string(text) + std::string(kInjected));
  }

  // HearExactly reads `size` bytes; empty when they do not come.
  [[nodiscard]] std::string HearExactly(std::size_t size) {
    std::string message;
    while (message.size() < size) {
      if (!HearByte(message)) return {};
    }
    return message;
  }

  // HearThrough reads up to and with `end`; empty when that does not come.
  [[nodiscard]] std::string HearThrough(std::string_view end) {
    std::string message;
    while (message.size() < kMaxMessage) {
      if (!HearByte(message)) return {};
      if (message.ends_with(end)) return message;
    }
    return {};
  }

 private:
  // One byte at a time, so that nothing of the ClientHello is taken.
  [[nodiscard]] bool HearByte(std::string& message) {
    std::array<std::uint8_t, 1> byte{};
    if (wire_.Read(byte) == 0) return false;
    message += AsText(byte);
    if (heard_.size() < kMaxKeptBytes) heard_ += AsText(byte);
    return true;
  }

  Wire& wire_;
  StarttlsConduct conduct_;
  std::string& heard_;
};

std::string WithTag(std::string_view answer, const std::string& tag) {
  std::string text;
  for (const char c : answer) {
    if (c == '%') {
      text += tag;
    } else {
      text += c;
    }
  }
  return text;
}

bool TalkLines(Talk& talk, const LineScript& script) {
  if (!talk.Say(script.greeting)) return false;
  for (int i = 0; i < kMaxMessages; ++i) {
    std::string line = talk.HearThrough("\n");
    if (line.empty()) return false;
    std::string tag;
    if (script.tagged) {
      const std::size_t space = line.find(' ');
      if (space == std::string::npos) return false;
      tag = line.substr(0, space);
      line.erase(0, space + 1);
    }
    std::transform(line.begin(), line.end(), line.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const auto command =
        std::find_if(script.commands.begin(), script.commands.end(),
                     [&](const Command& known) { return line.starts_with(known.text); });
    if (command == script.commands.end()) {
      if (!talk.Say(WithTag(script.unknown, tag))) return false;
      continue;
    }
    if (command->starts_tls && !talk.refuses()) {
      return talk.GoAhead(WithTag(command->offered, tag));
    }
    const std::string_view answer = talk.refuses() ? command->refused : command->offered;
    if (!talk.Say(WithTag(answer, tag))) return false;
  }
  return false;
}

// RFC 6120, 5.4.
bool TalkXmpp(Talk& talk) {
  std::string opening;
  do {
    opening = talk.HearThrough(">");
    if (opening.empty()) return false;
  } while (opening.find("stream:stream") == std::string::npos);
  std::string answer =
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
      "xmlns:stream='http://etherx.jabber.org/streams' id='1' from='lab.example' version='1.0'>"
      "<stream:features>";
  if (!talk.refuses()) answer += "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
  if (!talk.Say(answer + "</stream:features>")) return false;
  const std::string request = talk.HearThrough(">");
  if (request.find("starttls") == std::string::npos) return false;
  if (talk.refuses()) {
    static_cast<void>(talk.Say("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
    return false;
  }
  return talk.GoAhead("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
}

// PostgreSQL, "Message Formats": SSLRequest is the length 8 and the code 80877103.
bool TalkPostgres(Talk& talk) {
  constexpr std::string_view kSslRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f"sv;
  if (talk.HearExactly(kSslRequest.size()) != kSslRequest) return false;
  if (!talk.refuses()) return talk.GoAhead("S");
  static_cast<void>(talk.Say("N"));
  return false;
}

// MySQL, "Protocol::HandshakeV10" and "Protocol::SSLRequest".
bool TalkMysql(Talk& talk) {
  // The low half of the capabilities: PROTOCOL_41 0x0200, SECURE_CONNECTION 0x8000, SSL 0x0800.
  const std::string_view capabilities = talk.refuses() ? "\x00\x82"sv : "\x00\x8a"sv;
  std::string greeting;
  greeting += "\x0a"sv;              // protocol version
  greeting += "8.0.0-lab\x00"sv;     // server version
  greeting += "\x01\x00\x00\x00"sv;  // connection id
  greeting += "challeng\x00"sv;      // challenge, first part, and a filler
  greeting += capabilities;
  greeting += "\x21\x02\x00\x08\x00\x15"sv;  // character set, status, PLUGIN_AUTH, its length 21
  greeting += std::string(10, '\0');         // reserved
  greeting += "e-of-the-lab\x00"sv;          // challenge, second part
  greeting += "mysql_native_password\x00"sv;
  const std::string header = {static_cast<char>(greeting.size()), '\0', '\0', '\0'};
  if (!talk.Say(header + greeting)) return false;
  const std::string request = talk.HearExactly(36);
  // Length 32, sequence number 1, and the SSL capability.
  if (!request.starts_with("\x20\x00\x00\x01"sv) || (request[5] & 0x08) == 0) return false;
  return !talk.refuses() && talk.GoAhead("");
}

// RFC 4511, 4.14: an ExtendedRequest with the OID of StartTLS.
bool TalkLdap(Talk& talk) {
  constexpr std::string_view kStartTlsOid = "1.3.6.1.4.1.1466.20037";
  const std::string head = talk.HearExactly(2);
  // Such a request is short: one byte of length will do.
  if (head.size() != 2 || head[0] != '\x30' || (head[1] & 0x80) != 0) return false;
  const std::string body = talk.HearExactly(static_cast<std::size_t>(head[1]));
  if (body.size() < 3 || body[0] != '\x02' || body.find(kStartTlsOid) == std::string::npos) {
    return false;
  }
  const std::string message_id = body.substr(0, 2 + static_cast<unsigned char>(body[1]));
  // ExtendedResponse with resultCode success (0) or protocolError (2), and two empty strings.
  std::string response = message_id;
  response += talk.refuses() ? "\x78\x07\x0a\x01\x02\x04\x00\x04\x00"sv
                             : "\x78\x07\x0a\x01\x00\x04\x00\x04\x00"sv;
  const std::string answer = std::string{'\x30', static_cast<char>(response.size())} + response;
  if (!talk.refuses()) return talk.GoAhead(answer);
  static_cast<void>(talk.Say(answer));
  return false;
}

// RFC 9110, 9.3.6.
bool TalkHttpProxy(Talk& talk) {
  if (!talk.HearThrough("\r\n\r\n").starts_with("CONNECT ")) return false;
  if (!talk.refuses()) return talk.GoAhead("HTTP/1.1 200 Connection established\r\n\r\n");
  static_cast<void>(talk.Say("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
  return false;
}

}  // namespace

bool TalkUntilTls(Wire& wire, Starttls protocol, StarttlsConduct conduct, std::string& heard) {
  Talk talk(wire, conduct, heard);
  switch (protocol) {
    case Starttls::kNone:
      return true;
    case Starttls::kSmtp:
      return TalkLines(talk, kSmtp);
    case Starttls::kImap:
      return TalkLines(talk, kImap);
    case Starttls::kPop3:
      return TalkLines(talk, kPop3);
    case Starttls::kFtp:
      return TalkLines(talk, kFtp);
    case Starttls::kXmpp:
      return TalkXmpp(talk);
    case Starttls::kPostgres:
      return TalkPostgres(talk);
    case Starttls::kMysql:
      return TalkMysql(talk);
    case Starttls::kLdap:
      return TalkLdap(talk);
    case Starttls::kHttpProxy:
      return TalkHttpProxy(talk);
  }
  std::abort();
}

}  // namespace cotter::lab
