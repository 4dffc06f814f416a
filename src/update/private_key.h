// SPDX-License-Identifier: Apache-2.0
//
// Private keys: made, kept encrypted, and used to sign. Nothing here writes one unencrypted. What
// OpenSSL holds of a key is wiped when the object goes. Immutable, safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "update/json_value.h"
#include <cotter/bytes.h>
#include <cotter/result.h>

struct evp_pkey_st;
struct X509_req_st;

namespace cotter::update {

enum class KeyKind { kEd25519, kP256 };

// A shorter passphrase is refused when a key is made: its file may be copied and tried at leisure.
inline constexpr std::size_t kMinPassphrase = 12;

// SignFunction signs a message with a key that is elsewhere: ECDSA over its SHA-256, in DER.
using SignFunction = std::function<Result<Bytes>(ByteView message)>;

class PrivateKey {
 public:
  // InToken is a P-256 key that stays where it is: `half` is its public half.
  [[nodiscard]] static PrivateKey InToken(std::shared_ptr<evp_pkey_st> half, SignFunction sign);

  // Generate makes a key of OpenSSL's randomness. kInternal where there is none.
  [[nodiscard]] static Result<PrivateKey> Generate(KeyKind kind);

  // Read takes an encrypted PKCS #8 file ("ENCRYPTED PRIVATE KEY"). kKeyEncrypted where the
  // passphrase does not open it; kKeyUnsupported for a key that is neither Ed25519 nor P-256;
  // kInputUnknown for any other file, an unencrypted key among them.
  [[nodiscard]] static Result<PrivateKey> Read(std::string_view pem, std::string_view passphrase);

  // Encrypt writes PKCS #8 under scrypt (RFC 7914) and AES-256. kKeyEncrypted for one that is
  // shorter than kMinPassphrase; kTokenFailed for a key in a token.
  [[nodiscard]] Result<std::string> Encrypt(std::string_view passphrase) const;

  // Sign is the signature over `message`, as metadata has it: raw for Ed25519, DER for ECDSA. What
  // a token signed is verified. kInternal; kTokenFailed.
  [[nodiscard]] Result<Bytes> Sign(ByteView message) const;

  // Public is the key as metadata names it: keytype, scheme and keyval.
  [[nodiscard]] JsonValue Public() const;

  // Spki is the SubjectPublicKeyInfo, what a pin is the digest of.
  [[nodiscard]] Bytes Spki() const;

  // Request is a certification request (PKCS #10, RFC 2986) in PEM, for the DNS names `names`.
  [[nodiscard]] Result<std::string> Request(std::span<const std::string> names) const;

  [[nodiscard]] KeyKind kind() const noexcept { return kind_; }

 private:
  PrivateKey(KeyKind kind, std::shared_ptr<evp_pkey_st> key);
  Result<void> SignRequestOf(X509_req_st* request) const;

  KeyKind kind_;
  std::shared_ptr<evp_pkey_st> key_;  // shared by copies, never changed
  SignFunction sign_;                 // of a key in a token; key_ is then its public half
};

}  // namespace cotter::update
