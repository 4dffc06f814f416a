// SPDX-License-Identifier: Apache-2.0
#include "tls/pki_failure.h"

#include <utility>

#include "base/sha256.h"
#include <cotter/certificate.h>

namespace cotter::tls {
namespace {

std::string SubjectOf(const X509& certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509_NAME(X509_get_subject_name(&certificate), &raw);
  const OpensslBytesPtr der(raw);
  if (size <= 0) return "#";
  return FormatName(ByteView(der.get(), static_cast<std::size_t>(size)));
}

std::string Where(std::size_t depth, const X509* certificate) {
  std::string where = "certificate " + std::to_string(depth);
  if (certificate != nullptr) where += " (" + SubjectOf(*certificate) + ")";
  return where;
}

}  // namespace

Code CodeOfX509Error(int x509_error) noexcept {
  switch (x509_error) {  // an int of OpenSSL, so a default is needed here
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Code::kCertExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Code::kCertNotYetValid;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return Code::kHostMismatch;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED:
      return Code::kIssuerUnknown;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return Code::kSelfSigned;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
    case X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH:
      return Code::kSignatureInvalid;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_NON_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
      return Code::kCaInvalid;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return Code::kPathLengthExceeded;
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
      return Code::kNameConstraint;
    case X509_V_ERR_INVALID_PURPOSE:
      return Code::kPurposeInvalid;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return Code::kKeyTooWeak;
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
      return Code::kUnknownCriticalExtension;
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return Code::kChainTooLong;
    case X509_V_ERR_OUT_OF_MEM:
      return Code::kInternal;
    default:
      return Code::kPkiError;
  }
}

PkiFailure DescribeX509Error(int x509_error, std::size_t depth, const X509* certificate) {
  return DescribeFailure(CodeOfX509Error(x509_error), x509_error, depth, certificate,
                         X509_verify_cert_error_string(x509_error));
}

PkiFailure DescribeFailure(Code code, int x509_error, std::size_t depth, const X509* certificate,
                           std::string what) {
  return PkiFailure{.code = code,
                    .message = Where(depth, certificate) + ": " + std::move(what),
                    .depth = depth,
                    .x509_error = x509_error};
}

}  // namespace cotter::tls
