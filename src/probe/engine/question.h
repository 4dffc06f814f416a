// SPDX-License-Identifier: Apache-2.0
//
// What the engine is asked: which server, how it is reached, what is wanted to know of it beside
// the usual, how long each phase may take, and what its certificates are held against. Plain
// values; what many questions share is shared. Safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/connect.h"
#include "net/target.h"
#include "probe/small_http.h"
#include "tls/trust_store.h"
#include <cotter/openssl.h>
#include <cotter/policy_index.h>

namespace cotter::probe {

// The versions of the protocol, oldest first.
enum class TlsVersion : std::uint8_t { kSsl3, kTls10, kTls11, kTls12, kTls13 };

// NameOf is OpenSSL's name: "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3".
[[nodiscard]] std::string_view NameOf(TlsVersion version) noexcept;

// Wanted is what is asked of each address beside one usual hello. Each costs at least one more
// connection, but `headers`, which goes over the first.
struct Wanted {
  bool other_keys = false;    // the certificate of the other key type: RSA beside ECDSA
  bool without_name = false;  // what is shown to clients that send no server name
  bool headers = false;       // HEAD / over the usual look: HSTS, HPKP. Not after STARTTLS
  bool resumption = false;    // whether a session is taken up again
  bool versions = false;      // SSL 3 to TLS 1.3, each by a hello of its own
  bool weak_suites = false;   // by hellos that offer nothing else
};

// TimeLimits bound each phase of one look, and all looks at one address together.
struct TimeLimits {
  std::chrono::milliseconds resolve{10'000};
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds preamble{10'000};  // a proxy's tunnel and STARTTLS, each
  std::chrono::milliseconds handshake{10'000};
  std::chrono::milliseconds request{10'000};
  std::chrono::milliseconds address{60'000};  // from the first look's beginning
  // All of a question, from when it is begun; zero leaves it to the others.
  std::chrono::milliseconds whole{0};
};

// Settings is what the questions of one group share.
struct Settings {
  net::ConnectOptions connect;
  std::optional<std::string> sni;  // nullopt: the reference host, none for an IP address; "": none
  Wanted wanted;
  TimeLimits limits;
  bool http = true;  // offers HTTP/2 and HTTP/1.1 by ALPN. Never after STARTTLS

  // Null: nothing is verified, and what was presented is kept as it was sent.
  std::shared_ptr<const tls::TrustStore> trust;
  std::shared_ptr<const tls::TrustStore> declared;  // roots that the caller named; may be null
  std::shared_ptr<const PolicyIndex> policy;        // null: PKI alone, `not_pinned` at best

  // Not null: the looks are made as this enforcer's clients make their connections, and the verdict
  // falls inside the handshake. `trust` is null then.
  std::shared_ptr<const tls::Enforcer> enforcer;

  // Set: this is asked without TLS, of the first address that can be connected to, and nothing
  // else. `trust` is null then.
  std::optional<SmallRequest> in_clear;
};

// Question is one server, on every address of its name.
struct Question {
  net::Target target;
  std::shared_ptr<const Settings> settings;  // not null
};

}  // namespace cotter::probe
