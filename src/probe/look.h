// SPDX-License-Identifier: Apache-2.0
//
// A look at a server: every address of its name, and for each both the RSA and the ECDSA
// certificate, so that nobody ships half a pin set. It collects what is presented, verifies it, and
// carries none of the caller's data. It is a question to the engine (ask.h). Safe from any thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/connect.h"
#include "net/target.h"
#include "tls/trust_store.h"
#include <cotter/bytes.h>
#include <cotter/path.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::probe {

// LookOptions say how to reach a server and what to hold its certificates against.
struct LookOptions {
  net::ConnectOptions connect;
  std::optional<std::string> sni;  // nullopt: the reference host, none for an IP address; "": none
  std::chrono::milliseconds timeout{10'000};  // for all of the look together
  std::shared_ptr<const tls::TrustStore> trust;
  Time now;
};

// Sighting is one place where a chain was served.
struct Sighting {
  std::string peer;         // "127.0.0.1:443"
  std::string tls_version;  // "TLSv1.3"
  std::string cipher;
};

// ServedChain is one distinct presented chain.
struct ServedChain {
  PresentedChain presented;         // byte by byte as the server sent it
  std::vector<Bytes> path;          // the verified path, leaf first, root last; empty if none
  std::optional<Error> failure;     // why there is none
  std::vector<Sighting> sightings;  // where, in the order of the addresses; at least one
};

// PeerError is one address that did not answer.
struct PeerError {
  std::string peer;
  Error error;
};

// Look is what was seen.
struct Look {
  std::vector<ServedChain> chains;  // in the order of the addresses

  // The addresses that failed, wholly or for one of the key types. With any of these, what `chains`
  // holds is not all that the server may present.
  std::vector<PeerError> failures;

  // The addresses that say nothing about the server, where others did answer: this machine has no
  // route to their family, or the name is localhost, which stands for 127.0.0.1 and ::1, and
  // nothing listens on one of them.
  std::vector<PeerError> passed_over;

  // is_complete reports that every address answered.
  [[nodiscard]] bool is_complete() const noexcept { return failures.empty(); }
};

// LookAt looks at `target`. A server without a certificate of one key type is no failure. Fails
// where no address is known at all: kDnsFailed, kConnectTimeout, kProxyFailed.
[[nodiscard]] Result<Look> LookAt(const net::Target& target, const LookOptions& options);

}  // namespace cotter::probe
