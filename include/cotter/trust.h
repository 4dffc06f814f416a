// SPDX-License-Identifier: Apache-2.0
//
// The trust anchors that verified paths may end at. A TrustStore is immutable, shared by every
// connection that uses it, and safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::tls {

class TrustStore;

// Whether the roots of the system take part.
enum class SystemRoots : std::uint8_t {
  kUse,   // OpenSSL's default file and directory, or what SSL_CERT_FILE and SSL_CERT_DIR name
  kNone,  // only what the caller adds
};

// TrustOptions says where trusted certificates come from. The parts add up.
struct TrustOptions {
  SystemRoots system_roots = SystemRoots::kUse;
  std::vector<std::string> files{};        // PEM bundles (CERTIFICATE, TRUSTED CERTIFICATE) or DER
  std::vector<std::string> directories{};  // as `openssl rehash` makes them
  std::vector<Bytes> certificates{};       // DER

  // Where the distribution puts the roots that it ships, one PEM file each. Every anchor found
  // there is public, every other is local.
  std::string public_roots = "/usr/share/ca-certificates/mozilla";
};

// LoadTrustStore reads `options`. Fails with kFileUnreadable, kFileTooLarge, kPemMalformed,
// kDerMalformed, kInputUnknown (a file without a certificate), or kTrustStoreEmpty, whose message
// names the remedy.
[[nodiscard]] Result<std::shared_ptr<const TrustStore>> LoadTrustStore(const TrustOptions& options);

}  // namespace cotter::tls
