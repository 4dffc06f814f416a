// SPDX-License-Identifier: Apache-2.0
//
// The demo's client: one HTTPS request over one connection to a loopback server, with pins or
// without. Plain functions, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "net/deadline.h"
#include "tls/trust_store.h"
#include <cotter/host.h>
#include <cotter/openssl.h>
#include <cotter/path.h>
#include <cotter/result.h>

namespace cotter::cli {

// Ask is one request, and where it goes.
struct Ask {
  Endpoint endpoint;       // the name that the caller asks for
  std::uint16_t port = 0;  // where it is answered, on 127.0.0.1
  std::string request;     // sent as it stands, once the connection is good
  net::Deadline deadline;
};

// Answer is what came of it.
struct Answer {
  bool request_sent = false;
  std::string text;              // what the server said, at most 64 KiB
  std::string tls_version;       // "TLSv1.3"; empty where the handshake did not complete
  PresentedChain presented;      // also of a refused server
  std::optional<Error> failure;  // why there is no text
  std::optional<tls::ConnectionRecord> record;  // the verdict; none without pins
};

// AskPinned lets `enforcer` decide inside the handshake, and sends nothing before it has.
[[nodiscard]] Answer AskPinned(const tls::Enforcer& enforcer, const Ask& ask);

// AskInsecurelyWithoutPins verifies as OpenSSL alone does: the path to an anchor in `trust`, and
// the name. For contrast.
[[nodiscard]] Answer AskInsecurelyWithoutPins(const tls::TrustStore& trust, const Ask& ask);

}  // namespace cotter::cli
