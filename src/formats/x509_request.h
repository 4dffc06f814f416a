// SPDX-License-Identifier: Apache-2.0
//
// Certification requests (PKCS #10, RFC 2986), decoded by OpenSSL for people. Safe from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "formats/x509_extension.h"
#include "formats/x509_key.h"
#include "formats/x509_name.h"
#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::formats {

// Whether the request proves that its maker holds the key.
enum class RequestSignature : std::uint8_t { kValid, kInvalid };

// RequestDescription is one request.
struct RequestDescription {
  DistinguishedName subject;
  KeyDescription key;
  AlgorithmDescription signature_algorithm;
  std::vector<ExtensionDescription> extensions;  // those asked for
  RequestSignature signature = RequestSignature::kInvalid;
  Bytes der;
};

// DescribeRequest decodes `der`. Fails with kDerMalformed where OpenSSL, or the strict walk to the
// SPKI, cannot read it.
[[nodiscard]] Result<RequestDescription> DescribeRequest(ByteView der);

}  // namespace cotter::formats
