// SPDX-License-Identifier: Apache-2.0
//
// The public keys of metadata, and what they say about a signature. Immutable, safe from any
// thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "update/json_value.h"
#include <cotter/bytes.h>
#include <cotter/pin.h>

struct evp_pkey_st;

namespace cotter::update {

// PublicKey is a key of a type and scheme that cotter verifies: "ed25519"; "ecdsa" (also
// "ecdsa-sha2-nistp256") with "ecdsa-sha2-nistp256"; "rsa" of 2048 to 8192 bits with
// "rsassa-pss-sha256" or "rsa-pkcs1v15-sha256", which others sign with.
class PublicKey {
 public:
  // Read takes a key of metadata (TUF 4.2): keytype, scheme and keyval.public, hexadecimal for
  // Ed25519, PEM for the others. Nullopt where the type or scheme is not known, or the key is not
  // of it: such a key counts for nobody, and is no reason to refuse the metadata.
  [[nodiscard]] static std::optional<PublicKey> Read(const JsonValue& key);

  // Verifies reports whether `signature`, raw bytes, is this key's over `message`.
  [[nodiscard]] bool Verifies(ByteView message, ByteView signature) const;

  // identity is the SHA-256 of the SubjectPublicKeyInfo: equal for one key under two names.
  [[nodiscard]] const Digest& identity() const noexcept { return identity_; }

 private:
  enum class Scheme { kEd25519, kEcdsaP256, kRsaPss, kRsaPkcs1 };

  PublicKey(Scheme scheme, std::shared_ptr<evp_pkey_st> key, Digest identity);

  Scheme scheme_;
  std::shared_ptr<evp_pkey_st> key_;  // shared by copies, never changed
  Digest identity_;
};

// DecodeHex is the bytes that an even number of hexadecimal digits stand for; nullopt for anything
// else.
[[nodiscard]] std::optional<Bytes> DecodeHex(std::string_view text);

// KeyId is the SHA-256, in hexadecimal, of the canonical form of `key`: what TUF 4.2 calls it by.
[[nodiscard]] std::string KeyId(const JsonValue& key);

}  // namespace cotter::update
