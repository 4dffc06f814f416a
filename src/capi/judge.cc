// SPDX-License-Identifier: Apache-2.0
//
// Judging what a caller brings: a presented chain, which is verified first, or a path that the
// caller merely asserts.
#include <array>

#include "base/clock.h"
#include "base/idna.h"
#include "capi/guard.h"
#include "capi/verdict.h"
#include "tls/adapter_access.h"

using namespace cotter::capi;

namespace cotter::capi {
namespace {

Time TimeOf(std::int64_t now) noexcept { return now == COTTER_TIME_NOW ? base::Now() : Time{now}; }

Result<Endpoint> EndpointOf(const char* host, std::uint16_t port) {
  if (host == nullptr) return Missing("host");
  if (port == 0) return Error{Code::kPortInvalid, "expected a port from 1 to 65535"};
  Result<HostName> name = HostName::Parse(host, &base::Idna());
  if (!name) return std::move(name).error();
  return Endpoint{std::move(name).value(), port};
}

Result<PresentedChain> ChainOf(const cotter_blob* chain, std::size_t count) {
  if (chain == nullptr) return Missing("chain");
  if (count > kMaxPathLength) {
    return Error{Code::kChainTooLong, "more certificates than " + std::to_string(kMaxPathLength)};
  }
  PresentedChain presented;
  for (std::size_t i = 0; i < count; ++i) {
    if (chain[i].bytes == nullptr) return Missing("a certificate of the chain");
    presented.certificates.emplace_back(chain[i].bytes, chain[i].bytes + chain[i].size);
  }
  return presented;
}

// Evaluate judges an asserted path. The key to verified paths is used here, and nowhere else
// outside the adapters: the function that this stands behind is called insecure.
Verdict EvaluateAsserted(const PolicyIndex& policy, const Endpoint& endpoint,
                         std::span<const PathCertificate> certificates, Time now) {
  const VerifiedPath path = AdapterAccess::Make(certificates, AnchorOrigin::kUnknown);
  return Evaluate(policy, endpoint, {&path, 1}, SearchEnd::kComplete, now);
}

}  // namespace
}  // namespace cotter::capi

cotter_status cotter_chain_judge(const cotter_policy* policy, const cotter_trust* trust,
                                 const char* host, uint16_t port, const cotter_blob* chain,
                                 size_t count, int64_t now, cotter_verdict** verdict,
                                 cotter_error** error) {
  if (verdict != nullptr) *verdict = nullptr;
  return Guard(error, [&]() -> cotter::Result<void> {
    if (policy == nullptr) return Missing("policy");
    if (trust == nullptr) return Missing("trust");
    const auto endpoint = EndpointOf(host, port);
    if (!endpoint) return endpoint.error();
    const auto presented = ChainOf(chain, count);
    if (!presented) return presented.error();
    const cotter::tls::Judgement judgement =
        cotter::tls::JudgeChain(*policy->index, *endpoint, *trust->store, TimeOf(now), *presented);
    if (verdict != nullptr) {
      *verdict = FromJudgement(judgement, *endpoint, *policy->index).release();
    }
    if (judgement.verdict.allowed()) return cotter::Ok();
    return cotter::Error{judgement.code().value_or(cotter::Code::kInternal), judgement.message()};
  });
}

cotter_status cotter_insecure_evaluate_path(const cotter_policy* policy, const char* host,
                                            uint16_t port, const uint8_t* spki_sha256, size_t count,
                                            int64_t now, cotter_outcome* outcome,
                                            cotter_error** error) {
  if (outcome != nullptr) *outcome = COTTER_OUTCOME_PKI_ERROR;
  return Guard(error, [&]() -> cotter::Result<void> {
    if (policy == nullptr) return Missing("policy");
    if (spki_sha256 == nullptr) return Missing("spki_sha256");
    if (count == 0 || count > cotter::kMaxPathLength) {
      return cotter::Error{cotter::Code::kUsage, "a path has 1 to 16 certificates"};
    }
    const auto endpoint = EndpointOf(host, port);
    if (!endpoint) return endpoint.error();
    std::array<cotter::PathCertificate, cotter::kMaxPathLength> path{};
    for (std::size_t i = 0; i < count; ++i) {
      std::copy_n(spki_sha256 + i * cotter::kSha256Size, cotter::kSha256Size,
                  path[i].spki.bytes.begin());
    }
    const std::span certificates = std::span(path).first(count);
    const cotter::Verdict verdict =
        EvaluateAsserted(*policy->index, *endpoint, certificates, TimeOf(now));
    if (outcome != nullptr) *outcome = static_cast<cotter_outcome>(verdict.outcome);
    if (verdict.allowed()) return cotter::Ok();
    // A message is made only where somebody reads it.
    if (error == nullptr)
      return cotter::Error{verdict.code().value_or(cotter::Code::kInternal), {}};
    std::vector<cotter::Digest> found;
    for (const cotter::PathCertificate& certificate : certificates) {
      found.push_back(certificate.spki);
    }
    return cotter::Error{verdict.code().value_or(cotter::Code::kInternal),
                         cotter::BadPinMessage(found)};
  });
}
