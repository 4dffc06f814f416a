// SPDX-License-Identifier: Apache-2.0
//
// The door "gnutls": a program with a TCP socket and a GnuTLS session on it.
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <memory>
#include <string>
#include <utility>

#include "base/file.h"
#include "base/idna.h"
#include "tests/attacks/doors/door.h"
#include "tests/attacks/doors/tunnel.h"
#include <cotter/gnutls.h>

namespace cotter::attacks {
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
using AnonymousPtr = std::unique_ptr<gnutls_anon_client_credentials_st,
                                     FreeGnutls<gnutls_anon_free_client_credentials>>;
using PskPtr = std::unique_ptr<gnutls_psk_client_credentials_st,
                               FreeGnutls<gnutls_psk_free_client_credentials>>;

Answer Judged(gnutls_session_t session, const Result<void>& usable) {
  Answer answer;
  if (const tls::ConnectionRecord* const record = tls::RecordOf(session)) {
    answer.outcome = record->verdict.outcome;
    answer.code = record->code;
    answer.message = record->message;
  }
  answer.ok = usable.has_value();
  if (!usable && !answer.code) {
    answer.code = usable.error().code;
    answer.message = usable.error().message;
  }
  return answer;
}

class GnutlsDoor : public Door {
 public:
  explicit GnutlsDoor(const Setup& setup)
      : policy_(HoldPolicy(setup.policy)),
        enforcer_(tls::GnutlsEnforcer::Create({.policy = policy_,
                                               .trust = setup.trust,
                                               .now = setup.now,
                                               .on_violation = setup.on_violation})
                      .value()) {}

  [[nodiscard]] Answer Get(const GetRequest& request) override {
    if (request.follow) return Answer::Unsupported("follow");
    if (request.proxy.starts_with("https:")) return Answer::Unsupported("proxy:https");
    const bool reused = session_ != nullptr && kept_for_ == request.url.host;
    Answer answer = reused ? Judged(session_.get(), tls::CheckUse(session_.get())) : Open(request);
    answer.reused = reused && answer.ok;
    answer.peer = socket_.Peer();
    if (answer.ok) answer = Fetch(request, std::move(answer));
    if (!answer.ok || !request.keep) Close();
    return answer;
  }

  void SetPolicy(std::shared_ptr<const PolicyIndex> policy) override {
    policy_->Set(std::move(policy));
  }

  void Close() override {
    if (session_ != nullptr) gnutls_bye(session_.get(), GNUTLS_SHUT_WR);
    session_.reset();
    socket_ = Socket();
  }

  [[nodiscard]] bool Tells() const override { return true; }

 private:
  [[nodiscard]] Answer Open(const GetRequest& request) {
    Close();
    const Result<HostName> host = HostName::Parse(request.url.host, &base::Idna());
    if (!host) return Answer::Failed(host.error());
    Result<Socket> socket = OpenTunnel(request);
    if (!socket) return Answer::Failed(socket.error());
    socket_ = std::move(*socket);
    kept_for_ = request.url.host;
    gnutls_session_t session = nullptr;
    COTTER_CHECK(gnutls_init(&session, GNUTLS_CLIENT) == 0);
    session_.reset(session);
    COTTER_CHECK(gnutls_priority_set_direct(session, Priority(request), nullptr) == 0);
    gnutls_transport_set_int(session, socket_.get());
    SetCredentials(request);
    OfferSession(request);
    const Result<void> attached =
        enforcer_.Attach(session, Endpoint{.host = *host, .port = request.url.port});
    if (!attached) return Answer::Failed(attached.error());
    tls::UseSocket(session, socket_.get());
    return Shake(session);
  }

  [[nodiscard]] static const char* Priority(const GetRequest& request) {
    if (request.IsCareless("anonymous")) return "NORMAL:+ANON-ECDH:+ANON-DH";
    if (request.IsCareless("psk")) return "NORMAL:+ECDHE-PSK:+DHE-PSK:+PSK";
    return "NORMAL";
  }

  void SetCredentials(const GetRequest& request) {
    gnutls_certificate_credentials_t made = nullptr;
    COTTER_CHECK(gnutls_certificate_allocate_credentials(&made) == 0);
    credentials_.reset(made);
    tls::GnutlsEnforcer::Prepare(made);
    if (request.IsCareless("verify_none")) {
      gnutls_certificate_set_verify_flags(made, GNUTLS_VERIFY_DISABLE_CA_SIGN |
                                                    GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
                                                    GNUTLS_VERIFY_ALLOW_BROKEN);
    }
    if (!request.certificate.empty()) {
      COTTER_CHECK(gnutls_certificate_set_x509_key_file(made, request.certificate.c_str(),
                                                        request.key.c_str(),
                                                        GNUTLS_X509_FMT_PEM) >= 0);
    }
    COTTER_CHECK(gnutls_credentials_set(session_.get(), GNUTLS_CRD_CERTIFICATE, made) == 0);
    if (request.IsCareless("anonymous")) SetAnonymous();
    if (request.IsCareless("psk")) SetPsk();
  }

  void SetAnonymous() {
    gnutls_anon_client_credentials_t made = nullptr;
    COTTER_CHECK(gnutls_anon_allocate_client_credentials(&made) == 0);
    anonymous_.reset(made);
    COTTER_CHECK(gnutls_credentials_set(session_.get(), GNUTLS_CRD_ANON, made) == 0);
  }

  void SetPsk() {
    gnutls_psk_client_credentials_t made = nullptr;
    COTTER_CHECK(gnutls_psk_allocate_client_credentials(&made) == 0);
    psk_.reset(made);
    Bytes key;
    for (std::uint8_t byte = 1; byte <= 16; ++byte) key.push_back(byte);
    const gnutls_datum_t datum{key.data(), static_cast<unsigned>(key.size())};
    COTTER_CHECK(gnutls_psk_set_client_credentials(made, "lab", &datum, GNUTLS_PSK_KEY_RAW) == 0);
    COTTER_CHECK(gnutls_credentials_set(session_.get(), GNUTLS_CRD_PSK, made) == 0);
  }

  void OfferSession(const GetRequest& request) {
    if (request.load_session.empty()) return;
    const base::FileImage file = base::ReadFile(request.load_session).value();
    COTTER_CHECK(
        gnutls_session_set_data(session_.get(), file.bytes().data(), file.bytes().size()) == 0);
  }

  void SaveSession(const GetRequest& request) {
    if (request.save_session.empty()) return;
    gnutls_datum_t data{};
    COTTER_CHECK(gnutls_session_get_data2(session_.get(), &data) == 0);
    COTTER_CHECK(
        base::WriteFileAtomically(request.save_session, ByteView(data.data, data.size), 0600));
    gnutls_free(data.data);
  }

  [[nodiscard]] Answer Shake(gnutls_session_t session) {
    int result = 0;
    do {
      result = gnutls_handshake(session);
    } while (result < 0 && gnutls_error_is_fatal(result) == 0);
    const Result<const tls::ConnectionRecord*> confirmed = tls::Confirm(session);
    Answer answer =
        Judged(session, confirmed ? Result<void>(Ok()) : Result<void>(confirmed.error()));
    if (result < 0 && answer.ok) {
      answer.ok = false;
      answer.code = Code::kTlsFailed;
      answer.message = gnutls_strerror(result);
    }
    answer.resumed = gnutls_session_is_resumed(session) != 0;
    return answer;
  }

  [[nodiscard]] Answer Fetch(const GetRequest& request, Answer answer) {
    gnutls_session_t const session = session_.get();
    const int status =
        Exchange(request, {.read = [&](char* room, std::size_t size) -> long {
                             ssize_t count = 0;
                             do {
                               count = gnutls_record_recv(session, room, size);
                             } while (count == GNUTLS_E_AGAIN || count == GNUTLS_E_INTERRUPTED);
                             return count;
                           },
                           .write = [&](const char* text, std::size_t size) -> long {
                             return gnutls_record_send(session, text, size);
                           }});
    if (status != 0) {
      SaveSession(request);
      answer.status = status;
      return answer;
    }
    answer.ok = answer.reused = false;
    answer.code = Code::kConnectionClosed;
    answer.message = "no answer";
    return answer;
  }

  std::shared_ptr<HeldPolicy> policy_;
  tls::GnutlsEnforcer enforcer_;
  Socket socket_;  // outlives the session on it, as the credentials do
  CredentialsPtr credentials_;
  AnonymousPtr anonymous_;
  PskPtr psk_;
  SessionPtr session_;
  std::string kept_for_;
};

}  // namespace
}  // namespace cotter::attacks

int main(int argc, char** argv) {
  return cotter::attacks::RunDoor(argc, argv, [](const cotter::attacks::Setup& setup) {
    return std::make_unique<cotter::attacks::GnutlsDoor>(setup);
  });
}
