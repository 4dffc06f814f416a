// SPDX-License-Identifier: Apache-2.0
#include "net/async/tls_context.h"

#include <openssl/err.h>

#include <cotter/bytes.h>
#include <cotter/openssl.h>

namespace cotter::net {
namespace {

Result<void> UseCertificate(SSL_CTX* context, const TlsContextOptions& options) {
  if (options.certificate.empty()) return Ok();
  const bool usable =
      SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_check_private_key(context) == 1;
  ERR_clear_error();
  if (usable) return Ok();
  return Error{Code::kFileUnreadable,
               options.certificate + " and " + options.key +
                   ": expected a PEM certificate with its chain, and its key"};
}

}  // namespace

Result<TlsContext> TlsContext::Create(const TlsContextOptions& options) {
  TlsContext made(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = made.get();
  if (context == nullptr) return Error{Code::kInternal, "OpenSSL has no memory for a context"};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  if (!options.alpn.empty()) {
    // RFC 7301, 3.1: each name behind its length.
    const std::string list = static_cast<char>(options.alpn.size()) + options.alpn;
    const ByteView bytes = AsBytes(list);
    // Alone of its family, it returns 0 for success.
    if (SSL_CTX_set_alpn_protos(context, bytes.data(), static_cast<unsigned>(bytes.size())) != 0) {
      return Error{Code::kInternal, "OpenSSL refused the protocol's name"};
    }
  }
  if (Result<void> used = UseCertificate(context, options); !used) return used.error();
  if (Result<void> ready = tls::Enforcer::Prepare(context); !ready) return ready.error();
  return made;
}

}  // namespace cotter::net
