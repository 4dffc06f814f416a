// SPDX-License-Identifier: Apache-2.0
#include "formats/private_key.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/der.h"

namespace cotter::formats {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct FreeBytes {
  void operator()(unsigned char* bytes) const noexcept { OPENSSL_free(bytes); }
};

// IsRsa reports whether a key is RSA in PKCS #8 (RFC 8017, appendix C: rsaEncryption and its
// siblings), or in a traditional form that holds its public half.
bool IsRsa(der::Reader parts) {
  constexpr std::array<std::uint8_t, 8> kPkcs1 = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01};
  if (!parts.Take(der::kInteger)) return false;
  if (parts.Peek(der::kInteger)) return true;
  const std::optional<der::Element> algorithm = parts.Take(der::kSequence);
  if (!algorithm) return false;
  const std::optional<der::Element> oid = der::Reader(algorithm->content).Take(der::kOid);
  return oid && oid->content.size() > kPkcs1.size() &&
         std::ranges::equal(oid->content.first(kPkcs1.size()), kPkcs1);
}

}  // namespace

Result<Bytes> PublicHalf(ByteView der) {
  // RSA keys of 16384 bits have 9 KiB. The public half of a DSA or DH key is computed by an
  // exponentiation whose time grows with the cube of the length: 4 KiB keep it below a second.
  constexpr std::size_t kMaxRsa = std::size_t{32} << 10;
  constexpr std::size_t kMaxOther = std::size_t{4} << 10;
  const std::optional<ByteView> content = der::TakeOnly(der, der::kSequence);
  if (!content) return Error{Code::kDerMalformed, "a private key that is not one DER SEQUENCE"};
  if (der.size() > (IsRsa(der::Reader(*content)) ? kMaxRsa : kMaxOther)) {
    return Error{Code::kKeyUnsupported, "a private key that is longer than any in use"};
  }
  const unsigned char* in = der.data();
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      d2i_AutoPrivateKey(nullptr, &in, static_cast<long>(der.size())));
  // The error queue may quote the input; nobody reads it.
  ERR_clear_error();
  if (!key) return Error{Code::kKeyUnsupported, "a private key that OpenSSL cannot read"};
  unsigned char* out = nullptr;
  const int size = i2d_PUBKEY(key.get(), &out);
  const std::unique_ptr<unsigned char, FreeBytes> owned(out);
  ERR_clear_error();
  if (size <= 0) return Error{Code::kKeyUnsupported, "a private key without a public half"};
  return Bytes(out, out + size);
}

}  // namespace cotter::formats
