// SPDX-License-Identifier: Apache-2.0
#include "capi/verdict.h"

#include <utility>

#include "capi/guard.h"

namespace cotter::capi {
namespace {

static_assert(static_cast<int>(Outcome::kPinnedOk) == COTTER_OUTCOME_PINNED_OK);
static_assert(static_cast<int>(Outcome::kPinMismatch) == COTTER_OUTCOME_PIN_MISMATCH);
static_assert(static_cast<int>(Outcome::kReported) == COTTER_OUTCOME_REPORTED);
static_assert(static_cast<int>(Outcome::kNotPinned) == COTTER_OUTCOME_NOT_PINNED);
static_assert(static_cast<int>(Outcome::kRevoked) == COTTER_OUTCOME_REVOKED);
static_assert(static_cast<int>(Outcome::kUnlistedRefused) == COTTER_OUTCOME_UNLISTED_REFUSED);
static_assert(static_cast<int>(Outcome::kPortRefused) == COTTER_OUTCOME_PORT_REFUSED);
static_assert(static_cast<int>(Outcome::kSearchBound) == COTTER_OUTCOME_SEARCH_BOUND);
static_assert(static_cast<int>(Outcome::kPkiError) == COTTER_OUTCOME_PKI_ERROR);

void AddFound(std::span<const Digest> found, cotter_verdict& out) {
  for (const Digest& digest : found) out.found.push_back(FormatPin(digest));
}

void AddPolicy(const PolicyIndex* policy, cotter_verdict& out) {
  if (policy == nullptr) return;
  out.policy_name = std::string(policy->name());
  out.policy_version = policy->version();
}

void AddEndpoint(const Endpoint& endpoint, cotter_verdict& out) {
  out.host = std::string(endpoint.host.text());
  out.port = endpoint.port;
}

void SetCode(const std::optional<Code>& code, cotter_verdict& out) {
  if (code) out.code = std::string(NameOf(*code));
}

std::unique_ptr<cotter_verdict> FromVerdict(const Verdict& verdict) {
  auto out = std::make_unique<cotter_verdict>();
  out->outcome = static_cast<cotter_outcome>(verdict.outcome);
  out->outcome_name = std::string(NameOf(verdict.outcome));
  out->allowed = verdict.allowed();
  for (const Reason reason : verdict.reasons.List()) {
    out->reasons.emplace_back(NameOf(CodeOf(reason)));
  }
  if (verdict.match) {
    out->matched_pin = FormatPin(verdict.match->pin.digest);
    out->backup_matched = verdict.match->pin.use == PinUse::kBackup;
  }
  if (verdict.rule) out->rule = verdict.rule->pattern();
  SetCode(verdict.code(), *out);
  return out;
}

}  // namespace

std::unique_ptr<cotter_verdict> FromRecord(const tls::ConnectionRecord& record, std::string peer) {
  auto out = FromVerdict(record.verdict);
  // A record whose policy gave no answer, or that was refused for another reason, is none of a yes.
  if (record.code) {
    out->allowed = false;
    SetCode(record.code, *out);
  }
  out->message = record.message;
  AddFound(record.found, *out);
  AddPolicy(record.policy.get(), *out);
  if (record.endpoint) AddEndpoint(*record.endpoint, *out);
  out->tls_version = record.tls_version;
  out->resumed = record.resumed;
  out->peer = std::move(peer);
  return out;
}

std::unique_ptr<cotter_verdict> FromViolation(const tls::Violation& violation,
                                              const PolicyIndex* policy, std::string peer) {
  auto out = FromVerdict(violation.verdict);
  out->message = std::string(violation.message);
  AddFound(violation.found, *out);
  AddPolicy(policy, *out);
  AddEndpoint(violation.endpoint, *out);
  out->peer = std::move(peer);
  return out;
}

std::unique_ptr<cotter_verdict> FromJudgement(const tls::Judgement& judgement,
                                              const Endpoint& endpoint, const PolicyIndex& policy) {
  auto out = FromVerdict(judgement.verdict);
  out->code.reset();
  SetCode(judgement.code(), *out);
  out->message = judgement.message();
  AddFound(FoundPins(judgement.verification.paths()), *out);
  AddPolicy(&policy, *out);
  AddEndpoint(endpoint, *out);
  return out;
}

std::unique_ptr<cotter_verdict> FromEvent(const report::ViolationEvent& event) {
  Verdict verdict;
  verdict.outcome = event.outcome;
  verdict.reasons = event.reasons;
  auto out = FromVerdict(verdict);
  out->code.reset();
  SetCode(event.code, *out);
  out->message = event.message;
  AddFound(event.found, *out);
  out->host = event.host;
  out->port = event.port;
  if (!event.pattern.empty()) out->rule = event.pattern;
  out->policy_name = event.policy_name;
  out->policy_version = event.policy_version;
  out->peer = event.peer;
  return out;
}

std::unique_ptr<cotter_verdict> FromFacts(const client::ConnectionFacts& facts) {
  Verdict verdict;
  verdict.outcome = facts.outcome;
  verdict.reasons = facts.reasons;
  verdict.match = facts.match;
  auto out = FromVerdict(verdict);
  AddFound(facts.path, *out);
  out->policy_name = facts.policy_name;
  out->policy_version = facts.policy_version;
  out->tls_version = facts.tls_version;
  out->resumed = facts.resumed;
  out->peer = facts.peer;
  return out;
}

namespace {

const char* TextOf(const std::optional<std::string>& text) noexcept {
  return text ? text->c_str() : nullptr;
}

const char* ItemOf(const std::vector<std::string>& list, std::size_t index) noexcept {
  return index < list.size() ? list[index].c_str() : nullptr;
}

}  // namespace
}  // namespace cotter::capi

using namespace cotter::capi;

cotter_outcome cotter_verdict_outcome(const cotter_verdict* verdict) {
  return verdict == nullptr ? COTTER_OUTCOME_PKI_ERROR : verdict->outcome;
}

const char* cotter_verdict_outcome_name(const cotter_verdict* verdict) {
  return verdict == nullptr ? nullptr : verdict->outcome_name.c_str();
}

int32_t cotter_verdict_allowed(const cotter_verdict* verdict) {
  return verdict != nullptr && verdict->allowed ? 1 : 0;
}

const char* cotter_verdict_code(const cotter_verdict* verdict) {
  return verdict == nullptr ? nullptr : TextOf(verdict->code);
}

const char* cotter_verdict_message(const cotter_verdict* verdict) {
  return verdict == nullptr ? nullptr : verdict->message.c_str();
}

const char* cotter_verdict_host(const cotter_verdict* verdict) {
  return verdict == nullptr ? nullptr : verdict->host.c_str();
}

uint16_t cotter_verdict_port(const cotter_verdict* verdict) {
  return verdict == nullptr ? std::uint16_t{0} : verdict->port;
}

size_t cotter_verdict_reason_count(const cotter_verdict* verdict) {
  return verdict == nullptr ? 0 : verdict->reasons.size();
}

const char* cotter_verdict_reason(const cotter_verdict* verdict, size_t index) {
  return verdict == nullptr ? nullptr : ItemOf(verdict->reasons, index);
}

size_t cotter_verdict_found_count(const cotter_verdict* verdict) {
  return verdict == nullptr ? 0 : verdict->found.size();
}

const char* cotter_verdict_found(const cotter_verdict* verdict, size_t index) {
  return verdict == nullptr ? nullptr : ItemOf(verdict->found, index);
}

const char* cotter_verdict_matched_pin(const cotter_verdict* verdict) {
  return verdict == nullptr ? nullptr : TextOf(verdict->matched_pin);
}

int32_t cotter_verdict_backup_matched(const cotter_verdict* verdict) {
  return verdict != nullptr && verdict->backup_matched ? 1 : 0;
}

const char* cotter_verdict_rule(const cotter_verdict* verdict) {
  return verdict == nullptr ? nullptr : TextOf(verdict->rule);
}

const char* cotter_verdict_policy_name(const cotter_verdict* verdict) {
  return verdict == nullptr ? nullptr : verdict->policy_name.c_str();
}

uint64_t cotter_verdict_policy_version(const cotter_verdict* verdict) {
  return verdict == nullptr ? 0 : verdict->policy_version;
}

const char* cotter_verdict_tls_version(const cotter_verdict* verdict) {
  return verdict == nullptr ? nullptr : verdict->tls_version.c_str();
}

int32_t cotter_verdict_resumed(const cotter_verdict* verdict) {
  return verdict != nullptr && verdict->resumed ? 1 : 0;
}

const char* cotter_verdict_peer(const cotter_verdict* verdict) {
  return verdict == nullptr ? nullptr : verdict->peer.c_str();
}

void cotter_verdict_free(cotter_verdict* verdict) { Free(verdict); }
