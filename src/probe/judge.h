// SPDX-License-Identifier: Apache-2.0
//
// Judges a live server by a policy: enforced TLS connections to every address of its name, for its
// RSA and its ECDSA certificate, as clients of that policy would make; none of them carries data.
// It is a question to the engine (ask.h). Safe from any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "net/connect.h"
#include "net/target.h"
#include <cotter/openssl.h>
#include <cotter/result.h>

namespace cotter::probe {

// JudgeOptions say how to reach the server.
struct JudgeOptions {
  net::ConnectOptions connect;
  std::optional<std::string> sni;             // nullopt: the reference host
  std::chrono::milliseconds timeout{10'000};  // for all addresses together
};

// JudgedPeer is what came of one connection. Exactly one of `record` and `error` is set.
struct JudgedPeer {
  std::string peer;  // "127.0.0.1:443"
  std::string
      tls_version;  // "TLSv1.3", also where the verdict is a refusal; empty without a record

  // The verdict, allowed or not, as the enforcer recorded it inside the handshake. An allowed one
  // is here only where the handshake was completed and confirmed.
  std::optional<tls::ConnectionRecord> record;

  // Why there is no verdict: the network's codes, or kNoVerifiedPath.
  std::optional<Error> error;
};

// JudgeServer connects to every address of `target`, and to each once more for the other key type;
// a server without a certificate of that type is no failure. An address that says nothing about the
// server (see Look::passed_over) is left out where another one has a verdict. Fails where no
// address is known: kDnsFailed, kConnectTimeout, kProxyFailed. The result is not empty.
[[nodiscard]] Result<std::vector<JudgedPeer>> JudgeServer(const net::Target& target,
                                                          const tls::Enforcer& enforcer,
                                                          const JudgeOptions& options);

}  // namespace cotter::probe
