// SPDX-License-Identifier: Apache-2.0
#include "tls/verdict.h"

#include <new>
#include <utility>

#include <openssl/err.h>

#include "tls/judge.h"
#include "tls/record.h"

namespace cotter::tls {
namespace {

// AlertError is the X509_V_ERR_ value that makes OpenSSL send the fitting alert.
int AlertError(const Judgement& judgement) noexcept {
  return judgement.verification.failure() ? judgement.verification.failure()->x509_error
                                          : X509_V_ERR_APPLICATION_VERIFICATION;
}

// Deliver tells of the new record of `connection` and hands it out. True where the connection may
// go on.
bool Deliver(Connection& connection, const SSL* ssl) {
  Tell(connection.shared->on_violation, *connection.record, SocketOf(connection, ssl));
  const bool handed_out = HandOut(connection);
  ConnectionRecord& record = *connection.record;
  if (!record.verdict.allowed()) return false;
  if (handed_out) return true;
  record.code = Code::kInternal;
  record.message = "the handler of the record failed";
  return false;
}

// NoteAllowed keeps what is needed to judge the connection, and its sessions, again.
void NoteAllowed(Connection& connection, const SSL* ssl, const Judgement& judgement) {
  const ConnectionRecord& record = *connection.record;
  connection.evidence =
      KeepEvidence(*record.policy, *record.endpoint, judgement, connection.shared->resume);
  SSL_SESSION* const session = SSL_get_session(ssl);
  if (!connection.begun) {
    // The program took the watch away. Nobody would judge a resumption of this session, so it gets
    // a context that no connection has.
    const SessionContext context = ForeignContext(*connection.shared);
    if (SSL_SESSION_set1_id_context(session, context.data(),
                                    static_cast<unsigned>(context.size())) != 1) {
      throw std::bad_alloc();
    }
    return;
  }
  if (connection.shared->resume == Resumption::kOff) return;
  SSL_SESSION_set_max_early_data(session, 0);
  // A session without a note is not offered, which is no reason to refuse the connection.
  (void)PutNote(session,
                MakeNote(connection.evidence, record.verdict.rule, connection.shared->now()));
}

// Judge records the verdict of the chain that OpenSSL holds in `context`.
bool Judge(Connection& connection, const SSL* ssl, X509_STORE_CTX* context) {
  Forget(connection);
  if (!connection.endpoint || connection.unarmed) {
    RecordRefusal(connection, ssl,
                  connection.endpoint ? SettingRefused("prepare the connection")
                                      : connection.endpoint.error());
    return false;
  }
  std::shared_ptr<const PolicyIndex> policy = connection.shared->policy->Current();
  Judgement judgement = JudgeConnection(*policy, *connection.endpoint, *connection.shared->trust,
                                        connection.shared->now(), X509_STORE_CTX_get0_cert(context),
                                        X509_STORE_CTX_get0_untrusted(context));
  connection.record =
      MakeRecord(*connection.endpoint, std::move(policy), judgement, SSL_get_version(ssl));
  NoteCertificates(X509_STORE_CTX_get0_untrusted(context), judgement, *connection.record);
  if (judgement.verdict.allowed()) NoteAllowed(connection, ssl, judgement);
  if (!Deliver(connection, ssl)) {
    if (!judgement.verdict.allowed()) X509_STORE_CTX_set_error(context, AlertError(judgement));
    return false;
  }
  const std::size_t shown = judgement.verdict.match ? judgement.verdict.match->path_index : 0;
  X509_STORE_CTX_set0_verified_chain(context, judgement.verification.TakeChain(shown).release());
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return true;
}

}  // namespace

void Forget(Connection& connection) noexcept {
  connection.record.reset();
  connection.evidence.reset();
  connection.live = {};
  connection.settled = false;
}

void RecordResumed(Connection& connection, const SSL* ssl, const SessionNote& note) {
  std::shared_ptr<const PolicyIndex> policy = connection.shared->policy->Current();
  const Verdict verdict = JudgeAgain(*policy, *note.evidence, connection.shared->now());
  ConnectionRecord record;
  record.endpoint = note.evidence->endpoint;
  record.paths = note.evidence->paths.Restore();
  record.found = FoundPins(record.paths);
  record.resumed = true;
  record.tls_version = SSL_get_version(ssl);
  SetVerdict(std::move(policy), verdict, record);
  connection.record = std::move(record);
  connection.evidence = note.evidence;
  (void)Deliver(connection, ssl);  // the record says what came of it
}

bool JudgeUse(Connection& connection, const SSL* ssl) {
  std::shared_ptr<const PolicyIndex> policy = connection.shared->policy->Current();
  ConnectionRecord& record = *connection.record;
  if (policy == record.policy) return false;
  const Verdict verdict = JudgeAgain(*policy, *connection.evidence, connection.shared->now());
  SetVerdict(std::move(policy), verdict, record);
  // Whoever swapped the policy tells of connections that are now only reported.
  if (verdict.allowed()) return true;
  LiveConnection* const live = connection.live.connection();
  if (live == nullptr || !live->told.exchange(true)) {
    Tell(connection.shared->on_violation, record, SocketOf(connection, ssl));
  }
  return true;
}

bool HandOut(const Connection& connection) noexcept {
  if (!connection.context || !connection.context->options.on_record) return true;
  try {
    connection.context->options.on_record(*connection.record);
  } catch (...) {
    return false;
  }
  return true;
}

void RecordRefusal(Connection& connection, const SSL* ssl, Error why) {
  const Endpoint* const endpoint = connection.endpoint ? &*connection.endpoint : nullptr;
  connection.record = MakeRefusal(endpoint, std::move(why), SSL_get_version(ssl));
  (void)HandOut(connection);  // it is a refusal already
}

int VerifyCertificate(X509_STORE_CTX* context, void* /*unused*/) {
  auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  bool allowed = false;
  // Nothing may throw through C frames; whatever goes wrong here is a refusal.
  try {
    X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
    Connection* const connection = ssl == nullptr ? nullptr : Adopt(ssl);
    allowed = connection != nullptr && Judge(*connection, ssl, context);
  } catch (...) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_OUT_OF_MEM);
    allowed = false;
  }
  if (allowed) return 1;
  // Under SSL_VERIFY_NONE libssl would note the refusal and go on. It reads the mode after this
  // call.
  if (ssl != nullptr) SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  return 0;
}

}  // namespace cotter::tls
