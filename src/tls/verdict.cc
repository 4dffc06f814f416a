// SPDX-License-Identifier: Apache-2.0
#include "tls/verdict.h"

#include <utility>

#include <openssl/err.h>

#include "tls/judge.h"

namespace cotter::tls {
namespace {

// IsViolation reports that pins, not PKI alone, are why a connection is refused or told of.
bool IsViolation(const Verdict& verdict) noexcept {
  return verdict.outcome == Outcome::kReported ||
         (!verdict.allowed() && verdict.outcome != Outcome::kPkiError);
}

// Tell calls the handler of violations. A handler can change nothing, so what it throws is dropped
// here, before it could reach the verdict or OpenSSL's frames.
void Tell(const Connection& connection, const SSL* ssl) noexcept {
  const ConnectionRecord& record = *connection.record;
  if (!connection.shared->on_violation || !IsViolation(record.verdict)) return;
  try {
    connection.shared->on_violation({.endpoint = *record.endpoint,
                                     .verdict = record.verdict,
                                     .found = record.found,
                                     .message = record.message,
                                     .socket = SSL_get_fd(ssl)});
  } catch (...) {
    return;
  }
}

// AlertError is the X509_V_ERR_ value that makes OpenSSL send the fitting alert.
int AlertError(const Judgement& judgement) noexcept {
  return judgement.verification.failure() ? judgement.verification.failure()->x509_error
                                          : X509_V_ERR_APPLICATION_VERIFICATION;
}

ConnectionRecord MakeRecord(const Endpoint& endpoint, std::shared_ptr<const PolicyIndex> policy,
                            const Judgement& judgement, const SSL* ssl) {
  ConnectionRecord record;
  record.endpoint = endpoint;
  record.policy = std::move(policy);
  record.verdict = judgement.verdict;
  record.paths.assign(judgement.verification.paths().begin(), judgement.verification.paths().end());
  record.found = FoundPins(record.paths);
  if (!judgement.verdict.allowed()) record.code = judgement.code();
  record.message = judgement.message();
  record.tls_version = SSL_get_version(ssl);
  return record;
}

// Judge records the verdict of the chain that OpenSSL holds in `context`.
bool Judge(Connection& connection, const SSL* ssl, X509_STORE_CTX* context) {
  connection.record.reset();
  connection.settled = false;
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
  connection.record = MakeRecord(*connection.endpoint, std::move(policy), judgement, ssl);
  Tell(connection, ssl);
  const bool handed_out = HandOut(connection);
  if (!judgement.verdict.allowed()) {
    X509_STORE_CTX_set_error(context, AlertError(judgement));
    return false;
  }
  if (!handed_out) {
    connection.record->code = Code::kInternal;
    connection.record->message = "the handler of the record failed";
    return false;
  }
  const std::size_t shown = judgement.verdict.match ? judgement.verdict.match->path_index : 0;
  X509_STORE_CTX_set0_verified_chain(context, judgement.verification.TakeChain(shown).release());
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return true;
}

}  // namespace

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
  ConnectionRecord record;
  if (connection.endpoint) record.endpoint = *connection.endpoint;
  record.verdict.reasons.Add(Reason::kNoVerifiedPath);
  record.code = why.code;
  record.message = std::move(why.message);
  record.tls_version = SSL_get_version(ssl);
  connection.record = std::move(record);
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
