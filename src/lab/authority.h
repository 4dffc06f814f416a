// SPDX-License-Identifier: Apache-2.0
//
// Certificate authorities for demos, rehearsals and tests: keys, roots, intermediates and leaf
// certificates, sound ones and every kind of broken one. Nothing here verifies anything, and
// nothing of it belongs into production.
//
// What goes in is written by the program, not by a stranger: an option that OpenSSL cannot encode
// is a bug of the caller and ends the process (COTTER_CHECK). All types are values, cheap to copy
// and safe to read from any thread. Times default to the clock of <base/clock.h>.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/result.h>
#include <cotter/time.h>

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace cotter::lab {

// The kinds of key that can be made. RSA takes tens of milliseconds or more, the others less than
// one.
enum class KeyKind : std::uint8_t {
  kP256,
  kP384,
  kRsa2048,
  kRsa3072,
  kEd25519,
  kInsecureRsa1024,  // below every TLS library's security level
};

// Key is a private key with its public half. Copies share the key.
class Key {
 public:
  // Generate makes a new key.
  [[nodiscard]] static Key Generate(KeyKind kind = KeyKind::kP256);

  // native borrows OpenSSL's EVP_PKEY; it lives as long as any copy of this Key.
  [[nodiscard]] evp_pkey_st* native() const noexcept { return key_.get(); }

  // Spki is the DER SubjectPublicKeyInfo, as OpenSSL encodes it. Allocates.
  [[nodiscard]] Bytes Spki() const;

  // PublicPem and PrivatePem write "PUBLIC KEY" and unencrypted PKCS #8 "PRIVATE KEY". Allocate.
  [[nodiscard]] std::string PublicPem() const;
  [[nodiscard]] std::string PrivatePem() const;

 private:
  explicit Key(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}

  std::shared_ptr<evp_pkey_st> key_;
};

// Certificate is the bytes of one X.509 certificate.
struct Certificate {
  Bytes der;

  // Pem writes one "CERTIFICATE" block. Allocates.
  [[nodiscard]] std::string Pem() const;

  friend bool operator==(const Certificate&, const Certificate&) = default;
};

// Request is the bytes of one PKCS #10 certificate request.
struct Request {
  Bytes der;

  // Pem writes one "CERTIFICATE REQUEST" block. Allocates.
  [[nodiscard]] std::string Pem() const;
};

// Identity is a certificate, what its owner sends along, and its key.
struct Identity {
  Certificate certificate;
  std::vector<Certificate> chain;  // the issuers above it, nearest first, without the root
  Key key;

  // ChainPem writes the certificate and then the chain, as a server's file has them. Allocates.
  [[nodiscard]] std::string ChainPem() const;
};

// Validity is the two dates of a certificate.
struct Validity {
  Time not_before;
  Time not_after;
};

// SignatureHash is what an issuer signs with. Ed25519 has its own and ignores it.
enum class SignatureHash : std::uint8_t { kSha256, kSha384, kInsecureSha1 };

// CertificateOptions says what a certificate is to hold. The defaults make a sound one.
struct CertificateOptions {
  std::string common_name;           // empty: no CN
  std::string organization;          // empty: no O; with no CN either the subject is empty
  std::vector<std::string> names;    // subject alternative names: host names and IP addresses
  std::optional<Validity> validity;  // default: from an hour ago, 90 days for a leaf, 3650 for a CA
  std::optional<Bytes> serial;       // big-endian, positive; default: 16 random bytes
  std::optional<Key> key;            // given: a renewal with this key; default: a new one
  KeyKind key_kind = KeyKind::kP256;  // of the new key
  SignatureHash hash = SignatureHash::kSha256;

  std::optional<int> path_length;  // of a CA: pathLenConstraint
  // RFC 5280, 4.2.1.10, each as OpenSSL writes a general name: "DNS:example.com".
  std::vector<std::string> permitted_names;
  std::vector<std::string> excluded_names;
  // Short names as "serverAuth" or OIDs; empty: no extension. Default: serverAuth for a leaf, none
  // for a CA.
  std::optional<std::vector<std::string>> extended_key_usage;
  bool unknown_critical_extension = false;  // adds one, with an OID that nobody knows
};

// MakeRoot makes a self-signed CA.
[[nodiscard]] Identity MakeRoot(const CertificateOptions& options);

// MakeIntermediate makes a CA below `issuer`.
[[nodiscard]] Identity MakeIntermediate(const Identity& issuer, const CertificateOptions& options);

// Issue makes an end-entity certificate below `issuer`.
[[nodiscard]] Identity Issue(const Identity& issuer, const CertificateOptions& options);

// IssueSelfSigned makes an end-entity certificate that no CA vouches for.
[[nodiscard]] Identity IssueSelfSigned(const CertificateOptions& options);

// CrossSign makes another certificate for the CA `subject`, with its name and key, below `issuer`.
// The names and the key in `options` are not used. The result's chain is that of `issuer`.
[[nodiscard]] Identity CrossSign(const Identity& issuer, const Identity& subject,
                                 const CertificateOptions& options);

// Forge makes an end-entity certificate that names `issuer` as its issuer, by name and by
// authority key identifier, and whose signature `issuer` never made. Its chain is that of an
// honest one.
[[nodiscard]] Identity Forge(const Identity& issuer, const CertificateOptions& options);

// MakeRequest makes a request for `key` with the subject and the names of `options`.
[[nodiscard]] Request MakeRequest(const Key& key, const CertificateOptions& options);

// WritePublicFile writes text that anyone may read. Fails with kFileUnreadable.
[[nodiscard]] Result<void> WritePublicFile(const std::string& path, std::string_view text);

// WriteKeyFile writes `key` unencrypted, readable by its owner alone (0600). Fails with
// kFileUnreadable.
[[nodiscard]] Result<void> WriteKeyFile(const std::string& path, const Key& key);

}  // namespace cotter::lab
