// SPDX-License-Identifier: Apache-2.0
#include "tls/record.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace cotter::tls {
namespace {

bool IsViolation(const Verdict& verdict) noexcept {
  return verdict.outcome == Outcome::kReported ||
         (!verdict.allowed() && verdict.outcome != Outcome::kPkiError);
}

}  // namespace

ConnectionRecord MakeRecord(const Endpoint& endpoint, std::shared_ptr<const PolicyIndex> policy,
                            const Judgement& judgement, std::string tls_version) {
  ConnectionRecord record;
  record.endpoint = endpoint;
  record.policy = std::move(policy);
  record.verdict = judgement.verdict;
  record.paths.assign(judgement.verification.paths().begin(), judgement.verification.paths().end());
  record.found = FoundPins(record.paths);
  if (!judgement.verdict.allowed()) record.code = judgement.code();
  record.message = judgement.message();
  record.tls_version = std::move(tls_version);
  return record;
}

void NoteCertificates(const STACK_OF(X509) * presented, const Judgement& judgement,
                      ConnectionRecord& record) {
  if (!IsViolation(record.verdict)) return;
  const int count = std::min(sk_X509_num(presented), static_cast<int>(kMaxPathLength));
  for (int i = 0; i < count; ++i) record.presented.push_back(DerOf(*sk_X509_value(presented, i)));
  if (!judgement.verification.paths().empty()) record.validated = judgement.verification.DerOf(0);
}

void NoteCertificates(const PresentedChain& presented, const Judgement& judgement,
                      ConnectionRecord& record) {
  if (!IsViolation(record.verdict)) return;
  record.presented = presented.certificates;
  if (record.presented.size() > kMaxPathLength) record.presented.resize(kMaxPathLength);
  if (!judgement.verification.paths().empty()) record.validated = judgement.verification.DerOf(0);
}

ConnectionRecord MakeRefusal(const Endpoint* endpoint, Error why, std::string tls_version) {
  ConnectionRecord record;
  if (endpoint != nullptr) record.endpoint = *endpoint;
  record.verdict.reasons.Add(Reason::kNoVerifiedPath);
  record.code = why.code;
  record.message = std::move(why.message);
  record.tls_version = std::move(tls_version);
  return record;
}

void SetVerdict(std::shared_ptr<const PolicyIndex> policy, const Verdict& verdict,
                ConnectionRecord& record) {
  record.policy = std::move(policy);
  record.verdict = verdict;
  record.code = verdict.allowed() ? std::nullopt : std::optional(*verdict.code());
  record.message = DescribeVerdict(verdict, record.found);
}

std::function<void(const Violation&)> WithSource(std::shared_ptr<PolicySource> source,
                                                 std::function<void(const Violation&)> handler) {
  return [source = std::move(source), handler = std::move(handler)](const Violation& violation) {
    const Outcome outcome = violation.verdict.outcome;
    if (outcome == Outcome::kPinMismatch || outcome == Outcome::kReported) source->NoteMismatch();
    if (handler) handler(violation);
  };
}

void Tell(const std::function<void(const Violation&)>& handler, const ConnectionRecord& record,
          int socket) noexcept {
  if (!handler || !IsViolation(record.verdict)) return;
  try {
    handler({.endpoint = *record.endpoint,
             .verdict = record.verdict,
             .found = record.found,
             .message = record.message,
             .socket = socket,
             .presented = record.presented,
             .validated = record.validated});
  } catch (...) {
    return;
  }
}

void Tell(const std::function<void(const Violation&)>& handler,
          const LiveConnections::Lost& lost) noexcept {
  try {
    const Evidence& evidence = *lost.connection->evidence;
    ConnectionRecord record;
    record.endpoint = evidence.endpoint;
    record.found = FoundPins(evidence.paths.Restore());
    SetVerdict(lost.policy, lost.verdict, record);
    Tell(handler, record, lost.socket);
  } catch (...) {  // without memory nothing can be told; the connection is shut down already
    return;
  }
}

}  // namespace cotter::tls
