// SPDX-License-Identifier: Apache-2.0
//
// Why a chain does not verify, as a stable code and as words. Used by the path verifier and by the
// commands that show its answer. Plain data; the functions are safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "tls/openssl_ptr.h"
#include <cotter/code.h>

namespace cotter::tls {

// PkiFailure says what the verifier found first.
struct PkiFailure {
  Code code = Code::kPkiError;
  std::string message;               // for people, one line: which certificate, and what is wrong
  std::optional<std::size_t> depth;  // which certificate of the path; 0 is the leaf
  int x509_error = X509_V_ERR_UNSPECIFIED;  // what a TLS library is told, so that its alert fits
};

// CodeOfX509Error is the stable code for an X509_V_ERR_ value; kPkiError where none fits better.
[[nodiscard]] Code CodeOfX509Error(int x509_error) noexcept;

// DescribeX509Error makes a failure of an X509_V_ERR_ value at `depth`. `certificate` (may be null)
// is named in the message by its subject. Allocates.
[[nodiscard]] PkiFailure DescribeX509Error(int x509_error, std::size_t depth,
                                           const X509* certificate);

// DescribeFailure is the same for what cotter itself found: `what` is lower case, no full stop.
[[nodiscard]] PkiFailure DescribeFailure(Code code, int x509_error, std::size_t depth,
                                         const X509* certificate, std::string what);

}  // namespace cotter::tls
