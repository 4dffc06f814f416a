// SPDX-License-Identifier: Apache-2.0
#include "update/private_key.h"

#include <utility>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "update/openssl_ptr.h"
#include "update/public_key.h"

namespace cotter::update {
namespace {

// OWASP's figure for what 16 MiB allow: OpenSSL opens no file that takes more than 32 MiB. About
// 0.3 s a guess.
constexpr std::uint64_t kScryptN = 1 << 14;
constexpr std::uint64_t kScryptR = 8;
constexpr std::uint64_t kScryptP = 5;

// A name in a request; more would fit no certificate of a public CA.
constexpr std::size_t kMaxNames = 100;

using AlgorithmPtr = std::unique_ptr<X509_ALGOR, FreeWith<X509_ALGOR_free>>;
using EncryptedPtr = std::unique_ptr<X509_SIG, FreeWith<X509_SIG_free>>;
using InfoPtr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreeWith<PKCS8_PRIV_KEY_INFO_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using BitStringPtr = std::unique_ptr<ASN1_BIT_STRING, FreeWith<ASN1_BIT_STRING_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;

struct FreeExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * stack) const noexcept {
    sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
  }
};
using ExtensionsPtr = std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions>;

Error Failed(std::string_view what) {
  ERR_clear_error();
  return Error{Code::kInternal, "libcrypto cannot " + std::string(what)};
}

std::string TextOf(BIO* bio) {
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

// KindOf is nullopt for keys that sign nothing here.
std::optional<KeyKind> KindOf(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return KeyKind::kEd25519;
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_is_a(key, "EC") == 1 &&
      EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
      std::string_view(group.data(), size) == "prime256v1") {
    return KeyKind::kP256;
  }
  return std::nullopt;
}

bool AddNames(X509_REQ* request, std::span<const std::string> names) {
  std::string value;
  for (const std::string& name : names) value += (value.empty() ? "DNS:" : ",DNS:") + name;
  ExtensionPtr extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, value.c_str()));
  ExtensionsPtr extensions(sk_X509_EXTENSION_new_null());
  if (extension == nullptr || extensions == nullptr ||
      sk_X509_EXTENSION_push(extensions.get(), extension.get()) == 0) {
    return false;
  }
  static_cast<void>(extension.release());  // the stack owns it
  return X509_REQ_add_extensions(request, extensions.get()) == 1;
}

}  // namespace

PrivateKey::PrivateKey(KeyKind kind, std::shared_ptr<evp_pkey_st> key)
    : kind_(kind), key_(std::move(key)) {}

Result<PrivateKey> PrivateKey::Generate(KeyKind kind) {
  KeyPtr key(kind == KeyKind::kEd25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                       : EVP_EC_gen("P-256"));
  if (key == nullptr) return Failed("make a key");
  return PrivateKey(kind, std::shared_ptr<evp_pkey_st>(key.release(), EVP_PKEY_free));
}

Result<PrivateKey> PrivateKey::Read(std::string_view pem, std::string_view passphrase) {
  const BioPtr input(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const EncryptedPtr encrypted(
      input == nullptr ? nullptr : PEM_read_bio_PKCS8(input.get(), nullptr, nullptr, nullptr));
  if (encrypted == nullptr) {
    ERR_clear_error();
    return Error{Code::kInputUnknown, "expected an encrypted PKCS #8 private key"};
  }
  const InfoPtr info(
      PKCS8_decrypt(encrypted.get(), passphrase.data(), static_cast<int>(passphrase.size())));
  KeyPtr key(info == nullptr ? nullptr : EVP_PKCS82PKEY(info.get()));
  ERR_clear_error();
  if (key == nullptr) return Error{Code::kKeyEncrypted, "the passphrase does not open the key"};
  const std::optional<KeyKind> kind = KindOf(key.get());
  if (!kind) return Error{Code::kKeyUnsupported, "expected an Ed25519 or a P-256 key"};
  return PrivateKey(*kind, std::shared_ptr<evp_pkey_st>(key.release(), EVP_PKEY_free));
}

PrivateKey PrivateKey::InToken(std::shared_ptr<evp_pkey_st> half, SignFunction sign) {
  PrivateKey key(KeyKind::kP256, std::move(half));
  key.sign_ = std::move(sign);
  return key;
}

Result<std::string> PrivateKey::Encrypt(std::string_view passphrase) const {
  if (sign_) return Error{Code::kTokenFailed, "the key cannot leave its token"};
  if (passphrase.size() < kMinPassphrase) {
    return Error{Code::kKeyEncrypted, "expected a passphrase of " + std::to_string(kMinPassphrase) +
                                          " characters at least"};
  }
  const InfoPtr info(EVP_PKEY2PKCS8(key_.get()));
  AlgorithmPtr algorithm(
      PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), nullptr, 0, nullptr, kScryptN, kScryptR, kScryptP));
  const BioPtr output(BIO_new(BIO_s_mem()));
  if (info == nullptr || algorithm == nullptr || output == nullptr) return Failed("encrypt a key");
  const EncryptedPtr encrypted(PKCS8_set0_pbe(
      passphrase.data(), static_cast<int>(passphrase.size()), info.get(), algorithm.get()));
  if (encrypted == nullptr) return Failed("encrypt a key");
  static_cast<void>(algorithm.release());  // set0: it belongs to the result
  if (PEM_write_bio_PKCS8(output.get(), encrypted.get()) != 1) return Failed("write a key");
  return TextOf(output.get());
}

Result<Bytes> PrivateKey::Sign(ByteView message) const {
  if (sign_) {
    Result<Bytes> signature = sign_(message);
    const std::optional<PublicKey> half = PublicKey::Read(Public());
    if (!signature || (half && half->Verifies(message, *signature))) return signature;
    return Error{Code::kTokenFailed, "the token's signature is not of the key that it shows"};
  }
  const DigestContextPtr context(EVP_MD_CTX_new());
  const EVP_MD* hash = kind_ == KeyKind::kEd25519 ? nullptr : EVP_sha256();
  std::size_t size = 0;
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) != 1) {
    return Failed("sign");
  }
  Bytes signature(size);
  if (EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    return Failed("sign");
  }
  signature.resize(size);
  return signature;
}

JsonValue PrivateKey::Public() const {
  std::string text;
  if (kind_ == KeyKind::kEd25519) {
    std::array<std::uint8_t, 32> raw{};
    std::size_t size = raw.size();
    COTTER_CHECK(EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size) == 1);
    text = EncodeHex(raw);
  } else {
    const BioPtr output(BIO_new(BIO_s_mem()));
    COTTER_CHECK(output != nullptr && PEM_write_bio_PUBKEY(output.get(), key_.get()) == 1);
    text = TextOf(output.get());
  }
  const bool edwards = kind_ == KeyKind::kEd25519;
  return {JsonObject{
      {"keytype", {std::string(edwards ? "ed25519" : "ecdsa")}},
      {"scheme", {std::string(edwards ? "ed25519" : "ecdsa-sha2-nistp256")}},
      {"keyval", {JsonObject{{"public", {text}}}}},
  }};
}

Bytes PrivateKey::Spki() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &der);
  const OpensslBytesPtr owner(der);
  COTTER_CHECK(size > 0);
  return {der, der + size};
}

Result<std::string> PrivateKey::Request(std::span<const std::string> names) const {
  if (names.empty() || names.size() > kMaxNames) {
    return Error{Code::kUsage, "expected one host name or more"};
  }
  const RequestPtr request(X509_REQ_new());
  const BioPtr output(BIO_new(BIO_s_mem()));
  if (request == nullptr || output == nullptr) return Failed("make a request");
  // The subject stays empty: CAs take names from the extension (CA/B Baseline Requirements 7.1.4).
  const bool made = X509_REQ_set_version(request.get(), 0) == 1 &&
                    X509_REQ_set_pubkey(request.get(), key_.get()) == 1 &&
                    AddNames(request.get(), names);
  if (!made) return Failed("make a request");
  if (Result<void> done = SignRequestOf(request.get()); !done) return done.error();
  if (PEM_write_bio_X509_REQ(output.get(), request.get()) != 1) return Failed("write a request");
  return TextOf(output.get());
}

// SignRequestOf signs what is to be signed of `request`; a token is handed the bytes.
Result<void> PrivateKey::SignRequestOf(X509_req_st* request) const {
  if (!sign_) {
    const EVP_MD* const hash = kind_ == KeyKind::kEd25519 ? nullptr : EVP_sha256();
    if (X509_REQ_sign(request, key_.get(), hash) > 0) return Ok();
    return Failed("sign a request");
  }
  const AlgorithmPtr algorithm(X509_ALGOR_new());
  if (algorithm == nullptr ||
      X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(NID_ecdsa_with_SHA256), V_ASN1_UNDEF, nullptr) !=
          1 ||
      X509_REQ_set1_signature_algo(request, algorithm.get()) != 1) {
    return Failed("name an algorithm");
  }
  unsigned char* der = nullptr;
  const int size = i2d_re_X509_REQ_tbs(request, &der);
  const OpensslBytesPtr owner(der);
  if (size <= 0) return Failed("write a request");
  Result<Bytes> signature = Sign(ByteView(der, static_cast<std::size_t>(size)));
  if (!signature) return signature.error();
  BitStringPtr bits(ASN1_BIT_STRING_new());
  if (bits == nullptr || ASN1_BIT_STRING_set(bits.get(), signature->data(),
                                             static_cast<int>(signature->size())) != 1) {
    return Failed("hold a signature");
  }
  // Whole bytes: without this the encoder would drop trailing zero bits.
  bits->flags = (bits->flags & ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07L)) | ASN1_STRING_FLAG_BITS_LEFT;
  X509_REQ_set0_signature(request, bits.release());
  return Ok();
}

}  // namespace cotter::update
