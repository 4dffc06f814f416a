// SPDX-License-Identifier: Apache-2.0
#include "update/public_key.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/sha256.h"
#include "core/base64.h"
#include "update/openssl_ptr.h"

namespace cotter::update {
namespace {

// Smaller ones can be factored; larger ones take milliseconds for each signature.
constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;

// A PEM of an RSA key of 8192 bits has 1,500 bytes.
constexpr std::size_t kMaxKeyText = 4096;

constexpr std::size_t kEd25519KeySize = 32;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What is read of a key, and its SubjectPublicKeyInfo where that is known without OpenSSL's
// encoder, which takes as long as verifying a signature.
struct KeyRead {
  KeyPtr key;
  Bytes info{};
};

// The SubjectPublicKeyInfo of an Ed25519 key (RFC 8410, section 4) up to the key.
constexpr std::array<std::uint8_t, 12> kEd25519Head = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

Bytes Joined(ByteView head, ByteView rest) {
  Bytes all(head.begin(), head.end());
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

KeyRead ReadEd25519(const std::string& text) {
  const std::optional<Bytes> raw = DecodeHex(text);
  if (!raw || raw->size() != kEd25519KeySize) return {};
  KeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw->data(), raw->size()));
  return {std::move(key), Joined(kEd25519Head, *raw)};
}

KeyPtr ReadPem(const std::string& text) {
  const BioPtr input(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (input == nullptr) return nullptr;
  return KeyPtr(PEM_read_bio_PUBKEY(input.get(), nullptr, nullptr, nullptr));
}

// The SubjectPublicKeyInfo of a P-256 key (RFC 5480) up to its uncompressed point.
constexpr std::array<std::uint8_t, 26> kP256Head = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
constexpr std::size_t kP256PointSize = 65;

// P256PointOf is the point of the PEM of a P-256 key as every program writes it; empty for any
// other text.
Bytes P256PointOf(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----\n";
  constexpr std::string_view kEnd = "-----END PUBLIC KEY-----";
  const std::size_t end = text.find(kEnd);
  if (text.substr(0, kBegin.size()) != kBegin || end == std::string_view::npos) return {};
  std::string body;
  for (const char c : text.substr(kBegin.size(), end - kBegin.size())) {
    if (c != '\n') body += c;
  }
  std::array<std::uint8_t, kP256Head.size() + kP256PointSize> der{};
  const std::optional<std::size_t> size = DecodeBase64(body, der);
  if (!size || *size != der.size() ||
      !std::equal(kP256Head.begin(), kP256Head.end(), der.begin())) {
    return {};
  }
  return {der.begin() + kP256Head.size(), der.end()};
}

// OpenSSL's reader of PEM takes half a millisecond to find out what a key is.
KeyRead ReadP256(const std::string& text) {
  Bytes point = P256PointOf(text);
  if (point.empty()) return {ReadPem(text)};
  std::string group = "prime256v1";
  std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.data()) != 1) {
    return {};
  }
  return {KeyPtr(key), Joined(kP256Head, point)};
}

bool IsP256(EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

bool IsUsableRsa(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  return EVP_PKEY_is_a(key, "RSA") == 1 && bits >= kMinRsaBits && bits <= kMaxRsaBits;
}

std::optional<Digest> IdentityOf(const KeyRead& read) {
  if (!read.info.empty()) return base::Sha256(read.info);
  EVP_PKEY* const key = read.key.get();
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  const OpensslBytesPtr owner(der);
  if (size <= 0) return std::nullopt;
  return base::Sha256(ByteView(der, static_cast<std::size_t>(size)));
}

}  // namespace

PublicKey::PublicKey(Scheme scheme, std::shared_ptr<evp_pkey_st> key, Digest identity)
    : scheme_(scheme), key_(std::move(key)), identity_(identity) {}

std::optional<PublicKey> PublicKey::Read(const JsonValue& key) {
  const JsonObject* object = key.object();
  if (object == nullptr) return std::nullopt;
  const auto text_of = [](const JsonObject& from, std::string_view name) -> const std::string* {
    const JsonValue* value = from.Find(name);
    return value == nullptr ? nullptr : value->text();
  };
  const JsonValue* keyval = object->Find("keyval");
  const std::string* type = text_of(*object, "keytype");
  const std::string* scheme = text_of(*object, "scheme");
  if (type == nullptr || scheme == nullptr || keyval == nullptr || keyval->object() == nullptr) {
    return std::nullopt;
  }
  const std::string* text = text_of(*keyval->object(), "public");
  if (text == nullptr || text->size() > kMaxKeyText) return std::nullopt;

  Scheme found = Scheme::kEd25519;
  KeyRead read;
  if (*type == "ed25519" && *scheme == "ed25519") {
    read = ReadEd25519(*text);
  } else if ((*type == "ecdsa" || *type == "ecdsa-sha2-nistp256") &&
             *scheme == "ecdsa-sha2-nistp256") {
    found = Scheme::kEcdsaP256;
    read = ReadP256(*text);
    if (read.key != nullptr && !IsP256(read.key.get())) return std::nullopt;
  } else if (*type == "rsa" &&
             (*scheme == "rsassa-pss-sha256" || *scheme == "rsa-pkcs1v15-sha256")) {
    found = *scheme == "rsassa-pss-sha256" ? Scheme::kRsaPss : Scheme::kRsaPkcs1;
    read.key = ReadPem(*text);
    if (read.key != nullptr && !IsUsableRsa(read.key.get())) return std::nullopt;
  }
  ERR_clear_error();
  if (read.key == nullptr) return std::nullopt;
  const std::optional<Digest> identity = IdentityOf(read);
  if (!identity) return std::nullopt;
  return PublicKey(found, std::shared_ptr<evp_pkey_st>(read.key.release(), EVP_PKEY_free),
                   *identity);
}

bool PublicKey::Verifies(ByteView message, ByteView signature) const {
  const DigestContextPtr context(EVP_MD_CTX_new());
  if (context == nullptr) return false;
  EVP_PKEY_CTX* parameters = nullptr;
  const EVP_MD* hash = scheme_ == Scheme::kEd25519 ? nullptr : EVP_sha256();
  bool good = EVP_DigestVerifyInit(context.get(), &parameters, hash, nullptr, key_.get()) == 1;
  if (good && scheme_ == Scheme::kRsaPss) {
    // Signers differ in the length of the salt; the signature says it.
    good = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_AUTO) == 1;
  }
  good = good && EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                                  message.size()) == 1;
  ERR_clear_error();
  return good;
}

std::optional<Bytes> DecodeHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

std::string KeyId(const JsonValue& key) {
  return EncodeHex(base::Sha256(AsBytes(CanonicalJson(key))).bytes);
}

}  // namespace cotter::update
