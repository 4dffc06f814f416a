// SPDX-License-Identifier: Apache-2.0
//
// A program that does with OpenSSL what cotter must not let pass: the victim, and the accomplice,
// of tests/exec/robustness_test.py. It connects to localhost, writes a secret, and ends with 0 if
// that was taken.
//
//   stubborn_client PORT callback     its own verification accepts everything
//   stubborn_client PORT store ROOTS  its trust store takes every signature for a good one
//   stubborn_client PORT switch ROOTS the same, put in place while a path is verified
//   stubborn_client PORT nested ROOTS PORT2  the callback of its verification says its secret to a
//                                     second server, and nothing to the first
//   stubborn_client PORT lookup ROOTS PORT2  the same, each time that its trust store is asked
//   stubborn_client PORT anonymous    suites without a certificate
//   stubborn_client PORT psk          an external pre-shared key
//   stubborn_client PORT early        writes early data first
//   stubborn_client PORT again PORT2  the session of the first server is offered to the second, by
//                                     another name
//   stubborn_client PORT later ROOTS TIME  the session is offered to the same server, now and when
//                                     TIME, in seconds since 1970, has come
// With "bio" behind it, what follows is said through a BIO around the connection, in which the
// handshake happens by itself.
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <poll.h>

#include "openssl_handles.h"

namespace {

constexpr std::string_view kSecret = "GET / HTTP/1.0\r\nAuthorization: secret\r\n\r\n";

int AcceptAll(X509_STORE_CTX* /*context*/, void* /*argument*/) { return 1; }
int AcceptSignatures(X509_STORE_CTX* context) {
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

int SwitchSignatures(X509_STORE_CTX* context) {
  X509_STORE_CTX_set_verify(context, AcceptSignatures);
  return 1;
}

unsigned int GiveKey(SSL* /*ssl*/, const char* /*hint*/, char* identity, unsigned int identity_size,
                     unsigned char* key, unsigned int key_size) {
  constexpr std::array<unsigned char, 4> kKey = {1, 2, 3, 4};
  constexpr std::string_view kIdentity = "lab";
  if (identity_size <= kIdentity.size() || key_size < kKey.size()) return 0;
  std::memcpy(identity, kIdentity.data(), kIdentity.size() + 1);
  std::memcpy(key, kKey.data(), kKey.size());
  return kKey.size();
}

Connection Open(SSL_CTX* context, const std::string& port, const std::string& name) {
  BIO* const bio = BIO_new_connect(("localhost:" + port).c_str());
  Connection ssl(SSL_new(context));
  if (bio == nullptr || !ssl || BIO_do_connect(bio) != 1) return nullptr;
  SSL_set_bio(ssl.get(), bio, bio);
  std::string server_name = name;
  SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, server_name.data());
  SSL_set_connect_state(ssl.get());
  return ssl;
}

bool through_bio = false;

// SayThroughBio is Say by way of a BIO that does not own the connection.
bool SayThroughBio(SSL* ssl) {
  const std::unique_ptr<BIO, FreeWith<BIO_free>> bio(BIO_new(BIO_f_ssl()));
  if (!bio || BIO_set_ssl(bio.get(), ssl, BIO_NOCLOSE) != 1) return false;
  const int size = static_cast<int>(kSecret.size());
  if (BIO_write(bio.get(), kSecret.data(), size) != size) return false;
  std::array<char, 256> answer{};
  return BIO_read(bio.get(), answer.data(), answer.size()) > 0;
}

// Say writes the secret; the handshake happens in the write.
bool Say(SSL* ssl) {
  if (through_bio) return SayThroughBio(ssl);
  if (SSL_write(ssl, kSecret.data(), static_cast<int>(kSecret.size())) <= 0) return false;
  std::array<char, 256> answer{};
  return SSL_read(ssl, answer.data(), answer.size()) > 0;
}

std::string second_port;
std::time_t end_time = 0;

void TellSecond() {
  const Context context(SSL_CTX_new(TLS_client_method()));
  const Connection ssl = Open(context.get(), second_port, "localhost");
  if (ssl && Say(ssl.get())) std::cout << "said" << std::endl;
}

// SayElsewhere is a verification callback that has a connection of its own.
int SayElsewhere(int ok, X509_STORE_CTX* /*context*/) {
  static bool asked = false;
  if (asked) return ok;
  asked = true;
  TellSecond();
  return ok;
}

// LookElsewhere is a trust store that asks a second server for an issuer.
int LookElsewhere(X509** issuer, X509_STORE_CTX* context, X509* certificate) {
  TellSecond();
  return X509_STORE_CTX_get1_issuer(issuer, context, certificate);
}

// OfferAgain offers `session` to the server that it is of, and prints whether that took it.
bool OfferAgain(SSL_CTX* context, const std::string& port, SSL_SESSION* session) {
  const Connection again = Open(context, port, "localhost");
  if (!again || SSL_set_session(again.get(), session) != 1 || !Say(again.get())) return false;
  const bool in_time = std::time(nullptr) < end_time;
  // OpenSSL resumes no session of a connection that ended in the middle.
  SSL_set_shutdown(again.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  std::cout << (SSL_session_reused(again.get()) == 1 ? "reused" : "not reused")
            << (in_time ? " before" : " after") << "\n";
  return true;
}

// SayLater has one session for all that it says.
bool SayLater(SSL_CTX* context, const std::string& port) {
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  const Connection first = Open(context, port, "localhost");
  if (!first || !Say(first.get())) return false;
  SSL_set_shutdown(first.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  const Session session(SSL_get1_session(first.get()));
  if (!OfferAgain(context, port, session.get())) return false;
  while (std::time(nullptr) < end_time) (void)poll(nullptr, 0, 50);
  return OfferAgain(context, port, session.get());
}

void Prepare(SSL_CTX* context, std::string_view mode) {
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  if (mode == "callback") SSL_CTX_set_cert_verify_callback(context, AcceptAll, nullptr);
  if (mode != "anonymous" && mode != "psk") return;
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_cipher_list(context, mode == "psk" ? "PSK" : "aNULL");
  if (mode == "psk") SSL_CTX_set_psk_client_callback(context, GiveKey);
}

bool Run(const std::vector<std::string>& words) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  const std::string& mode = words[2];
  through_bio = words.back() == "bio";
  Prepare(context.get(), mode);
  if (mode == "store" || mode == "switch" || mode == "nested" || mode == "lookup" ||
      mode == "later") {
    if (SSL_CTX_load_verify_file(context.get(), words[3].c_str()) != 1) return false;
  }
  if (mode == "store") {
    X509_STORE_set_verify(SSL_CTX_get_cert_store(context.get()), AcceptSignatures);
  }
  if (mode == "switch") {
    X509_STORE_set_check_revocation(SSL_CTX_get_cert_store(context.get()), SwitchSignatures);
  }
  if (mode == "nested") {
    second_port = words[4];
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, SayElsewhere);
  }
  if (mode == "later") {
    const char* const end = words[4].data() + words[4].size();
    if (std::from_chars(words[4].data(), end, end_time).ptr != end) return false;
    return SayLater(context.get(), words[1]);
  }
  if (mode == "lookup") {
    second_port = words[4];
    X509_STORE_set_get_issuer(SSL_CTX_get_cert_store(context.get()), LookElsewhere);
  }
  const Connection ssl = Open(context.get(), words[1], "localhost");
  if (!ssl) return false;
  if (mode == "nested" || mode == "lookup") return SSL_connect(ssl.get()) == 1;
  if (mode == "early") {
    std::size_t written = 0;
    return SSL_write_early_data(ssl.get(), kSecret.data(), kSecret.size(), &written) == 1;
  }
  if (!Say(ssl.get())) return false;
  if (mode != "again") return true;
  const Session session(SSL_get1_session(ssl.get()));
  const Connection second = Open(context.get(), words[3], "api.example.com");
  if (!second || SSL_set_session(second.get(), session.get()) != 1) return false;
  const bool said = Say(second.get());
  std::cout << (SSL_session_reused(second.get()) == 1 ? "reused" : "not reused") << "\n";
  return said;
}

}  // namespace

int main(int count, char** words) {
  return Run(std::vector<std::string>(words, words + count)) ? 0 : 1;
}
