// SPDX-License-Identifier: Apache-2.0
//
// Sends one mail by SMTP (RFC 5321), over TLS whose verdict is the enforcer's. For alerts: it waits
// for the server, on the thread that calls. Safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <cotter/openssl.h>
#include <cotter/result.h>

namespace cotter::client {

// Whether mail may travel without TLS.
enum class MailCleartext : std::uint8_t { kRefused, kInsecureAllowed };

// MailServer says where mail goes.
struct MailServer {
  std::string url;  // smtps://HOST[:PORT], or smtp://HOST[:PORT] for STARTTLS
  std::string user;
  std::string password;
  MailCleartext cleartext = MailCleartext::kRefused;
  std::chrono::seconds timeout{30};
};

// MailMessage is a message and its envelope.
struct MailMessage {
  std::string from;
  std::vector<std::string> to;
  std::string text;  // the message as RFC 5322 has it, CRLF at the end of each line
};

// SendMail hands `mail` over; success means that the server took it for every receiver. Fails with
// the code of the refusal or of the network, kUsage, or kHttpFailed for what the server answered.
[[nodiscard]] Result<void> SendMail(const MailServer& server, const MailMessage& mail,
                                    const tls::Enforcer& enforcer);

}  // namespace cotter::client
