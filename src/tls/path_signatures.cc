// SPDX-License-Identifier: Apache-2.0
#include "tls/path_signatures.h"

#include <optional>

#include <openssl/x509v3.h>

#include "tls/certificate_time.h"

namespace cotter::tls {
namespace {

// DatesError is the X509_V_ERR_ value for `certificate` at `now`. Both ends belong to the validity
// but for the last second, as in libcrypto.
int DatesError(const X509& certificate, Time now) noexcept {
  const std::optional<Time> from = TimeOf(*X509_get0_notBefore(&certificate));
  if (!from) return X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD;
  if (*from > now) return X509_V_ERR_CERT_NOT_YET_VALID;
  const std::optional<Time> until = TimeOf(*X509_get0_notAfter(&certificate));
  if (!until) return X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD;
  return *until <= now ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_OK;
}

int Refuse(X509_STORE_CTX* context, X509* certificate, int depth, int error) noexcept {
  X509_STORE_CTX_set_error(context, error);
  X509_STORE_CTX_set_error_depth(context, depth);
  X509_STORE_CTX_set_current_cert(context, certificate);
  return 0;
}

}  // namespace

int CheckSignatures(X509_STORE_CTX* context, LatelySeen& seen, Time now) noexcept {
  const STACK_OF(X509)* const path = X509_STORE_CTX_get0_chain(context);
  X509* issuer = nullptr;
  for (int depth = sk_X509_num(path) - 1; depth >= 0; --depth) {
    X509* const certificate = sk_X509_value(path, depth);
    if (issuer != nullptr) {
      // Whether the issuer's keyUsage permits it to sign is asked here, and not when a path is
      // built (RFC 5280, 6.1.4 (n)); and who issued whom is asked again, because a program's store
      // may have an answer of its own to that.
      const int issued = X509_check_issued(issuer, certificate);
      if (issued != X509_V_OK) return Refuse(context, issuer, depth + 1, issued);
      if (X509_get0_pubkey(issuer) == nullptr) {
        return Refuse(context, issuer, depth + 1, X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY);
      }
      if (!seen.IsSigned(*certificate, *issuer)) {
        return Refuse(context, certificate, depth, X509_V_ERR_CERT_SIGNATURE_FAILURE);
      }
    }
    const int error = DatesError(*certificate, now);
    if (error != X509_V_OK) return Refuse(context, certificate, depth, error);
    issuer = certificate;
  }
  return 1;
}

}  // namespace cotter::tls
