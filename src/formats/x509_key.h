// SPDX-License-Identifier: Apache-2.0
//
// Public keys and algorithm identifiers, described for people. Plain values; every function is safe
// from any thread.
#pragma once

#include <cstddef>
#include <string>

#include <openssl/types.h>

#include <cotter/bytes.h>
#include <cotter/pin.h>

namespace cotter::formats {

// AlgorithmDescription is an AlgorithmIdentifier (RFC 5280, 4.1.1.2).
struct AlgorithmDescription {
  std::string oid;
  std::string name;  // OpenSSL's, as "sha256WithRSAEncryption"; empty where it knows none
  std::string hash;  // of a signature: "sha256"; empty where the algorithm has none of its own
};

// DescribeAlgorithm decodes `algorithm`.
[[nodiscard]] AlgorithmDescription DescribeAlgorithm(const X509_ALGOR* algorithm);

// KeyDescription is a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
struct KeyDescription {
  AlgorithmDescription algorithm;
  std::size_t bits = 0;           // 0 where OpenSSL could not read the key
  std::size_t security_bits = 0;  // OpenSSL's estimate (NIST SP 800-57)
  std::string curve;              // of an EC key: "P-256", OpenSSL's name, "explicit"
  std::string exponent;           // of an RSA key, in hex: "010001"
  Digest spki_sha256;             // what a pin is
  Bytes spki;                     // as it stands
};

// DescribeKey decodes `spki`. A key that OpenSSL cannot read has its algorithm and its pin alone.
[[nodiscard]] KeyDescription DescribeKey(ByteView spki);

}  // namespace cotter::formats
