// SPDX-License-Identifier: Apache-2.0
#include "probe/offer.h"

#include <memory>
#include <utility>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls/lean_library.h"

namespace cotter::probe {
namespace {

struct FreeCertificate {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

// The suites of TLS 1.2 and the signature algorithms of an offer; null leaves OpenSSL's own. In TLS
// 1.3 the suites say nothing of the key, and the rsa_pkcs1 algorithms stand for signatures in
// certificates alone (RFC 8446, 4.2.3), so an ECDSA offer can name them for the sake of RSA
// issuers. Suites without a certificate (anonymous, PSK, SRP) are never offered.
struct OfferText {
  const char* suites;
  const char* signature_algorithms;
};

OfferText TextOf(Offer offer) noexcept {
  constexpr const char* kRsaAlgorithms =
      "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pss_pss_sha256:"
      "rsa_pss_pss_sha384:rsa_pss_pss_sha512:rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";
  constexpr const char* kEcdsaAlgorithms =
      "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:"
      "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";
  switch (offer) {
    case Offer::kAnyKey:
      return {nullptr, nullptr};
    case Offer::kRsa:
      return {"aRSA:!eNULL:!PSK:!SRP", kRsaAlgorithms};
    case Offer::kEcdsa:
      return {"aECDSA:!eNULL:!PSK:!SRP", kEcdsaAlgorithms};
  }
  return {nullptr, nullptr};
}

// What the suites and signature algorithms of an offer are taken from.
enum class Strength : std::uint8_t {
  kUsual,         // what the TLS library offers by default
  kInsecureWeak,  // also those that nobody should use, so that they are seen
};

Error SetUpFailed() { return Error{Code::kTlsFailed, "the TLS library could not be set up"}; }

// ApplyOffer sets up a client context, TLS 1.2 at least, without sessions, to make `offer`. False
// where OpenSSL refuses a setting.
bool ApplyOffer(SSL_CTX& context, Offer offer, Strength strength) noexcept {
  const OfferText text = TextOf(offer);
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(&context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  if (strength == Strength::kInsecureWeak) {
    SSL_CTX_set_security_level(&context, 0);
    if (SSL_CTX_set_cipher_list(&context, "ALL:!aNULL:!eNULL:!PSK:!SRP") != 1) return false;
  }
  return SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION) == 1 &&
         (text.suites == nullptr || SSL_CTX_set_cipher_list(&context, text.suites) == 1) &&
         (text.signature_algorithms == nullptr ||
          SSL_CTX_set1_sigalgs_list(&context, text.signature_algorithms) == 1);
}

// The chain is verified elsewhere; here every one is let through, so that it can be seen.
int AcceptInsecurely(X509_STORE_CTX* /*context*/, void* /*unused*/) { return 1; }

// MakeSsl is a connection of `context` that has not begun.
Result<net::SslPtr> MakeSsl(SSL_CTX& context, const std::string& server_name) {
  net::SslPtr ssl(SSL_new(&context));
  if (!ssl) return SetUpFailed();
  if (!server_name.empty() && !SetServerName(*ssl, server_name)) {
    return Error{Code::kHostInvalid, "the server name for SNI is too long"};
  }
  return ssl;
}

}  // namespace

std::string_view NameOf(Offer offer) noexcept {
  switch (offer) {
    case Offer::kAnyKey:
      return "any";
    case Offer::kRsa:
      return "RSA";
    case Offer::kEcdsa:
      return "ECDSA";
  }
  return "";
}

Result<SslContextPtr> MakeInsecureLookContext(Offer offer) {
  SslContextPtr context(SSL_CTX_new_ex(tls::LeanLibrary(), nullptr, TLS_client_method()));
  // Weak keys are to be seen, and then refused by the verifier with a reason.
  if (!context || !ApplyOffer(*context, offer, Strength::kInsecureWeak)) return SetUpFailed();
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_cert_verify_callback(context.get(), AcceptInsecurely, nullptr);
  return context;
}

Result<net::SslPtr> MakeInsecureLookSsl(SSL_CTX& context, const std::string& server_name) {
  return MakeSsl(context, server_name);
}

Result<SslContextPtr> MakeEnforcedContext(Offer offer) {
  SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context || !ApplyOffer(*context, offer, Strength::kUsual)) return SetUpFailed();
  if (Result<void> prepared = tls::Enforcer::Prepare(context.get()); !prepared) {
    return std::move(prepared).error();
  }
  return context;
}

Result<net::SslPtr> MakeEnforcedSsl(SSL_CTX& context, const std::string& server_name,
                                    const tls::Enforcer& enforcer, const Endpoint& endpoint) {
  Result<net::SslPtr> ssl = MakeSsl(context, server_name);
  if (!ssl) return ssl;
  if (Result<void> attached = enforcer.Attach(ssl->get(), endpoint); !attached) {
    return std::move(attached).error();
  }
  return ssl;
}

std::optional<Offer> KeyOf(const PresentedChain& presented) noexcept {
  if (presented.certificates.empty()) return std::nullopt;
  const Bytes& der = presented.certificates.front();
  const unsigned char* from = der.data();
  const std::unique_ptr<X509, FreeCertificate> leaf(
      d2i_X509(nullptr, &from, static_cast<long>(der.size())));
  ERR_clear_error();
  const EVP_PKEY* key = leaf ? X509_get0_pubkey(leaf.get()) : nullptr;
  if (key == nullptr) return std::nullopt;
  const int type = EVP_PKEY_get_base_id(key);
  if (type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS) return Offer::kRsa;
  if (type == EVP_PKEY_EC) return Offer::kEcdsa;
  return std::nullopt;
}

Decline ReadDecline(const Error& error, Offer offer, std::optional<Offer> key) noexcept {
  if (key == offer) return Decline::kNo;
  if (error.code == Code::kTlsFailed) return Decline::kYes;
  if (error.code != Code::kConnectionClosed) return Decline::kNo;
  return key ? Decline::kYes : Decline::kPerhaps;
}

}  // namespace cotter::probe
