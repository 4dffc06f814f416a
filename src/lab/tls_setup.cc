// SPDX-License-Identifier: Apache-2.0
#include "lab/tls_setup.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/err.h>

namespace cotter::lab {
namespace {

constexpr std::string_view kSessionContext = "cotter lab";

Error TlsError(const char* what) {
  const unsigned long code = ERR_get_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return {Code::kTlsFailed, std::string(what) + ": " + (reason != nullptr ? reason : "refused")};
}

X509Handle Decode(const Certificate& certificate) {
  const std::uint8_t* cursor = certificate.der.data();
  return X509Handle(d2i_X509(nullptr, &cursor, static_cast<long>(certificate.der.size())));
}

// Again is one more reference to the last certificate of `chain`.
X509Handle Again(STACK_OF(X509) * chain) {
  X509* last = sk_X509_value(chain, sk_X509_num(chain) - 1);
  COTTER_CHECK(X509_up_ref(last) == 1);
  return X509Handle(last);
}

int NativeVersion(TlsVersion version) {
  switch (version) {
    case TlsVersion::kTls10:
      return TLS1_VERSION;
    case TlsVersion::kTls11:
      return TLS1_1_VERSION;
    case TlsVersion::kTls12:
      return TLS1_2_VERSION;
    case TlsVersion::kTls13:
      return TLS1_3_VERSION;
  }
  std::abort();
}

const char* CipherList(Authentication authentication) {
  switch (authentication) {
    case Authentication::kCertificate:
      return "DEFAULT:@SECLEVEL=0";
    case Authentication::kInsecureAnonymous:
      return "aNULL:@SECLEVEL=0";
    case Authentication::kInsecurePreSharedKey:
      return "PSK:@SECLEVEL=0";
  }
  std::abort();
}

const ServerOptions& OptionsOf(const SSL* ssl) {
  return *static_cast<const ServerOptions*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

unsigned FindPsk(SSL* ssl, const char* identity, unsigned char* key, unsigned capacity) {
  const std::optional<Psk>& psk = OptionsOf(ssl).psk;
  if (!psk || identity == nullptr || psk->identity != identity) return 0;
  if (psk->key.size() > capacity) return 0;
  std::copy(psk->key.begin(), psk->key.end(), key);
  return static_cast<unsigned>(psk->key.size());
}

int SelectAlpn(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
               const unsigned char* offered, unsigned offered_size, void*) {
  const ByteView offer(offered, offered_size);
  for (const std::string& wanted : OptionsOf(ssl).alpn) {
    // RFC 7301, 3.1: a list of names, each after a byte with its length.
    for (std::size_t at = 0; at < offer.size();) {
      const std::size_t size = offer[at];
      if (size > offer.size() - at - 1) return SSL_TLSEXT_ERR_ALERT_FATAL;
      const ByteView name = offer.subspan(at + 1, size);
      if (SameBytes(name, AsBytes(wanted))) {
        *chosen = name.data();
        *chosen_size = static_cast<unsigned char>(size);
        return SSL_TLSEXT_ERR_OK;
      }
      at += 1 + size;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void SetResumption(SSL_CTX* context, Resumption resumption) {
  // A session may only be resumed within one context name, which client certificates need.
  SSL_CTX_set_session_id_context(context, AsBytes(kSessionContext).data(), kSessionContext.size());
  switch (resumption) {
    case Resumption::kTickets:
      SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
      return;
    case Resumption::kSessionIds:
      SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
      SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
      return;
    case Resumption::kOff:
      SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
      SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
      SSL_CTX_set_num_tickets(context, 0);
      return;
  }
  std::abort();
}

void SetClientCertificates(SSL_CTX* context, ClientCertificates wanted) {
  if (wanted == ClientCertificates::kNotRequested) return;
  int mode = SSL_VERIFY_PEER;
  if (wanted == ClientCertificates::kRequired) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context, mode, nullptr);
}

}  // namespace

const std::vector<LoadedIdentity>& Presentation::For(const char* server_name) const {
  if (server_name == nullptr) return usual;
  const auto found = std::find_if(by_server_name.begin(), by_server_name.end(),
                                  [&](const auto& entry) { return entry.first == server_name; });
  return found == by_server_name.end() ? usual : found->second;
}

Result<std::vector<LoadedIdentity>> LoadIdentities(const std::vector<Identity>& identities) {
  std::vector<LoadedIdentity> loaded;
  for (const Identity& identity : identities) {
    X509StackHandle chain(sk_X509_new_null());
    X509Handle certificate = Decode(identity.certificate);
    if (certificate == nullptr || chain == nullptr) return TlsError("certificate");
    const Certificate* last = nullptr;
    for (const Certificate& above : identity.chain) {
      // A padded chain repeats one certificate thousands of times; it is decoded once.
      X509Handle decoded = last != nullptr && *last == above ? Again(chain.get()) : Decode(above);
      if (decoded == nullptr) return TlsError("chain");
      COTTER_CHECK(sk_X509_push(chain.get(), decoded.release()) > 0);
      last = &above;
    }
    loaded.push_back({std::move(certificate), std::move(chain), identity.key});
  }
  return loaded;
}

Result<Presentation> LoadPresentation(const ServerOptions& options) {
  Presentation presentation;
  Result<std::vector<LoadedIdentity>> usual = LoadIdentities(options.identities);
  if (!usual) return usual.error();
  presentation.usual = std::move(*usual);
  for (const NameIdentities& entry : options.by_server_name) {
    Result<std::vector<LoadedIdentity>> named = LoadIdentities(entry.identities);
    if (!named) return named.error();
    presentation.by_server_name.emplace_back(entry.server_name, std::move(*named));
  }
  if (options.renegotiate_with) {
    Result<std::vector<LoadedIdentity>> later = LoadIdentities({*options.renegotiate_with});
    if (!later) return later.error();
    presentation.at_renegotiation = std::move(*later);
  }
  return presentation;
}

bool Install(SSL* ssl, const std::vector<LoadedIdentity>& identities) {
  SSL_certs_clear(ssl);
  return std::all_of(identities.begin(), identities.end(), [&](const LoadedIdentity& identity) {
    return SSL_use_cert_and_key(ssl, identity.certificate.get(), identity.key.native(),
                                identity.chain.get(), 1) == 1;
  });
}

Result<SslContextHandle> MakeContext(ServerOptions& options) {
  SslContextHandle context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return TlsError("context");
  SSL_CTX* native = context.get();
  SSL_CTX_set_app_data(native, &options);
  if (SSL_CTX_set_min_proto_version(native, NativeVersion(options.min_version)) != 1 ||
      SSL_CTX_set_max_proto_version(native, NativeVersion(options.max_version)) != 1) {
    return TlsError("TLS versions");
  }
  if (SSL_CTX_set_cipher_list(native, CipherList(options.authentication)) != 1) {
    return TlsError("cipher suites");
  }
  if (options.authentication == Authentication::kInsecureAnonymous) {
    // TLS 1.3 has no anonymous suites.
    if (SSL_CTX_set_max_proto_version(native, TLS1_2_VERSION) != 1) return TlsError("TLS versions");
    SSL_CTX_set_dh_auto(native, 1);
  }
  // Otherwise a renegotiation would resume, and present nothing.
  SSL_CTX_set_options(native, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
  // The presented chain is the caller's to choose: OpenSSL must not complete it.
  SSL_CTX_set_mode(native, SSL_MODE_NO_AUTO_CHAIN);
  if (options.psk) SSL_CTX_set_psk_server_callback(native, FindPsk);
  if (!options.alpn.empty()) SSL_CTX_set_alpn_select_cb(native, SelectAlpn, nullptr);
  SetResumption(native, options.resumption);
  SetClientCertificates(native, options.client_certificates);
  return context;
}

}  // namespace cotter::lab
