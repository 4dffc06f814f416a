// SPDX-License-Identifier: Apache-2.0
#include "preload/judge/openssl_judge.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "preload/judge/candidates.h"
#include "preload/judge/ruling.h"
#include "preload/judge/session_mark.h"
#include "preload/judge/state.h"
#include "tls/suites.h"
#include "tls/trust_store.h"

namespace cotter::preload {
namespace {

// Connection is what hangs on one SSL, from its first handshake on.
struct Connection {
  Candidates candidates;   // when the current handshake began
  bool judged = false;     // its certificate was let through
  bool confirmed = false;  // it ended, and data may pass
};

void FreeConnection(void* /*parent*/, void* connection, CRYPTO_EX_DATA* /*data*/, int /*index*/,
                    long /*argl*/, void* /*argp*/) {
  const std::unique_ptr<Connection> owner(static_cast<Connection*>(connection));
}

int Forget(CRYPTO_EX_DATA* /*to*/, const CRYPTO_EX_DATA* /*from*/, void** data, int /*index*/,
           long /*argl*/, void* /*argp*/) {
  *data = nullptr;
  return 1;
}

int ConnectionIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, Forget, FreeConnection);
  return index;
}

// OwnVerify is the callback that a program set on its context.
struct OwnVerify {
  ProgramVerify callback;
  void* argument;
};

void FreeOwnVerify(void* /*parent*/, void* own, CRYPTO_EX_DATA* /*data*/, int /*index*/,
                   long /*argl*/, void* /*argp*/) {
  const std::unique_ptr<OwnVerify> owner(static_cast<OwnVerify*>(own));
}

int OwnVerifyIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, Forget, FreeOwnVerify);
  return index;
}

// DirectoryIndex is where an X509_STORE says that it looks up roots in directories, or at a URI.
int DirectoryIndex() {
  static const int index =
      CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_X509_STORE, 0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Connection* ConnectionOf(const SSL* ssl) {
  return static_cast<Connection*>(SSL_get_ex_data(ssl, ConnectionIndex()));
}

// MakeConnection is the connection of `ssl`; null without memory.
Connection* MakeConnection(SSL* ssl) {
  if (Connection* const known = ConnectionOf(ssl)) return known;
  auto connection = std::make_unique<Connection>();
  if (SSL_set_ex_data(ssl, ConnectionIndex(), connection.get()) != 1) return nullptr;
  return connection.release();  // freed with the SSL
}

SSL* SslOf(const X509_STORE_CTX* context) {
  return static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
}

// HasAnchors reports that a trust store holds certificates, or looks them up when it is asked.
bool HasAnchors(X509_STORE* store) {
  return store != nullptr && (sk_X509_OBJECT_num(X509_STORE_get0_objects(store)) > 0 ||
                              X509_STORE_get_ex_data(store, DirectoryIndex()) != nullptr ||
                              X509_STORE_get_get_issuer(store) != nullptr ||
                              X509_STORE_get_lookup_certs(store) != nullptr);
}

// Refuse makes libssl end the handshake, also where the program asked for no verification: it reads
// the mode after this call.
int Refuse(SSL* ssl, X509_STORE_CTX* context, int error) {
  X509_STORE_CTX_set_error(context, error);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, SSL_get_verify_callback(ssl));
  return 0;
}

// HoldsUntil is when the policy alone may say something else of `candidates` than it does at `now`:
// a rule's pins expire, or what an emergency statement suspends or adds ends.
Time HoldsUntil(const Candidates& candidates, Time now) {
  const PolicyIndex& policy = TheState().policy;
  Time until{now.unix_seconds + kMaxSessionSeconds};
  const auto note = [&](const std::optional<Time>& end) {
    if (end && *end > now) until = std::min(until, *end);
  };
  note(policy.NextEnd(now));
  for (const Endpoint& endpoint : candidates.endpoints) {
    const Lookup lookup = policy.Find(endpoint.host, endpoint.port);
    if (lookup.kind == Lookup::Kind::kRule) note(lookup.rule.expires());
  }
  return until;
}

// JudgeServer is the verdict on what `context` holds, and notes it on the connection and its
// session.
Ruling JudgeServer(SSL* ssl, X509_STORE_CTX* context) {
  X509_STORE* const store = X509_STORE_CTX_get0_store(context);
  X509* const leaf = X509_STORE_CTX_get0_cert(context);
  Connection* const connection = MakeConnection(ssl);
  if (connection == nullptr || leaf == nullptr) return {};
  connection->judged = false;
  connection->candidates = FindCandidates(ssl);
  // Before the judge looks at the clock, so that nothing ends between the two.
  const Time until = HoldsUntil(connection->candidates, base::Now());
  const std::shared_ptr<const tls::TrustStore> anchors =
      HasAnchors(store) ? tls::TrustStore::Share(store) : nullptr;
  Ruling ruling = Rule(
      connection->candidates,
      {.leaf = leaf, .presented = X509_STORE_CTX_get0_untrusted(context), .anchors = anchors.get()},
      Finality::kFinal);
  if (ruling.answer == Answer::kRefused) return ruling;
  connection->judged = true;
  SSL_SESSION* const session = SSL_get_session(ssl);
  // A session that cannot be marked is not resumed, which is no harm.
  if (session != nullptr) {
    (void)MarkSession(
        session, connection->candidates.Key(), ruling.outcome, until, store, leaf,
        ruling.default_path ? ruling.default_path.get() : X509_STORE_CTX_get0_chain(context));
  }
  return ruling;
}

// HasDane reports that DANE decides about a connection (RFC 7671). There is no question for that: a
// record that cannot be added is refused in one way with it, and in another without.
bool HasDane(SSL* ssl) {
  constexpr std::uint8_t kNoUsage = 0xFF;
  const bool has = SSL_dane_tlsa_add(ssl, kNoUsage, kNoUsage, kNoUsage, nullptr, 0) != -1;
  ERR_clear_error();
  return has;
}

// HasUsualSteps reports that neither the program's trust store nor what the program did with the
// context of this verification has put a function in the place of one of OpenSSL's. What OpenSSL
// has is seen in a context that nobody touched.
bool HasUsualSteps(X509_STORE_CTX* context) {
  static X509_STORE_CTX* const usual = [] {
    tls::StoreContextPtr made(X509_STORE_CTX_new());
    const bool set = made && X509_STORE_CTX_init(made.get(), nullptr, nullptr, nullptr) == 1;
    return set ? made.release() : nullptr;  // never freed: threads may outlive the destructors
  }();
  const auto same = [context](auto getter) { return getter(context) == getter(usual); };
  return usual != nullptr && same(X509_STORE_CTX_get_verify) &&
         same(X509_STORE_CTX_get_verify_cb) && same(X509_STORE_CTX_get_get_issuer) &&
         same(X509_STORE_CTX_get_check_issued) && same(X509_STORE_CTX_get_check_revocation) &&
         same(X509_STORE_CTX_get_check_policy) && same(X509_STORE_CTX_get_lookup_certs);
}

// IsSignedByOurs reports that the last step of the program's own verification, signatures and
// dates, could only repeat what ours does: it is OpenSSL's, without callbacks and demands on these.
// Most programs are such, and checking twice would cost them a sixth of each handshake.
bool IsSignedByOurs(SSL* ssl, X509_STORE_CTX* context) {
  constexpr unsigned long kHarmless = X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN;
  X509_VERIFY_PARAM* const param = X509_STORE_CTX_get0_param(context);
  return param != nullptr && HasUsualSteps(context) &&
         (X509_VERIFY_PARAM_get_flags(param) & ~kHarmless) == 0 && !HasDane(ssl);
}

// Checked is a path whose signatures and dates were checked, and the step that does so.
struct Checked {
  const STACK_OF(X509) * path;
  X509_STORE_CTX_verify_fn step;
};

int CheckedIndex() {
  static const int index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_X509_STORE_CTX, 0, nullptr,
                                                   nullptr, nullptr, nullptr);
  return index;
}

// CheckOnce is that step where it need not be done again for the same path.
int CheckOnce(X509_STORE_CTX* context) {
  const auto& checked =
      *static_cast<const Checked*>(X509_STORE_CTX_get_ex_data(context, CheckedIndex()));
  const STACK_OF(X509)* const path = X509_STORE_CTX_get0_chain(context);
  bool same = sk_X509_num(path) == sk_X509_num(checked.path);
  for (int i = 0; same && i < sk_X509_num(path); ++i) {
    same = X509_cmp(sk_X509_value(path, i), sk_X509_value(checked.path, i)) == 0;
  }
  if (!same) return checked.step(context);
  X509_STORE_CTX_set_error_depth(context, 0);
  X509_STORE_CTX_set_current_cert(context, sk_X509_value(path, 0));
  return 1;
}

// VerifyOnce is the program's own verification, but for that step where ours ended at the same
// path. Everything else that a program may demand is asked by OpenSSL: names, depth, security
// level, and purpose and trust, which nobody else can see.
int VerifyOnce(X509_STORE_CTX* context, ProgramVerify own, void* argument,
               const STACK_OF(X509) * path) {
  Checked checked{.path = path, .step = X509_STORE_CTX_get_verify(context)};
  if (X509_STORE_CTX_set_ex_data(context, CheckedIndex(), &checked) != 1) {
    return own(context, argument);
  }
  X509_STORE_CTX_set_verify(context, CheckOnce);
  const int answer = own(context, argument);
  X509_STORE_CTX_set_verify(context, checked.step);
  X509_STORE_CTX_set_ex_data(context, CheckedIndex(), nullptr);
  return answer;
}

// Kill makes OpenSSL send and read nothing more, and gives the program an error to read.
void Kill(SSL* ssl) {
  SSL_set_quiet_shutdown(ssl, 1);
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  ERR_raise(ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED);
}

// OfferVerifiedSuites takes away what could only end without a verdict: suites without
// certificates, and external keys. Where that fails, Confirm meets the end.
void OfferVerifiedSuites(SSL* ssl, const Candidates& candidates) {
  if (!TheState().settings.report_only && NeedsCertificate(candidates)) {
    (void)tls::RemoveUnverifiedSuites(ssl);
  }
}

// ConfirmEnded decides about a handshake that ended.
bool ConfirmEnded(SSL* ssl) {
  Connection* const connection = MakeConnection(ssl);
  if (connection == nullptr) return false;
  if (SSL_session_reused(ssl) == 1) {
    const std::optional<Outcome> outcome =
        OutcomeOf(SSL_get_session(ssl), connection->candidates.Key(),
                  SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)));
    if (outcome) {
      TellResumed(connection->candidates, *outcome);
      return connection->confirmed = true;
    }
  } else if (connection->judged) {
    return connection->confirmed = true;
  }
  connection->candidates = FindCandidates(ssl);
  connection->confirmed =
      RuleUnseen(connection->candidates, "the handshake ended without a certificate") ==
      Answer::kUnruled;
  return connection->confirmed;
}

}  // namespace

int VerifyOpenssl(x509_store_ctx_st* context, ProgramVerify own, void* argument,
                  Verifier verifier) noexcept {
  SSL* const ssl = SslOf(context);
  if (ssl == nullptr || SSL_is_server(ssl) == 1) return own(context, argument);
  try {
    if (verifier == Verifier::kOpenssl && IsSignedByOurs(ssl, context)) {
      const Ruling ruling = JudgeServer(ssl, context);
      ERR_clear_error();
      if (ruling.answer == Answer::kRefused) return Refuse(ssl, context, ruling.x509_error);
      if (!ruling.default_path) return own(context, argument);
      return VerifyOnce(context, own, argument, ruling.default_path.get());
    }
    // The program's own verification runs as it always did: its callbacks see what they always saw.
    const int answer = own(context, argument);
    if (answer < 0 && SSL_want(ssl) == SSL_RETRY_VERIFY) return answer;
    const int error = X509_STORE_CTX_get_error(context);
    const Ruling ruling = JudgeServer(ssl, context);
    ERR_clear_error();
    if (ruling.answer != Answer::kRefused) return answer;
    return Refuse(ssl, context, answer > 0 || error == X509_V_OK ? ruling.x509_error : error);
  } catch (...) {
    return Refuse(ssl, context, X509_V_ERR_OUT_OF_MEM);
  }
}

bool RememberVerify(ssl_ctx_st* context, ProgramVerify own, void* argument) noexcept {
  try {
    auto remembered = std::make_unique<OwnVerify>(OwnVerify{own, argument});
    FreeOwnVerify(nullptr, SSL_CTX_get_ex_data(context, OwnVerifyIndex()), nullptr, 0, 0, nullptr);
    SSL_CTX_set_ex_data(context, OwnVerifyIndex(), nullptr);
    if (SSL_CTX_set_ex_data(context, OwnVerifyIndex(), remembered.get()) != 1) return false;
    (void)remembered.release();  // freed with the context
    return true;
  } catch (...) {
    return false;
  }
}

int VerifyRemembered(x509_store_ctx_st* context, void* /*argument*/) noexcept {
  SSL* const ssl = SslOf(context);
  if (ssl == nullptr) return 0;
  const auto* const own =
      static_cast<const OwnVerify*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), OwnVerifyIndex()));
  if (own == nullptr) return Refuse(ssl, context, X509_V_ERR_APPLICATION_VERIFICATION);
  return VerifyOpenssl(context, own->callback, own->argument, Verifier::kProgram);
}

void NoteDirectory(x509_store_st* store) noexcept {
  // Any value but null will do as the mark.
  X509_STORE_set_ex_data(store, DirectoryIndex(), store);
}

bool MayOffer(ssl_session_st* session) noexcept {
  if (!IsMarked(session)) return false;
  // Early data would leave before the server has proven anything.
  SSL_SESSION_set_max_early_data(session, 0);
  return true;
}

bool IsOpen(const ssl_st* ssl) noexcept {
  const Connection* const connection = ConnectionOf(ssl);
  if (connection == nullptr) return SSL_is_server(ssl) == 1;
  // A connection may be used again, for another handshake.
  return connection->confirmed && SSL_in_before(ssl) == 0;
}

void Begin(ssl_st* ssl) noexcept {
  if (SSL_is_server(ssl) == 1 || SSL_in_before(ssl) == 0) return;
  try {
    Connection* const connection = MakeConnection(ssl);
    if (connection != nullptr) {
      connection->judged = connection->confirmed = false;
      connection->candidates = FindCandidates(ssl);
      OfferVerifiedSuites(ssl, connection->candidates);
      SSL_SESSION* const session = SSL_get_session(ssl);
      if (session == nullptr || OutcomeOf(session, connection->candidates.Key(),
                                          SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)))) {
        return;
      }
    }
  } catch (...) {
    // Out of memory: without a session the handshake is a full one.
  }
  SSL_set_session(ssl, nullptr);
}

bool Confirm(ssl_st* ssl) noexcept {
  if (IsOpen(ssl) || SSL_is_server(ssl) == 1) return true;
  if (SSL_is_init_finished(ssl) != 1) return true;  // nothing passes before it ended
  try {
    if (ConfirmEnded(ssl)) return true;
  } catch (...) {
    // Out of memory: no verdict, no connection.
  }
  Kill(ssl);
  return false;
}

}  // namespace cotter::preload
