// SPDX-License-Identifier: Apache-2.0
//
// The OpenSSL door: enforce a policy on TLS client connections that a program makes with OpenSSL.
// The enforcer can only reject: it runs its own strict verification inside the handshake, before
// the client's Finished and certificate, whatever verify mode or callback the program set. One
// connection that the program sets up itself:
//
//   auto enforcer = Enforcer::Create({.policy = HoldPolicy(policy), .trust = trust});
//   auto prepared = Enforcer::Prepare(ctx);                      // once for each SSL_CTX
//   SSL* ssl = SSL_new(ctx);
//   auto attached = enforcer->Attach(ssl, Endpoint{host, 443});  // also sets SNI
//   SSL_connect(ssl);                                            // fails on a refusal
//   auto record = Confirm(ssl);                                  // required, before any data
//
// A context whose connections something else makes (libcurl, an interpreter):
//
//   auto attached = enforcer->AttachContext(ctx, {.on_record = keep});
//
// There every verdict is handed to `on_record` inside the handshake, and a handshake that ends
// without one is killed without anybody's asking.
//
// What attaching changes on a connection, at the latest when its handshake begins: peer
// verification on, no renegotiation, no anonymous, PSK or SRP suites, no PSK callbacks, no session
// that is not bound to the policy (Resumption), and a session context of the enforcer's own. A
// program must not set another certificate verification or information callback afterwards; Confirm
// refuses the connection of one that did.
//
// An Enforcer is immutable and may be used from any thread; a connection belongs to one thread, as
// its SSL does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/evaluate.h>
#include <cotter/host.h>
#include <cotter/path.h>
#include <cotter/pin.h>
#include <cotter/policy_index.h>
#include <cotter/policy_source.h>
#include <cotter/result.h>
#include <cotter/time.h>
#include <cotter/trust.h>

struct ssl_ctx_st;
struct ssl_st;

namespace cotter::tls {

// Violation is one refused or reported connection, as data. It borrows; what is kept must be
// copied.
struct Violation {
  const Endpoint& endpoint;       // what the caller asked for
  const Verdict& verdict;         // allowed() where the rule only reports
  std::span<const Digest> found;  // SPKI digests of the default path, leaf first
  std::string_view message;       // for people
  int socket;                     // of the connection, for getpeername; -1 where OpenSSL has none

  // ConnectionRecord's; empty for a connection that a swap of the policy ended.
  std::span<const Bytes> presented{};
  std::span<const Bytes> validated{};
};

// Whether connections may resume a session of an earlier one.
enum class Resumption : std::uint8_t {
  kOff,  // every handshake is a full one

  // A session of this process is offered where what decided about it is what would decide now (the
  // rule, revoked keys, trust store, endpoint, client certificate), and what its handshake showed
  // is judged again and allowed. It is the program's (SSL_set_session) or one that the enforcer
  // keeps, in memory, a day at most and never beyond the certificates and the pins. What was read
  // from a file is dropped. Never with early data. OpenSSL gives up a program's own session where
  // its connection is freed without SSL_shutdown, but not what the enforcer keeps.
  kBound,
};

// EnforcerOptions is what an enforcer decides by.
struct EnforcerOptions {
  std::shared_ptr<PolicySource> policy;     // required; HoldPolicy makes one of a fixed policy
  std::shared_ptr<const TrustStore> trust;  // required
  std::function<Time()> now{};              // empty: the system clock

  // on_violation is called for every connection that a pin, a revoked key or an unlisted host
  // refuses, and for every one that is only reported: first or later, inside the handshake, before
  // the error returns (DESIGN, section 2, rule 10). It can change nothing: what it throws is
  // dropped, and the verdict stands. Empty: nobody is told. It runs on the thread of the
  // connection, and must not use its SSL. For a live connection that a new policy ends it runs on
  // the thread that swapped the policy or that uses the connection, whichever sees it first. Chains
  // that fail PKI alone are not violations; the record says what was wrong with them.
  std::function<void(const Violation&)> on_violation{};

  Resumption resume = Resumption::kOff;
};

// ConnectionRecord is what is known of one connection after its verdict. A copy of it may outlive
// the connection, but `verdict.rule` borrows from the policy, which `policy` keeps alive.
struct ConnectionRecord {
  std::optional<Endpoint> endpoint;           // what was asked for; none where nobody said
  std::shared_ptr<const PolicyIndex> policy;  // null where there was no verdict
  Verdict verdict;
  std::vector<VerifiedPath> paths;  // those that were looked at, the default one first
  std::vector<Digest> found;        // SPKI digests of the default path, leaf first

  // Why the connection was refused: the code, and a text for people. A pin mismatch reads exactly
  // "bad ssl pin detected, found pins: [...]". No code where the connection is allowed.
  std::optional<Code> code;
  std::string message;

  // Certificates as DER, leaf first, where the handshake came to a violation or was reported: what
  // the server presented, and the default path. Empty elsewhere, and where nothing verified.
  std::vector<Bytes> presented;
  std::vector<Bytes> validated;

  std::string tls_version;  // "TLSv1.3"
  bool resumed = false;     // the verdict is on what the session's first handshake showed
};

// ContextOptions is how the connections of a whole SSL_CTX are judged.
struct ContextOptions {
  // What every connection of the context is for. Empty: each says it itself, by the name or address
  // that it verifies (SSL_set1_host, X509_VERIFY_PARAM_set1_ip), else by its SNI; one that names
  // nothing, or several names, is refused.
  std::optional<Endpoint> endpoint{};
  std::uint16_t port = 443;  // that the policy is looked up by where `endpoint` is empty

  // on_record is handed every verdict, allowed or not, first or later, inside the handshake on its
  // thread: a refusal while the server's certificate is being looked at, before the TLS library
  // returns its error. What it throws refuses the connection. It must not use the SSL. A handshake
  // that fails before there is a certificate has no verdict, and no call.
  std::function<void(const ConnectionRecord&)> on_record{};
};

// Enforcer attaches a policy to connections.
class Enforcer {
 public:
  // Create checks that the options are complete. Fails with kUsage.
  [[nodiscard]] static Result<Enforcer> Create(EnforcerOptions options);

  // Prepare puts the verifier into `context`, before connections are made from it. From then on a
  // connection of that context that no enforcer is attached to is refused in its handshake. Fails
  // with kInternal.
  [[nodiscard]] static Result<void> Prepare(ssl_ctx_st* context);

  // Attach prepares `ssl`, a client connection before its handshake, for `endpoint`: the name that
  // the caller asked for, which the policy is looked up by, the certificate is checked against, and
  // SNI is set to (unless the program has set one, or it is an address). Fails with kUsage where
  // the SSL_CTX of `ssl` was not prepared, with kInternal where
  // OpenSSL refuses a setting; the connection must not be used then.
  [[nodiscard]] Result<void> Attach(ssl_st* ssl, const Endpoint& endpoint) const;

  // AttachContext prepares `context` and attaches every connection that is made from it from then
  // on, for programs that never see the SSL before its handshake. It holds whatever verify mode,
  // session, SNI or ALPN is set on the SSL afterwards. Attach may still say what one connection is
  // for. Without Confirm the end of each handshake is watched: one without an allowed verdict is
  // killed before any data. Server connections of the context are left alone. The context keeps
  // what it needs of the enforcer alive. Fails with kUsage for a port of 0, with kInternal where
  // OpenSSL refuses a setting.
  [[nodiscard]] Result<void> AttachContext(ssl_ctx_st* context, ContextOptions options) const;

  // Shared is the immutable part; opaque.
  struct Shared;

 private:
  explicit Enforcer(std::shared_ptr<const Shared> shared) : shared_(std::move(shared)) {}

  std::shared_ptr<const Shared> shared_;
};

// RecordOf is the verdict that the handshake of `ssl` has come to so far, allowed or not; null
// where there is none: no enforcer is attached, or the handshake did not reach the server's
// certificate. Borrowed from `ssl`.
[[nodiscard]] const ConnectionRecord* RecordOf(const ssl_st* ssl) noexcept;

// Confirm asserts, after the handshake and before any data, that this very handshake was judged and
// allowed, and that the policy in force upholds it. Where that is not so the connection is killed:
// OpenSSL sends and reads nothing more on it. Fails with the code of the refusal, or
// kNoVerifiedPath where no verdict was recorded (another verification callback, a suite without
// certificate). The result is borrowed from `ssl`.
[[nodiscard]] Result<const ConnectionRecord*> Confirm(ssl_st* ssl);

// CheckUse is asked before each use of a connection that stays open. While the policy is the one
// that allowed it, that is one comparison; after a swap it is judged again from what was kept of
// its handshake, without a word to the server. Fails and kills as Confirm does, and tells the
// handler of violations.
//
// Programs that never ask are not left alone: when the policy is swapped, the sockets of
// connections that no longer hold are shut down, so that reads and writes fail as if the server had
// gone. Where OpenSSL does not know the socket (memory BIOs), or no descriptor is left for a look
// at it, only CheckUse helps.
[[nodiscard]] Result<void> CheckUse(ssl_st* ssl);

// UseSocket names the descriptor of an attached connection whose SSL has none, at best before its
// handshake: for Violation::socket, and for the swap of a policy. Borrowed until `ssl` is freed; it
// may be closed before that. Nothing happens on an SSL without an enforcer.
void UseSocket(ssl_st* ssl, int socket) noexcept;

}  // namespace cotter::tls
