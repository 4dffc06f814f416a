// SPDX-License-Identifier: Apache-2.0
//
// What RFC 5280 demands of the certificates of a path and OpenSSL lets pass by default.
// X509_V_FLAG_X509_STRICT would ask for more, but it refuses private CAs as people really make them
// (no authority key identifier, basicConstraints not critical); these checks refuse none that any
// public CA issues. Safe from any thread.
#pragma once

#include <cstddef>
#include <optional>

#include "tls/openssl_ptr.h"
#include "tls/pki_failure.h"

namespace cotter::tls {

// The comparisons of names with name constraints that one path may take. OpenSSL bounds each pair
// of certificates; a chain of 16 has 120 pairs, which could take seconds. Real CAs stay below a
// thousandth of this.
inline constexpr std::size_t kMaxNameComparisons = std::size_t{1} << 23;

// HasTooManyNames reports that `leaf` and `presented` (may be null) could take more comparisons
// than kMaxNameComparisons, estimated from the sizes of the encodings. Costs little where nobody
// constrains names.
[[nodiscard]] bool HasTooManyNames(X509* leaf, const STACK_OF(X509) * presented);

// CheckProfile looks at a path, leaf first, that already verified. Nullopt is a pass; a failure has
// kProfileViolation or the code that fits.
[[nodiscard]] std::optional<PkiFailure> CheckProfile(const STACK_OF(X509) * path);

// IsSoundAnchor reports that `certificate` passes CheckProfile at the end of a path and restricts
// no certificate policies.
[[nodiscard]] bool IsSoundAnchor(X509& certificate);

// HasPolicyConstraints reports that a certificate of the path restricts certificate policies (RFC
// 5280, 4.2.1.11 and 4.2.1.14). OpenSSL claims to understand those extensions but looks at them
// only under X509_V_FLAG_POLICY_CHECK, so such a path is verified again with it.
[[nodiscard]] bool HasPolicyConstraints(const STACK_OF(X509) * path) noexcept;

}  // namespace cotter::tls
