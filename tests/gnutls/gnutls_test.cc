// SPDX-License-Identifier: Apache-2.0
//
// The GnuTLS door against servers that a client must survive. What a server learned is read from
// the server's own record.
#include <csignal>
#include <gnutls/gnutls.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tls/enforced_client.h"
#include <cotter/gnutls.h>

namespace cotter::tls {
namespace {

template <auto Free>
struct FreeGnutls {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using SessionPtr = std::unique_ptr<gnutls_session_int, FreeGnutls<gnutls_deinit>>;
using CredentialsPtr = std::unique_ptr<gnutls_certificate_credentials_st,
                                       FreeGnutls<gnutls_certificate_free_credentials>>;

// Program is a program that uses GnuTLS. It asks nothing of GnuTLS's own verification.
class Program {
 public:
  explicit Program(std::shared_ptr<const PolicyIndex> policy,
                   const std::vector<std::string>& trusted = {"root", "rogue-root"})
      : source(HoldPolicy(std::move(policy))),
        enforcer_(GnutlsEnforcer::Create({.policy = source,
                                          .trust = Trust(trusted),
                                          .now = {},
                                          .on_violation =
                                              [this](const Violation& violation) {
                                                told.push_back(violation.verdict.outcome);
                                              }})
                      .value()) {
    std::signal(SIGPIPE, SIG_IGN);
    gnutls_certificate_credentials_t credentials = nullptr;
    EXPECT_EQ(gnutls_certificate_allocate_credentials(&credentials), 0);
    credentials_.reset(credentials);
    GnutlsEnforcer::Prepare(credentials);
  }
  ~Program() { CloseSocket(); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] gnutls_session_t session() const { return session_.get(); }
  [[nodiscard]] gnutls_certificate_credentials_t credentials() const { return credentials_.get(); }
  [[nodiscard]] int socket() const { return socket_; }

  void Begin(const lab::Server& server, const char* priority, unsigned flags = 0) {
    CloseSocket();
    session_.reset();
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    gnutls_session_t session = nullptr;
    ASSERT_EQ(gnutls_init(&session, GNUTLS_CLIENT | flags), 0);
    session_.reset(session);
    ASSERT_EQ(gnutls_priority_set_direct(session, priority, nullptr), 0);
    gnutls_transport_set_int(session, socket_);
  }

  void OfferCertificates() {
    ASSERT_EQ(gnutls_credentials_set(session(), GNUTLS_CRD_CERTIFICATE, credentials_.get()), 0);
  }

  [[nodiscard]] Result<void> Attach() {
    const Endpoint endpoint{HostName::Parse("api.example.com").value(), 443};
    return enforcer_.Attach(session(), endpoint);
  }

  // Open is everything before the handshake.
  void Open(const lab::Server& server, const char* priority = "NORMAL") {
    Begin(server, priority);
    OfferCertificates();
    const Result<void> attached = Attach();
    ASSERT_TRUE(attached) << attached.error().message;
    UseSocket(session(), socket_);
  }

  [[nodiscard]] int Shake() const {
    int result = 0;
    do {
      result = gnutls_handshake(session());
    } while (result < 0 && gnutls_error_is_fatal(result) == 0);
    return result;
  }

  [[nodiscard]] bool Write() const {
    return gnutls_record_send(session(), kSecret.data(), kSecret.size()) > 0;
  }
  [[nodiscard]] bool Read() const {
    char buffer[4096];
    ssize_t count = 0;
    do {  // tickets are no data
      count = gnutls_record_recv(session(), buffer, sizeof buffer);
    } while (count == GNUTLS_E_AGAIN || count == GNUTLS_E_INTERRUPTED);
    return count > 0;
  }

  void Close() {
    session_.reset();
    CloseSocket();
  }

  std::shared_ptr<HeldPolicy> source;
  std::vector<Outcome> told;

 private:
  void CloseSocket() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }

  GnutlsEnforcer enforcer_;
  CredentialsPtr credentials_;
  SessionPtr session_;
  int socket_ = -1;
};

class GnutlsTest : public EnforcerTest {};

INSTANTIATE_TEST_SUITE_P(Versions, GnutlsTest,
                         testing::Values(lab::TlsVersion::kTls12, lab::TlsVersion::kTls13),
                         [](const auto& each) {
                           return each.param == lab::TlsVersion::kTls12 ? "Tls12" : "Tls13";
                         });

TEST_P(GnutlsTest, GenuineServerPasses_S2_10) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Program program(Pins({{"root", PinPlace::kCa}}));
  program.Open(server);
  ASSERT_EQ(program.Shake(), 0);
  const auto record = Confirm(program.session());
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ((*record)->verdict.outcome, Outcome::kPinnedOk);
  EXPECT_EQ((*record)->found.size(), 3U);
  EXPECT_EQ((*record)->tls_version, GetParam() == lab::TlsVersion::kTls12 ? "TLSv1.2" : "TLSv1.3");
  EXPECT_TRUE(program.Write());
  EXPECT_TRUE(program.Read());
  EXPECT_EQ(server.Record().details.at(0).server_name, "api.example.com");
}

// S1-26, S1-31, S2-13: refused inside the handshake, told before the error, the exact text.
TEST_P(GnutlsTest, InterceptorIsRefusedInsideTheHandshake_S1_26_S2_13) {
  const lab::Server server =
      StartServer(Serving(WithAppended("rogue-leaf", {"leaf", "intermediate", "root"})));
  Program program(Pins({{"leaf"}, {"intermediate"}, {"root"}}));
  program.Open(server);
  EXPECT_LT(program.Shake(), 0);
  EXPECT_EQ(program.told, std::vector<Outcome>{Outcome::kPinMismatch});
  ASSERT_NE(RecordOf(program.session()), nullptr);
  EXPECT_EQ(RecordOf(program.session())->message,
            BadPinMessage(RecordOf(program.session())->found));
  const auto confirmed = Confirm(program.session());
  ASSERT_FALSE(confirmed);
  EXPECT_EQ(confirmed.error().code, Code::kPinMismatch);
  EXPECT_FALSE(program.Write());
  program.Close();
  EXPECT_FALSE(FirstRecord(server).handshake_completed);
  EXPECT_EQ(FirstRecord(server).application_bytes, 0U);
}

// PKI first (S3-02), and the codes are those of the OpenSSL door.
TEST_P(GnutlsTest, PkiFailureHasTheCodeOfTheOtherDoors) {
  for (const auto& [identity, code] :
       {std::pair{"expired", Code::kCertExpired}, std::pair{"wrong-host", Code::kHostMismatch},
        std::pair{"forged", Code::kSignatureInvalid}, std::pair{"self-signed", Code::kSelfSigned},
        std::pair{"rogue-leaf", Code::kIssuerUnknown}}) {
    const lab::Server server = StartServer(Serving({World().Get(identity)}));
    Program program(Pins({{identity, PinPlace::kLeaf}}, Mode::kReport), {"root"});
    program.Open(server);
    EXPECT_LT(program.Shake(), 0) << identity;
    ASSERT_NE(RecordOf(program.session()), nullptr) << identity;
    EXPECT_EQ(RecordOf(program.session())->code, code) << identity;
  }
}

TEST_P(GnutlsTest, ClientCertificateIsDisclosedOnlyAfterAPass_S3_01) {
  for (const bool right : {true, false}) {
    lab::ServerOptions options = Serving({World().Get("leaf")});
    options.client_certificates = lab::ClientCertificates::kRequested;
    const lab::Server server = StartServer(options);
    Program program(Pins({{right ? "leaf" : "backup", PinPlace::kLeaf}}));
    const lab::Identity& own = World().Get("client");
    std::string certificate = own.certificate.Pem();
    std::string key = own.key.PrivatePem();
    const auto datum = [](std::string& text) {
      return gnutls_datum_t{reinterpret_cast<unsigned char*>(text.data()),
                            static_cast<unsigned>(text.size())};
    };
    const gnutls_datum_t certificate_datum = datum(certificate);
    const gnutls_datum_t key_datum = datum(key);
    ASSERT_EQ(gnutls_certificate_set_x509_key_mem(program.credentials(), &certificate_datum,
                                                  &key_datum, GNUTLS_X509_FMT_PEM),
              0);
    program.Open(server);
    EXPECT_EQ(program.Shake() == 0, right);
    if (right) {
      EXPECT_TRUE(program.Write() && program.Read());
    }
    program.Close();
    EXPECT_EQ(FirstRecord(server).client_certificates.empty(), !right);
  }
}

TEST_P(GnutlsTest, ReportModeLetsAMismatchThroughAndTellsIt) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Program program(Pins({{"backup"}}, Mode::kReport));
  program.Open(server);
  EXPECT_EQ(program.Shake(), 0);
  EXPECT_TRUE(Confirm(program.session()));
  EXPECT_EQ(program.told, std::vector<Outcome>{Outcome::kReported});
}

// A forgotten attachment fails closed.
TEST_P(GnutlsTest, SessionWithoutEnforcerIsRefused) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Program program(Pins({{"leaf"}}));
  program.Begin(server, "NORMAL");
  program.OfferCertificates();
  EXPECT_LT(program.Shake(), 0);
  EXPECT_FALSE(Confirm(program.session()));
}

// S3-10: a verification function of the program's own leaves no verdict, so there is no Finished.
TEST_P(GnutlsTest, ReplacedVerifierIsRefused_S3_10) {
  const lab::Server server = StartServer(Serving({World().Get("rogue-leaf")}));
  Program program(Pins({{"leaf"}}));
  program.Open(server);
  gnutls_session_set_verify_function(program.session(), [](gnutls_session_t) { return 0; });
  EXPECT_LT(program.Shake(), 0);
  EXPECT_FALSE(program.Write());
  program.Close();
  EXPECT_FALSE(FirstRecord(server).handshake_completed);
}

// Where the hook is replaced too, Confirm refuses and the transport is dead.
TEST_P(GnutlsTest, ReplacedVerifierAndHookCarryNoDataAfterConfirm) {
  const lab::Server server = StartServer(Serving({World().Get("rogue-leaf")}));
  Program program(Pins({{"leaf"}}));
  program.Open(server);
  gnutls_session_set_verify_function(program.session(), [](gnutls_session_t) { return 0; });
  gnutls_handshake_set_hook_function(program.session(), static_cast<unsigned>(GNUTLS_HANDSHAKE_ANY),
                                     GNUTLS_HOOK_BOTH, nullptr);
  EXPECT_EQ(program.Shake(), 0);
  EXPECT_FALSE(Confirm(program.session()));
  EXPECT_FALSE(program.Write());
  program.Close();
  EXPECT_EQ(FirstRecord(server).application_bytes, 0U);
}

// GnuTLS asks no verifier on resumption, so a session is not even offered. The control shows that
// the same session is resumed where no enforcer is attached.
TEST_P(GnutlsTest, ResumptionIsRefused) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Program program(Pins({{"leaf"}}));
  program.Open(server);
  ASSERT_EQ(program.Shake(), 0);
  ASSERT_TRUE(program.Write() && program.Read());
  gnutls_datum_t saved{};
  ASSERT_EQ(gnutls_session_get_data2(program.session(), &saved), 0);
  for (const bool attached : {true, false}) {
    program.Begin(server, "NORMAL");
    program.OfferCertificates();
    if (attached) {
      ASSERT_TRUE(program.Attach());
    }
    ASSERT_EQ(gnutls_session_set_data(program.session(), saved.data, saved.size), 0);
    const int shaken = program.Shake();
    if (!attached) {
      EXPECT_EQ(shaken, 0);
      EXPECT_NE(gnutls_session_is_resumed(program.session()), 0);
      continue;
    }
    EXPECT_LT(shaken, 0);
    EXPECT_FALSE(program.Write());
    const auto confirmed = Confirm(program.session());
    ASSERT_FALSE(confirmed);
    EXPECT_EQ(confirmed.error().code, Code::kNoVerifiedPath);
  }
  gnutls_free(saved.data);
}

// A kept connection is judged again after a swap, and its socket is shut down.
TEST_P(GnutlsTest, SwapReachesLiveSessions_S1_30) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Program program(Pins({{"leaf"}}));
  program.Open(server);
  ASSERT_EQ(program.Shake(), 0);
  EXPECT_TRUE(CheckUse(program.session()));
  program.source->Set(Pins({{"root"}}));
  EXPECT_TRUE(CheckUse(program.session()));
  ASSERT_TRUE(program.Write() && program.Read());
  program.source->Set(Pins({{"backup"}}));
  EXPECT_EQ(program.told, std::vector<Outcome>{Outcome::kPinMismatch});
  EXPECT_TRUE(server.WaitFor([](const lab::ServerRecord& record) { return record.closed == 1; },
                             kPatience));
  const Result<void> use = CheckUse(program.session());
  ASSERT_FALSE(use);
  EXPECT_EQ(use.error().code, Code::kPinMismatch);
  EXPECT_FALSE(program.Write());
  EXPECT_EQ(program.told.size(), 1U);
  program.Close();
  EXPECT_EQ(FirstRecord(server).application_bytes, kSecret.size());
}

// Suites without a certificate: refused when attached, and in the handshake where they come later.
TEST(GnutlsAttackTest, AnonymousSuitesAreRefused) {
  lab::ServerOptions options;
  options.authentication = lab::Authentication::kInsecureAnonymous;
  options.max_version = lab::TlsVersion::kTls12;
  const lab::Server server = StartServer(options);
  gnutls_anon_client_credentials_t anonymous = nullptr;
  ASSERT_EQ(gnutls_anon_allocate_client_credentials(&anonymous), 0);
  constexpr const char* kPriority = "NORMAL:-VERS-TLS1.3:+ANON-ECDH:+ANON-DH";
  for (const bool before : {true, false}) {
    Program program(Pins({{"leaf"}}));
    program.Begin(server, kPriority);
    program.OfferCertificates();
    const auto offer = [&] {
      ASSERT_EQ(gnutls_credentials_set(program.session(), GNUTLS_CRD_ANON, anonymous), 0);
    };
    if (before) offer();
    EXPECT_EQ(program.Attach().has_value(), !before);
    if (before) continue;
    offer();
    EXPECT_LT(program.Shake(), 0);
    EXPECT_FALSE(Confirm(program.session()));
    EXPECT_FALSE(program.Write());
    program.Close();
    EXPECT_FALSE(FirstRecord(server).handshake_completed);
  }
  gnutls_anon_free_client_credentials(anonymous);
}

// A renegotiation needs a second handshake, which the program is asked for and does not get.
TEST(GnutlsAttackTest, SecondHandshakeIsRefused) {
  lab::ServerOptions options;
  options.identities = {World().Get("leaf")};
  options.max_version = lab::TlsVersion::kTls12;
  options.renegotiate_with = World().Get("rogue-leaf");
  const lab::Server server = StartServer(options);
  Program program(Pins({{"leaf"}}));
  program.Open(server);
  ASSERT_EQ(program.Shake(), 0);
  char buffer[64];
  EXPECT_EQ(gnutls_record_recv(program.session(), buffer, sizeof buffer), GNUTLS_E_REHANDSHAKE);
  EXPECT_LT(program.Shake(), 0);
  program.Close();
  EXPECT_FALSE(FirstRecord(server).renegotiated);
}

TEST(GnutlsAttackTest, MisuseIsAnError) {
  EXPECT_EQ(GnutlsEnforcer::Create({}).error().code, Code::kUsage);
  const auto resuming = GnutlsEnforcer::Create({.policy = HoldPolicy(Pins({{"leaf"}})),
                                                .trust = Trust({"root"}),
                                                .now = {},
                                                .on_violation = {},
                                                .resume = Resumption::kBound});
  EXPECT_EQ(resuming.error().code, Code::kUsage);
  const GnutlsEnforcer enforcer =
      GnutlsEnforcer::Create(
          {.policy = HoldPolicy(Pins({{"leaf"}})), .trust = Trust({"root"}), .now = {}})
          .value();
  const Endpoint endpoint{HostName::Parse("api.example.com").value(), 443};
  gnutls_session_t session = nullptr;
  ASSERT_EQ(gnutls_init(&session, GNUTLS_SERVER), 0);
  const SessionPtr server(session);
  EXPECT_EQ(enforcer.Attach(server.get(), endpoint).error().code, Code::kUsage);
  ASSERT_EQ(gnutls_init(&session, GNUTLS_CLIENT), 0);
  const SessionPtr client(session);
  EXPECT_TRUE(enforcer.Attach(client.get(), endpoint));
  EXPECT_EQ(enforcer.Attach(client.get(), endpoint).error().code, Code::kUsage);
  EXPECT_FALSE(Confirm(client.get()));
}

}  // namespace
}  // namespace cotter::tls
