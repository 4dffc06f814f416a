// SPDX-License-Identifier: Apache-2.0
#include "net/starttls_text.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

namespace cotter::net {
namespace {

// A peer's words in a message are cut here.
constexpr std::size_t kMaxQuote = 80;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool StartsWithAnyCase(std::string_view text, std::string_view lower_prefix) {
  return text.size() >= lower_prefix.size() &&
         std::equal(lower_prefix.begin(), lower_prefix.end(), text.begin(),
                    [](char want, char have) { return want == Lower(have); });
}

// The peer's text made safe to print: one line, printable ASCII, cut.
std::string Quote(std::string_view text) {
  std::string quoted(text.substr(0, std::min(text.find_first_of("\r\n"), kMaxQuote)));
  std::replace_if(
      quoted.begin(), quoted.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return "\"" + quoted + "\"";
}

Error Refused(std::string_view protocol, std::string_view why, std::string_view reply) {
  std::string message(protocol);
  message.append(": ").append(why).append(": ").append(Quote(reply));
  return Error{Code::kStarttlsRefused, std::move(message)};
}

PreambleStep Send(std::size_t consumed, std::string_view text) {
  return PreambleStep{PreambleStep::Kind::kSend, consumed, std::string(text)};
}

PreambleStep Ready(std::size_t consumed) {
  return PreambleStep{PreambleStep::Kind::kReady, consumed, {}};
}

// Line is the first line of `text` with the size of its ending; nullopt where it has none yet.
struct Line {
  std::string_view text;  // without CR and LF
  std::size_t size;       // with them
};

std::optional<Line> FirstLine(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return Line{line, end + 1};
}

// NumberedReply is a whole reply of SMTP (RFC 5321, 4.2.1) or FTP (RFC 959, 4.2).
struct NumberedReply {
  int code = 0;
  std::size_t size = 0;   // of all its lines
  bool starttls = false;  // a line after the first is the keyword STARTTLS
  std::string_view text;
};

// How the lines between the first and the last of a long reply look.
enum class Between : std::uint8_t {
  kNumbered,  // "250-...", each (SMTP)
  kFree,      // anything, until "220 " comes with the same number (FTP)
};

// ReadReply reads one reply; size 0 where it is not whole yet.
Result<NumberedReply> ReadReply(std::string_view protocol, std::string_view received,
                                Between between) {
  NumberedReply reply{0, 0, false, received};
  std::size_t position = 0;
  while (const std::optional<Line> line = FirstLine(received.substr(position))) {
    const std::string_view text = line->text;
    const bool numbered = text.size() >= 3 &&
                          std::all_of(text.begin(), text.begin() + 3, IsDigit) &&
                          (text.size() == 3 || text[3] == ' ' || text[3] == '-');
    const int code = numbered ? (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0') : 0;
    const bool first = position == 0;
    if (first) reply.code = code;
    const bool same = numbered && code == reply.code;
    if (!same && (first || between == Between::kNumbered)) {
      return Refused(protocol, "the reply is not one of this protocol", text);
    }
    position += line->size;
    if (!first && same && text.size() >= 4) {
      const std::string_view keyword = text.substr(4);
      reply.starttls |= keyword.size() == 8 && StartsWithAnyCase(keyword, "starttls");
    }
    if (same && (text.size() == 3 || text[3] == ' ')) {
      reply.size = position;
      return reply;
    }
  }
  return reply;
}

}  // namespace

Result<PreambleStep> SmtpPreamble::Advance(std::string_view received) {
  const Result<NumberedReply> reply = ReadReply("smtp", received, Between::kNumbered);
  if (!reply) return reply.error();
  if (reply->size == 0) return PreambleStep{};
  switch (state_) {
    case State::kGreeting:
      if (reply->code != 220) return Refused("smtp", "the server does not greet", reply->text);
      state_ = State::kEhlo;
      // A constant, so that nothing of this machine is told.
      return Send(reply->size, "EHLO localhost\r\n");
    case State::kEhlo:
      if (reply->code != 250) return Refused("smtp", "EHLO was refused", reply->text);
      if (!reply->starttls) {
        return Error{Code::kStarttlsRefused, "smtp: the server does not offer STARTTLS"};
      }
      state_ = State::kStarttls;
      return Send(reply->size, "STARTTLS\r\n");
    case State::kStarttls:
      break;
  }
  if (reply->code != 220) return Refused("smtp", "STARTTLS was refused", reply->text);
  return Ready(reply->size);
}

Result<PreambleStep> FtpPreamble::Advance(std::string_view received) {
  const Result<NumberedReply> reply = ReadReply("ftp", received, Between::kFree);
  if (!reply) return reply.error();
  if (reply->size == 0) return PreambleStep{};
  if (!greeted_) {
    if (reply->code != 220) return Refused("ftp", "the server does not greet", reply->text);
    greeted_ = true;
    return Send(reply->size, "AUTH TLS\r\n");
  }
  if (reply->code != 234) return Refused("ftp", "AUTH TLS was refused", reply->text);
  return Ready(reply->size);
}

Result<PreambleStep> ImapPreamble::Advance(std::string_view received) {
  std::size_t position = 0;
  while (const std::optional<Line> line = FirstLine(received.substr(position))) {
    position += line->size;
    if (!greeted_) {
      if (!StartsWithAnyCase(line->text, "* ok ")) {
        return Refused("imap", "the server does not greet with OK", line->text);
      }
      greeted_ = true;
      return Send(position, "a1 STARTTLS\r\n");
    }
    // Untagged responses may come at any time (RFC 9051, 2.2.2), except that goodbye is final.
    if (line->text.starts_with("* ") && !StartsWithAnyCase(line->text, "* bye")) continue;
    if (!StartsWithAnyCase(line->text, "a1 ok ")) {
      return Refused("imap", "STARTTLS was refused", line->text);
    }
    return Ready(position);
  }
  return PreambleStep{};
}

Result<PreambleStep> Pop3Preamble::Advance(std::string_view received) {
  const std::optional<Line> line = FirstLine(received);
  if (!line) return PreambleStep{};
  if (!line->text.starts_with("+OK")) {
    return Refused("pop3", greeted_ ? "STLS was refused" : "the server does not greet", line->text);
  }
  if (greeted_) return Ready(line->size);
  greeted_ = true;
  return Send(line->size, "STLS\r\n");
}

std::string XmppPreamble::Opening() {
  // `host_` is a canonical host name, so it holds nothing that XML would need to escape.
  return "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
         "xmlns:stream='http://etherx.jabber.org/streams' to='" +
         host_ + "' version='1.0'>";
}

Result<PreambleStep> XmppPreamble::Advance(std::string_view received) {
  return asked_ ? ReadProceed(received) : ReadFeatures(received);
}

Result<PreambleStep> XmppPreamble::ReadFeatures(std::string_view received) {
  constexpr std::string_view kNamespace = "urn:ietf:params:xml:ns:xmpp-tls";
  constexpr std::string_view kEnd = "</stream:features>";
  if (received.find("<stream:error") != std::string_view::npos ||
      received.find("</stream:stream>") != std::string_view::npos) {
    return Refused("xmpp", "the server ended the stream", received);
  }
  const std::size_t end = received.find(kEnd);
  const bool empty = received.find("<stream:features/>") != std::string_view::npos;
  if (end == std::string_view::npos && !empty) return PreambleStep{};
  const std::string_view features = received.substr(0, empty ? 0 : end);
  const std::size_t offer = features.find("<starttls");
  if (offer == std::string_view::npos ||
      features.find(kNamespace, offer) == std::string_view::npos) {
    return Error{Code::kStarttlsRefused, "xmpp: the server does not offer starttls"};
  }
  asked_ = true;
  return Send(end + kEnd.size(), "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
}

Result<PreambleStep> XmppPreamble::ReadProceed(std::string_view received) const {
  constexpr std::string_view kStart = "<proceed";
  constexpr std::string_view kEndTag = "</proceed>";
  const std::size_t close = received.find('>');
  if (!received.starts_with(kStart.substr(0, received.size()))) {
    return Refused("xmpp", "starttls was refused", received);
  }
  if (close == std::string_view::npos) return PreambleStep{};
  if (received[close - 1] == '/') return Ready(close + 1);
  const std::string_view rest = received.substr(close + 1);
  if (rest.starts_with(kEndTag)) return Ready(close + 1 + kEndTag.size());
  if (kEndTag.starts_with(rest)) return PreambleStep{};
  return Refused("xmpp", "starttls was refused", received);
}

}  // namespace cotter::net
