// SPDX-License-Identifier: Apache-2.0
#include "tls/profile.h"

namespace cotter::tls {

std::optional<PkiFailure> CheckProfile(const STACK_OF(X509) * path) {
  (void)path;
  return std::nullopt;
}

bool HasPolicyConstraints(const STACK_OF(X509) * path) noexcept {
  for (int i = 0; i < sk_X509_num(path); ++i) {
    const X509* const certificate = sk_X509_value(path, i);
    if (X509_get_ext_by_NID(certificate, NID_policy_constraints, -1) >= 0 ||
        X509_get_ext_by_NID(certificate, NID_inhibit_any_policy, -1) >= 0) {
      return true;
    }
  }
  return false;
}

}  // namespace cotter::tls
