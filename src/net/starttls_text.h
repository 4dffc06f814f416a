// SPDX-License-Identifier: Apache-2.0
//
// The STARTTLS dialogues of the protocols that speak in lines, and of XMPP. See net/starttls.h,
// through which they are made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/preamble.h"

namespace cotter::net {

// SmtpPreamble is RFC 3207: greeting, EHLO, STARTTLS. The EHLO reply must offer STARTTLS.
class SmtpPreamble final : public Preamble {
 public:
  [[nodiscard]] Result<PreambleStep> Advance(std::string_view received) override;

 private:
  enum class State : std::uint8_t { kGreeting, kEhlo, kStarttls };
  State state_ = State::kGreeting;
};

// FtpPreamble is RFC 4217, section 4: greeting, AUTH TLS.
class FtpPreamble final : public Preamble {
 public:
  [[nodiscard]] Result<PreambleStep> Advance(std::string_view received) override;

 private:
  bool greeted_ = false;
};

// ImapPreamble is RFC 9051, section 6.2.1: greeting, STARTTLS. A PREAUTH greeting is refused: the
// command is not allowed in that state, and it is how STARTTLS is stripped.
class ImapPreamble final : public Preamble {
 public:
  [[nodiscard]] Result<PreambleStep> Advance(std::string_view received) override;

 private:
  bool greeted_ = false;
};

// Pop3Preamble is RFC 2595, section 4: greeting, STLS.
class Pop3Preamble final : public Preamble {
 public:
  [[nodiscard]] Result<PreambleStep> Advance(std::string_view received) override;

 private:
  bool greeted_ = false;
};

// XmppPreamble is RFC 6120, section 5, for clients: stream header, features, starttls, proceed. The
// XML is looked through for the few elements of that dialogue, not parsed.
class XmppPreamble final : public Preamble {
 public:
  explicit XmppPreamble(std::string_view host) : host_(host) {}
  [[nodiscard]] std::string Opening() override;
  [[nodiscard]] Result<PreambleStep> Advance(std::string_view received) override;

 private:
  [[nodiscard]] Result<PreambleStep> ReadFeatures(std::string_view received);
  [[nodiscard]] Result<PreambleStep> ReadProceed(std::string_view received) const;

  std::string host_;
  bool asked_ = false;
};

}  // namespace cotter::net
