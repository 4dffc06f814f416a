// SPDX-License-Identifier: Apache-2.0
//
// A key is what it is, not what it is called: its identity is the hash of what OpenSSL writes.
#include "update/public_key.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/sha256.h"

namespace cotter::update {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Digest SpkiDigestOf(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  COTTER_CHECK(size > 0);
  const Digest digest = base::Sha256(ByteView(der, static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return digest;
}

std::optional<PublicKey> Read(const std::string& type, const std::string& scheme,
                              const std::string& text) {
  JsonObject keyval;
  keyval.Set("public", {text});
  JsonObject object;
  object.Set("keytype", {type});
  object.Set("scheme", {scheme});
  object.Set("keyval", {std::move(keyval)});
  return PublicKey::Read({std::move(object)});
}

TEST(PublicKey, IdentityOfAnEd25519KeyIsTheHashOfWhatOpensslWrites) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  std::array<std::uint8_t, 32> raw{};
  std::size_t size = raw.size();
  ASSERT_EQ(EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size), 1);
  const auto read = Read("ed25519", "ed25519", EncodeHex(raw));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->identity(), SpkiDigestOf(key.get()));
  EXPECT_FALSE(Read("ed25519", "ed25519", EncodeHex(raw).substr(2)));
  EXPECT_FALSE(Read("ed25519", "ecdsa-sha2-nistp256", EncodeHex(raw)));
}

TEST(PublicKey, IdentityOfAP256KeyIsTheHashOfWhatOpensslWrites) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> out(BIO_new(BIO_s_mem()), BIO_free_all);
  ASSERT_EQ(PEM_write_bio_PUBKEY(out.get(), key.get()), 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  const std::string pem(text, static_cast<std::size_t>(size));
  // Both as every program writes it, and with a line end that OpenSSL's reader has to understand.
  for (const std::string& form : {pem, "a comment\n" + pem}) {
    const auto read = Read("ecdsa", "ecdsa-sha2-nistp256", form);
    ASSERT_TRUE(read) << form;
    EXPECT_EQ(read->identity(), SpkiDigestOf(key.get()));
  }
}

}  // namespace
}  // namespace cotter::update
