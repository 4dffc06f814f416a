// SPDX-License-Identifier: Apache-2.0
//
// The certificates, requests and keys of a file in whatever form people keep them: PEM, DER,
// PKCS #7 or bare base64, each with its SubjectPublicKeyInfo as it stands there, which is what a
// pin is the hash of. Used by the commands that take files. Nothing here reads files or keeps
// state; every function is safe from any thread. Private keys come out as their public half alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::formats {

// An input may hold this many items: ten times the certificates of the largest public logs' lists
// of roots and intermediates, and a bound on what a hostile file makes us do.
inline constexpr std::size_t kMaxKeyMaterial = 1'000'000;

enum class MaterialKind : std::uint8_t {
  kCertificate,  // RFC 5280
  kRequest,      // PKCS #10 (RFC 2986)
  kPublicKey,    // a SubjectPublicKeyInfo, or a PKCS #1 public key put into one
  kPrivateKey,   // PKCS #8, PKCS #1, SEC 1 or DSA
};

// NameOf is "certificate", "csr", "public_key" or "private_key", as JSON has it.
[[nodiscard]] std::string_view NameOf(MaterialKind kind) noexcept;

// MaterialView is one item while its reader lends it.
struct MaterialView {
  MaterialKind kind = MaterialKind::kCertificate;
  ByteView der;   // the item without its armour
  ByteView spki;  // inside `der`, never re-encoded. A private key and a PKCS #1 public key hold no
                  // SPKI: theirs is made, and `der` is the same bytes
};

// KeyMaterial is one item that owns its bytes.
class KeyMaterial {
 public:
  explicit KeyMaterial(const MaterialView& view);

  [[nodiscard]] MaterialKind kind() const noexcept { return kind_; }
  [[nodiscard]] ByteView der() const noexcept COTTER_LIFETIME_BOUND { return der_; }
  [[nodiscard]] ByteView spki() const noexcept COTTER_LIFETIME_BOUND {
    return ByteView(der_).subspan(spki_offset_, spki_size_);
  }

 private:
  MaterialKind kind_;
  Bytes der_;
  std::size_t spki_offset_;
  std::size_t spki_size_;
};

// MaterialVisitor is called with one item, whose views it must not keep. An error ends the reading
// and becomes its result.
using MaterialVisitor = std::function<Result<void>(const MaterialView&)>;

// ForEachKeyMaterial calls `visit` for each item of `input` in its order, and returns how many
// there were, at least one. The visitor sees items before a later part of the input is found to be
// broken, so what it collects counts only after success. Allocates nothing per certificate, and
// handles over a million certificates a second.
//
// Parameters (EC, DH), CRLs and PEM blocks of unknown kinds are passed over where something else is
// there. Fails with
//   kInputUnknown      nothing usable; what was there instead is named
//   kPemMalformed      a broken PEM block, with its line
//   kDerMalformed      an item whose SPKI can't be found in strict DER, with its line
//   kKeyEncrypted      a private key that needs a passphrase, with the remedy
//   kKeyUnsupported    a private key that OpenSSL does not know
//   kFileTooLarge      more than kMaxKeyMaterial items
// No message holds a byte of the input other than a PEM label.
[[nodiscard]] Result<std::size_t> ForEachKeyMaterial(ByteView input, const MaterialVisitor& visit);

// ReadKeyMaterial collects what ForEachKeyMaterial visits. Fails as it does.
[[nodiscard]] Result<std::vector<KeyMaterial>> ReadKeyMaterial(ByteView input);

}  // namespace cotter::formats
