// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <span>
#include <utility>

#include "gnutls/connection.h"
#include "tls/judge.h"
#include "tls/record.h"

namespace cotter::tls {
namespace {

constexpr unsigned kPreSharedKeyExtension = 41;  // RFC 8446, 4.2
constexpr unsigned kEarlyDataExtension = 42;

std::string VersionOf(gnutls_session_t session) {
  switch (gnutls_protocol_get_version(session)) {
    case GNUTLS_TLS1_2:
      return "TLSv1.2";
    case GNUTLS_TLS1_3:
      return "TLSv1.3";
    default: {
      const char* const name = gnutls_protocol_get_name(gnutls_protocol_get_version(session));
      return name == nullptr ? "" : name;
    }
  }
}

// PresentedBy is what the server sent, leaf first; nothing where it was no X.509.
PresentedChain PresentedBy(gnutls_session_t session) {
  PresentedChain chain;
  if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_SERVER) != GNUTLS_CRT_X509) return chain;
  unsigned count = 0;
  const gnutls_datum_t* const peers = gnutls_certificate_get_peers(session, &count);
  if (peers == nullptr) return chain;
  for (const gnutls_datum_t& each : std::span(peers, count)) {
    chain.certificates.emplace_back(each.data, each.data + each.size);
  }
  return chain;
}

bool Judge(gnutls_session_t session, GnutlsConnection& connection) {
  const EnforcerOptions& options = connection.shared->options;
  connection.record.reset();
  std::shared_ptr<const PolicyIndex> policy = options.policy->Current();
  const PresentedChain presented = PresentedBy(session);
  const Judgement judgement =
      JudgeChain(*policy, connection.endpoint, *options.trust, options.now(), presented);
  if (judgement.verdict.allowed()) {
    connection.evidence = KeepEvidence(*policy, connection.endpoint, judgement, Resumption::kOff);
  }
  connection.record =
      MakeRecord(connection.endpoint, std::move(policy), judgement, VersionOf(session));
  NoteCertificates(presented, judgement, *connection.record);
  Tell(options.on_violation, *connection.record, connection.socket);
  return judgement.verdict.allowed();
}

// Fields reads what stands in a ClientHello one after another.
class Fields {
 public:
  explicit Fields(std::span<const std::uint8_t> bytes) noexcept : rest_(bytes) {}

  std::span<const std::uint8_t> Take(std::size_t size) noexcept {
    if (size > rest_.size()) {
      broken_ = true;
      size = rest_.size();
    }
    const std::span<const std::uint8_t> taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  std::size_t Number(std::size_t size) noexcept {
    std::size_t number = 0;
    for (const std::uint8_t byte : Take(size)) number = number << 8U | byte;
    return number;
  }
  std::span<const std::uint8_t> Vector(std::size_t size_of_length) noexcept {
    return Take(Number(size_of_length));
  }
  [[nodiscard]] bool done() const noexcept { return rest_.empty(); }
  [[nodiscard]] bool broken() const noexcept { return broken_; }

 private:
  std::span<const std::uint8_t> rest_;
  bool broken_ = false;
};

// OffersSession reports that a ClientHello (RFC 8446, 4.1.2) would resume, or send data early. What
// cannot be read counts as that.
bool OffersSession(const gnutls_datum_t& message) noexcept {
  Fields hello(std::span(message.data, message.size));
  hello.Take(2 + 32);  // version, random
  hello.Vector(1);     // session id
  hello.Vector(2);     // suites
  hello.Vector(1);     // compression
  if (hello.broken() || hello.done()) return hello.broken();
  Fields extensions(hello.Vector(2));
  while (!extensions.done()) {
    const std::size_t type = extensions.Number(2);
    extensions.Vector(2);
    if (type == kPreSharedKeyExtension || type == kEarlyDataExtension) return true;
  }
  return hello.broken() || extensions.broken();
}

int Refuse(gnutls_session_t session, GnutlsConnection& connection, std::string why) {
  if (!connection.record || !connection.record->code) {
    connection.record = MakeRefusal(
        &connection.endpoint, Error{Code::kNoVerifiedPath, std::move(why)}, VersionOf(session));
  }
  return GNUTLS_E_CERTIFICATE_ERROR;
}

int Watch(gnutls_session_t session, unsigned type, const gnutls_datum_t* message) {
  GnutlsConnection* const connection = ConnectionOf(session);
  if (connection == nullptr) return GNUTLS_E_CERTIFICATE_ERROR;
  if (type == GNUTLS_HANDSHAKE_CLIENT_HELLO) {
    if (connection->settled) {
      return Refuse(session, *connection, "a second handshake was begun on the session");
    }
    if (message == nullptr || OffersSession(*message)) {
      return Refuse(session, *connection, "the session offers to resume another, unverified");
    }
  }
  if (type == GNUTLS_HANDSHAKE_FINISHED) {
    if (const std::optional<Error> why = WhyUnfit(session, *connection)) {
      return Refuse(session, *connection, why->message);
    }
    connection->settled = true;
  }
  return 0;
}

}  // namespace

std::optional<Error> WhyUnfit(gnutls_session_t session, const GnutlsConnection& connection) {
  if (!connection.record) {
    return Error{Code::kNoVerifiedPath, "the handshake ended without a verdict"};
  }
  const ConnectionRecord& record = *connection.record;
  if (record.code || !record.verdict.allowed()) {
    return Error{record.code.value_or(Code::kInternal), record.message};
  }
  if (gnutls_session_is_resumed(session) != 0 ||
      gnutls_auth_server_get_type(session) != GNUTLS_CRD_CERTIFICATE) {
    return Error{Code::kNoVerifiedPath, "the handshake that ended is not the one judged"};
  }
  return std::nullopt;
}

int VerifyPeer(gnutls_session_t session) {
  // Nothing may throw through C frames; whatever goes wrong here is a refusal.
  try {
    GnutlsConnection* const connection = ConnectionOf(session);
    if (connection != nullptr && Judge(session, *connection)) return 0;
  } catch (...) {
    return GNUTLS_E_CERTIFICATE_ERROR;
  }
  return GNUTLS_E_CERTIFICATE_ERROR;
}

int RefusePeer(gnutls_session_t /*session*/) { return GNUTLS_E_CERTIFICATE_ERROR; }

int WatchHandshake(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                   const gnutls_datum_t* message) {
  if (incoming != 0 || when != GNUTLS_HOOK_PRE) return 0;
  try {
    return Watch(session, type, message);
  } catch (...) {
    return GNUTLS_E_CERTIFICATE_ERROR;
  }
}

void JudgeUse(GnutlsConnection& connection) {
  const EnforcerOptions& options = connection.shared->options;
  std::shared_ptr<const PolicyIndex> policy = options.policy->Current();
  ConnectionRecord& record = *connection.record;
  if (policy == record.policy) return;
  const Verdict verdict = JudgeAgain(*policy, *connection.evidence, options.now());
  SetVerdict(std::move(policy), verdict, record);
  if (verdict.allowed()) return;
  LiveConnection* const live = connection.live.connection();
  if (live == nullptr || !live->told.exchange(true)) {
    Tell(options.on_violation, record, connection.socket);
  }
}

}  // namespace cotter::tls
