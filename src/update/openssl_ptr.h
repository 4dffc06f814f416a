// SPDX-License-Identifier: Apache-2.0
//
// Owners for the objects of libcrypto that this room uses. As thread-safe as what they own.
#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace cotter::update {

// FreeWith makes a deleter of one of OpenSSL's free functions.
template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

struct FreeOpensslBytes {
  void operator()(unsigned char* bytes) const noexcept { OPENSSL_free(bytes); }
};

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using OpensslBytesPtr = std::unique_ptr<unsigned char, FreeOpensslBytes>;

}  // namespace cotter::update
