// SPDX-License-Identifier: Apache-2.0
//
// TLS servers over memory, for handshakes that run in one thread with their client. For tests.
#pragma once

#include <string>

#include "tests/tls/enforced_client.h"

namespace cotter::tls {

inline X509Ptr Parse(const lab::Certificate& certificate) {
  const unsigned char* at = certificate.der.data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size())));
}

// MakeServer presents the identity `name` of the world in TLS of one version.
inline SslContextPtr MakeServer(const std::string& name, int version) {
  const lab::Identity& identity = World().Get(name);
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(context.get(), Parse(identity.certificate).get());
  SSL_CTX_use_PrivateKey(context.get(), identity.key.native());
  for (const lab::Certificate& above : identity.chain) {
    SSL_CTX_add1_chain_cert(context.get(), Parse(above).get());
  }
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  return context;
}

}  // namespace cotter::tls
