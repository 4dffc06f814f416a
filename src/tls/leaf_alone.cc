// SPDX-License-Identifier: Apache-2.0
#include "tls/leaf_alone.h"

#include <array>
#include <ctime>
#include <string>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/adapter_access.h"
#include "tls/certificate_notes.h"

namespace cotter::tls {
namespace {

// ErrorOf is what is wrong with a leaf by itself, as an X509_V_ERR_ value; X509_V_OK for nothing.
int ErrorOf(X509& leaf, const HostName& host, Time now) {
  std::time_t time = now.unix_seconds;
  if (X509_cmp_time(X509_get0_notBefore(&leaf), &time) >= 0) return X509_V_ERR_CERT_NOT_YET_VALID;
  if (X509_cmp_time(X509_get0_notAfter(&leaf), &time) <= 0) return X509_V_ERR_CERT_HAS_EXPIRED;
  if (X509_check_purpose(&leaf, X509_PURPOSE_SSL_SERVER, 0) != 1) return X509_V_ERR_INVALID_PURPOSE;
  if (X509_self_signed(&leaf, 0) == 1 && X509_self_signed(&leaf, 1) != 1) {
    return X509_V_ERR_CERT_SIGNATURE_FAILURE;
  }
  const std::string name(host.text());
  if (host.is_ip()) {
    const bool named = X509_check_ip_asc(&leaf, name.c_str(), 0) == 1;
    return named ? X509_V_OK : X509_V_ERR_IP_ADDRESS_MISMATCH;
  }
  // As PathVerifier has it.
  constexpr unsigned kFlags =
      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
  const bool named = X509_check_host(&leaf, name.data(), name.size(), kFlags, nullptr) == 1;
  return named ? X509_V_OK : X509_V_ERR_HOSTNAME_MISMATCH;
}

}  // namespace

LeafJudgement InsecureJudgeLeafAlone(const PolicyIndex& policy, const Endpoint& endpoint, Time now,
                                     X509& leaf) {
  LeafJudgement judgement;
  const std::optional<PathCertificate> described = DescribeCertificate(leaf, CertDigests::kCompute);
  if (!described) return judgement;
  judgement.found = described->spki;
  const std::array certificates = {*described};
  // The path of the leaf alone: what holds of it holds by the leaf's key, which is proven. It never
  // leaves this function.
  const std::array paths = {AdapterAccess::Make(certificates, AnchorOrigin::kUnknown)};
  judgement.verdict = Evaluate(policy, endpoint, paths, SearchEnd::kComplete, now);
  if (judgement.verdict.allowed() && judgement.verdict.outcome != Outcome::kPinnedOk) {
    judgement.verdict.outcome = judgement.verdict.outcome == Outcome::kReported
                                    ? Outcome::kPinMismatch
                                    : Outcome::kPkiError;
    judgement.verdict.reasons.Add(Reason::kNoVerifiedPath);
  }
  const int error = judgement.verdict.allowed() ? ErrorOf(leaf, endpoint.host, now) : X509_V_OK;
  ERR_clear_error();
  if (error != X509_V_OK) {
    judgement.failure = DescribeX509Error(error, 0, &leaf);
    judgement.verdict.outcome = Outcome::kPkiError;
    judgement.verdict.reasons.Add(Reason::kNoVerifiedPath);
  }
  return judgement;
}

}  // namespace cotter::tls
