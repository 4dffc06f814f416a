// SPDX-License-Identifier: Apache-2.0
//
// A fault at each push and pull of a GnuTLS handshake in turn: there is no usable session without
// an allowed record. Client and server run in one thread, over memory.
#include <algorithm>
#include <array>
#include <cerrno>
#include <gnutls/gnutls.h>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/bio.h>

#include "tests/tls/memory_server.h"
#include <cotter/gnutls.h>

namespace cotter::tls {
namespace {

enum class Fault { kError, kEnd, kAgain, kOneByte };

// Wire is the client's end, which fails at one call.
struct Wire {
  BioPtr end;
  gnutls_session_t session = nullptr;
  int fail_at = -1;
  Fault fault = Fault::kError;
  int calls = 0;
};

template <typename Transfer>
ssize_t Pass(gnutls_transport_ptr_t transport, std::size_t size, const Transfer& transfer) {
  Wire& wire = *static_cast<Wire*>(transport);
  const auto fail = [&](int error) {
    gnutls_transport_set_errno(wire.session, error);
    return ssize_t{-1};
  };
  if (wire.calls++ == wire.fail_at) {
    if (wire.fault == Fault::kError) return fail(ECONNRESET);
    if (wire.fault == Fault::kEnd) return 0;
    if (wire.fault == Fault::kAgain) return fail(EAGAIN);
    size = std::min<std::size_t>(size, 1);
  }
  const int count = transfer(wire.end.get(), static_cast<int>(size));
  return count > 0 ? count : fail(EAGAIN);
}

ssize_t Push(gnutls_transport_ptr_t transport, const void* data, std::size_t size) {
  return Pass(transport, size, [&](BIO* end, int most) { return BIO_write(end, data, most); });
}
ssize_t Pull(gnutls_transport_ptr_t transport, void* out, std::size_t size) {
  return Pass(transport, size, [&](BIO* end, int most) { return BIO_read(end, out, most); });
}
int NeverWait(gnutls_transport_ptr_t /*transport*/, unsigned /*milliseconds*/) { return 1; }

struct Outcomes {
  bool confirmed = false;
  bool allowed = false;  // by the record
  int calls = 0;
  std::string received;  // by the server
};

// Attempt runs one connection with a fault in it, and writes whatever the handshake came to.
Outcomes Attempt(SSL_CTX* server_context, int fail_at, Fault fault) {
  const GnutlsEnforcer enforcer = GnutlsEnforcer::Create({.policy = HoldPolicy(Pins({{"leaf"}})),
                                                          .trust = Trust({"root", "rogue-root"}),
                                                          .now = {}})
                                      .value();
  Wire wire;
  BIO* ours = nullptr;
  BIO* theirs = nullptr;
  BIO_new_bio_pair(&ours, 1 << 16, &theirs, 1 << 16);
  wire.end.reset(ours);
  wire.fail_at = fail_at;
  wire.fault = fault;
  const SslPtr server(SSL_new(server_context));
  SSL_set_bio(server.get(), theirs, theirs);
  SSL_set_accept_state(server.get());
  Outcomes outcomes;
  const auto serve = [&] {
    std::array<char, 4096> buffer{};
    const int count = SSL_read(server.get(), buffer.data(), buffer.size());
    if (count > 0) outcomes.received.append(buffer.data(), static_cast<std::size_t>(count));
    ERR_clear_error();
  };
  gnutls_certificate_credentials_t credentials = nullptr;
  gnutls_session_t session = nullptr;
  EXPECT_EQ(gnutls_certificate_allocate_credentials(&credentials), 0);
  GnutlsEnforcer::Prepare(credentials);
  EXPECT_EQ(gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
  wire.session = session;
  EXPECT_EQ(gnutls_set_default_priority(session), 0);
  EXPECT_EQ(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), 0);
  gnutls_transport_set_ptr(session, &wire);
  gnutls_transport_set_push_function(session, Push);
  gnutls_transport_set_pull_function(session, Pull);
  gnutls_transport_set_pull_timeout_function(session, NeverWait);
  EXPECT_TRUE(enforcer.Attach(session, {HostName::Parse("api.example.com").value(), 443}));
  int shaken = GNUTLS_E_AGAIN;
  for (int round = 0; round < 30 && shaken < 0 && gnutls_error_is_fatal(shaken) == 0; ++round) {
    shaken = gnutls_handshake(session);
    serve();
  }
  (void)gnutls_record_send(session, kSecret.data(), kSecret.size());
  (void)gnutls_record_send(session, nullptr, 0);  // what was interrupted
  serve();
  outcomes.calls = wire.calls;
  const ConnectionRecord* const record = RecordOf(session);
  outcomes.allowed = record != nullptr && !record->code;
  outcomes.confirmed = Confirm(session).has_value();
  gnutls_deinit(session);
  gnutls_certificate_free_credentials(credentials);
  return outcomes;
}

class GnutlsFaultTest : public testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Versions, GnutlsFaultTest, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& each) {
                           return each.param == TLS1_2_VERSION ? "Tls12" : "Tls13";
                         });

// S1-30
TEST_P(GnutlsFaultTest, NoFaultOfTheWireMakesASessionWithoutAVerdict_S1_30) {
  for (const std::string name : {"leaf", "rogue-leaf"}) {
    const SslContextPtr server = MakeServer(name, GetParam());
    const Outcomes sound = Attempt(server.get(), -1, Fault::kError);
    EXPECT_EQ(sound.confirmed, name == "leaf");
    EXPECT_EQ(sound.received, name == "leaf" ? kSecret : "");
    for (const Fault fault : {Fault::kError, Fault::kEnd, Fault::kAgain, Fault::kOneByte}) {
      bool more = true;
      for (int at = 0; more && at < 300; ++at) {
        const Outcomes outcomes = Attempt(server.get(), at, fault);
        const bool used = outcomes.confirmed || !outcomes.received.empty();
        EXPECT_TRUE(outcomes.allowed || !used) << name << " " << at;
        EXPECT_TRUE(name == "leaf" || !used) << at;
        more = at < outcomes.calls;
      }
      EXPECT_FALSE(more) << "a handshake of more than 300 calls";
    }
  }
}

}  // namespace
}  // namespace cotter::tls
