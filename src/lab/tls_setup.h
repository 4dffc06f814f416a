// SPDX-License-Identifier: Apache-2.0
//
// What OpenSSL needs to serve a ServerOptions: identities decoded once, and a context with the
// knobs turned. Immutable once made, except that OpenSSL's own caches lock themselves.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "lab/handles.h"
#include "lab/server.h"
#include <cotter/result.h>

namespace cotter::lab {

// LoadedIdentity is an Identity in OpenSSL's terms.
struct LoadedIdentity {
  X509Handle certificate;
  X509StackHandle chain;
  Key key;
};

// Presentation is what a server shows, and to whom.
struct Presentation {
  std::vector<LoadedIdentity> usual;
  std::vector<std::pair<std::string, std::vector<LoadedIdentity>>> by_server_name;
  std::vector<LoadedIdentity> at_renegotiation;

  // For is what a client sees that asks for `server_name` (null: for none).
  [[nodiscard]] const std::vector<LoadedIdentity>& For(const char* server_name) const;
};

// LoadIdentities decodes `identities`. Fails with kTlsFailed when OpenSSL cannot read a
// certificate.
[[nodiscard]] Result<std::vector<LoadedIdentity>> LoadIdentities(
    const std::vector<Identity>& identities);

// LoadPresentation decodes all that `options` shows. Fails as LoadIdentities does.
[[nodiscard]] Result<Presentation> LoadPresentation(const ServerOptions& options);

// Install makes `ssl` present `identities` and nothing else. False when OpenSSL refuses one.
[[nodiscard]] bool Install(SSL* ssl, const std::vector<LoadedIdentity>& identities);

// MakeContext makes a server context of all knobs of `options` that OpenSSL keeps by itself. It
// accepts weak keys and signatures on purpose. `options` must outlive the context: its callbacks
// read them, through the pointer to mutable data that OpenSSL keeps. Fails with kTlsFailed.
[[nodiscard]] Result<SslContextHandle> MakeContext(ServerOptions& options);

}  // namespace cotter::lab
