// SPDX-License-Identifier: Apache-2.0
//
// Owning handles for the OpenSSL objects that the lab makes. Each frees its object exactly once.
#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace cotter::lab {

// FreeWith makes a deleter of an OpenSSL free function.
template <auto kFree>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const noexcept {
    kFree(object);
  }
};

// FreeStack frees a stack and drops its references to the certificates in it.
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_pop_free(stack, X509_free); }
};

using BioHandle = std::unique_ptr<BIO, FreeWith<&BIO_free_all>>;
using ExtensionHandle = std::unique_ptr<X509_EXTENSION, FreeWith<&X509_EXTENSION_free>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, FreeWith<&EVP_PKEY_free>>;
using RequestHandle = std::unique_ptr<X509_REQ, FreeWith<&X509_REQ_free>>;
using SslContextHandle = std::unique_ptr<SSL_CTX, FreeWith<&SSL_CTX_free>>;
using SslHandle = std::unique_ptr<SSL, FreeWith<&SSL_free>>;
using X509Handle = std::unique_ptr<X509, FreeWith<&X509_free>>;
using X509StackHandle = std::unique_ptr<STACK_OF(X509), FreeStack>;

}  // namespace cotter::lab
