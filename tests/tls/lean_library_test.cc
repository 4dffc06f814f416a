// SPDX-License-Identifier: Apache-2.0
//
// The lean library is held against the usual one: it offers the same, and completes a handshake of
// every suite, group and kind of key with a server of the usual one.
#include "tls/lean_library.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "tls/openssl_ptr.h"

namespace cotter::tls {
namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

// All that OpenSSL can be made to offer, at the lowest level.
constexpr const char* kAllSuites = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";

int AcceptInsecurely(X509_STORE_CTX* /*context*/, void* /*unused*/) { return 1; }

SslContextPtr MakeClient(OSSL_LIB_CTX* library) {
  SslContextPtr context(SSL_CTX_new_ex(library, nullptr, TLS_client_method()));
  EXPECT_TRUE(context);
  EXPECT_EQ(SSL_CTX_set_cipher_list(context.get(), kAllSuites), 1);
  SSL_CTX_set_cert_verify_callback(context.get(), AcceptInsecurely, nullptr);
  return context;
}

KeyPtr MakeKey(const std::string& kind) {
  if (kind.starts_with("P-") || kind.starts_with("secp")) return KeyPtr(EVP_EC_gen(kind.c_str()));
  const std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>> maker(
      EVP_PKEY_CTX_new_from_name(nullptr, kind.c_str(), nullptr));
  EVP_PKEY* key = nullptr;
  EXPECT_EQ(EVP_PKEY_keygen_init(maker.get()), 1) << kind;
  EXPECT_EQ(EVP_PKEY_generate(maker.get(), &key), 1) << kind;
  return KeyPtr(key);
}

// Certify is a certificate of `key` for itself.
X509Ptr Certify(EVP_PKEY& key) {
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), &key);
  const int type = EVP_PKEY_get_base_id(&key);
  const bool has_own_hash = type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448;
  EXPECT_GT(X509_sign(certificate.get(), &key, has_own_hash ? nullptr : EVP_sha256()), 0);
  return certificate;
}

struct Pair {
  SslPtr client;
  SslPtr server;
  bool done = false;
};

Pair ShakeHands(SSL_CTX& client, SSL_CTX& server) {
  Pair pair{SslPtr(SSL_new(&client)), SslPtr(SSL_new(&server))};
  BIO* near_end = nullptr;
  BIO* far_end = nullptr;
  EXPECT_EQ(BIO_new_bio_pair(&near_end, 0, &far_end, 0), 1);
  SSL_set_bio(pair.client.get(), near_end, near_end);
  SSL_set_bio(pair.server.get(), far_end, far_end);
  SSL_set_connect_state(pair.client.get());
  SSL_set_accept_state(pair.server.get());
  for (int turn = 0; turn < 10; ++turn) {
    const int ours = SSL_do_handshake(pair.client.get());
    const int theirs = SSL_do_handshake(pair.server.get());
    if (ours == 1 && theirs == 1) pair.done = true;
  }
  return pair;
}

SslContextPtr MakeServer(const std::string& key_kind) {
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_cipher_list(context.get(), kAllSuites);
  SSL_CTX_set_dh_auto(context.get(), 1);
  const KeyPtr key = MakeKey(key_kind);
  EXPECT_EQ(SSL_CTX_use_certificate(context.get(), Certify(*key).get()), 1) << key_kind;
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), key.get()), 1) << key_kind;
  return context;
}

std::vector<std::string> SuitesOf(SSL_CTX& context) {
  std::vector<std::string> names;
  const STACK_OF(SSL_CIPHER)* const suites = SSL_CTX_get_ciphers(&context);
  for (int i = 0; i < sk_SSL_CIPHER_num(suites); ++i) {
    names.emplace_back(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, i)));
  }
  return names;
}

// HelloOf is what a client sends first, without what is drawn by lot.
std::string HelloOf(OSSL_LIB_CTX* library) {
  const SslContextPtr context = MakeClient(library);
  SSL_CTX_clear_options(context.get(), SSL_OP_NO_TICKET);
  const SslPtr client(SSL_new(context.get()));
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), out);
  SSL_set_connect_state(client.get());
  SSL_do_handshake(client.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  std::string hello(bytes, static_cast<std::size_t>(size));
  // The random after the heads of record and message and the version, the session's id after it,
  // and the key share at the end (RFC 8446, 4.1.2 and 4.2.8).
  constexpr std::size_t kRandom = 5 + 4 + 2;
  constexpr std::size_t kShare = 32;
  hello.replace(kRandom, 32 + 1 + 32, 65, '?');
  hello.replace(hello.size() - kShare, kShare, kShare, '?');
  return hello;
}

TEST(LeanLibrary, IsThereWhereTheSystemChoseNothingElse) {
  ASSERT_NE(LeanLibrary(), nullptr);
  EXPECT_EQ(LeanLibrary(), LeanLibrary());
}

TEST(LeanLibrary, OffersWhatTheUsualOneOffers) {
  EXPECT_EQ(HelloOf(LeanLibrary()), HelloOf(nullptr));
  EXPECT_EQ(SuitesOf(*MakeClient(LeanLibrary())), SuitesOf(*MakeClient(nullptr)));
}

TEST(LeanLibrary, ReadsEveryKindOfKey) {
  for (const char* const kind :
       {"RSA", "RSA-PSS", "P-256", "P-384", "P-521", "secp256k1", "ED25519", "ED448"}) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      // TLS 1.3 has three curves for signatures (RFC 8446, 4.2.3).
      if (version == TLS1_3_VERSION && std::string(kind) == "secp256k1") continue;
      const SslContextPtr server = MakeServer(kind);
      SSL_CTX_set_max_proto_version(server.get(), version);
      SSL_CTX_set1_groups_list(server.get(), "X25519:P-256:P-384:P-521");
      const SslContextPtr asking = MakeClient(LeanLibrary());
      if (std::string(kind) == "secp256k1") {
        SSL_CTX_set1_groups_list(asking.get(), "X25519:secp256k1");
        SSL_CTX_set1_groups_list(server.get(), "X25519:secp256k1");
      }
      const Pair pair = ShakeHands(*asking, *server);
      EXPECT_TRUE(pair.done) << kind << " " << SSL_get_version(pair.client.get());
    }
  }
}

TEST(LeanLibrary, SpeaksEverySuite) {
  // One server for each kind of key that suites ask for.
  const SslContextPtr rsa = MakeServer("RSA");
  const SslContextPtr ecdsa = MakeServer("P-256");
  int spoken = 0;
  for (const std::string& suite : SuitesOf(*MakeClient(nullptr))) {
    const bool is_new = suite.starts_with("TLS_");
    // Without a certificate: never offered by a look, and PSK and SRP need a secret.
    if (suite.find("PSK") != std::string::npos || suite.find("SRP") != std::string::npos) continue;
    if (suite.find("DSS") != std::string::npos) continue;
    SSL_CTX& server = suite.find("ECDSA") != std::string::npos ? *ecdsa : *rsa;
    const SslContextPtr client = MakeClient(LeanLibrary());
    const std::string list = suite + ":@SECLEVEL=0";
    if (is_new) {
      SSL_CTX_set_ciphersuites(client.get(), suite.c_str());
    } else {
      SSL_CTX_set_cipher_list(client.get(), list.c_str());
      SSL_CTX_set_max_proto_version(client.get(), TLS1_2_VERSION);
    }
    const Pair pair = ShakeHands(*client, server);
    EXPECT_TRUE(pair.done) << suite;
    EXPECT_EQ(SSL_get_cipher_name(pair.client.get()), suite);
    // Bytes go both ways.
    EXPECT_EQ(SSL_write(pair.client.get(), "to", 2), 2) << suite;
    std::string got(2, ' ');
    EXPECT_EQ(SSL_read(pair.server.get(), got.data(), 2), 2) << suite;
    ++spoken;
  }
  EXPECT_GT(spoken, 40);
}

TEST(LeanLibrary, AgreesOnEveryGroup) {
  for (const char* const group : {"X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048"}) {
    const SslContextPtr server = MakeServer("RSA");
    ASSERT_EQ(SSL_CTX_set1_groups_list(server.get(), group), 1);
    const SslContextPtr client = MakeClient(LeanLibrary());
    ASSERT_EQ(SSL_CTX_set1_groups_list(client.get(), group), 1);
    EXPECT_TRUE(ShakeHands(*client, *server).done) << group;
  }
}

// A server that does not hold the key of its certificate is refused by the handshake itself.
TEST(LeanLibrary, HoldsTheServerToItsProof) {
  const SslContextPtr server = MakeServer("P-256");
  const SslContextPtr client = MakeClient(LeanLibrary());
  Pair pair{SslPtr(SSL_new(client.get())), SslPtr(SSL_new(server.get()))};
  BIO* const to_server = BIO_new(BIO_s_mem());
  BIO* const to_client = BIO_new(BIO_s_mem());
  BIO_up_ref(to_server);
  BIO_up_ref(to_client);
  SSL_set_bio(pair.client.get(), to_client, to_server);
  SSL_set_bio(pair.server.get(), to_server, to_client);
  SSL_set_connect_state(pair.client.get());
  SSL_set_accept_state(pair.server.get());
  SSL_CTX_set_max_proto_version(client.get(), TLS1_2_VERSION);
  SSL_set_max_proto_version(pair.client.get(), TLS1_2_VERSION);
  SSL_do_handshake(pair.client.get());
  SSL_do_handshake(pair.server.get());
  // The last bytes of the flight are ServerHelloDone; before it is the signature of the key share.
  char* flight = nullptr;
  const long size = BIO_get_mem_data(to_client, &flight);
  constexpr long kBeforeDone = 5 + 4 + 8;
  ASSERT_GT(size, kBeforeDone);
  flight[size - kBeforeDone] = static_cast<char>(flight[size - kBeforeDone] ^ 1);
  EXPECT_NE(SSL_do_handshake(pair.client.get()), 1);
  EXPECT_EQ(SSL_get_error(pair.client.get(), -1), SSL_ERROR_SSL);
}

}  // namespace
}  // namespace cotter::tls
