// SPDX-License-Identifier: Apache-2.0
//
// Owners for OpenSSL's objects, so that each is freed exactly once. For the files of this room
// only. As thread-safe as the object they own.
#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

namespace cotter::tls {

// FreeWith makes a deleter of one of OpenSSL's free functions.
template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

struct FreeX509Stack {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_pop_free(stack, X509_free); }
};

// FreeStackOnly frees a stack whose certificates are borrowed.
struct FreeStackOnly {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
};

struct FreeOpensslBytes {
  void operator()(unsigned char* bytes) const noexcept { OPENSSL_free(bytes); }
};

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using X509StackPtr = std::unique_ptr<STACK_OF(X509), FreeX509Stack>;
using BorrowedX509StackPtr = std::unique_ptr<STACK_OF(X509), FreeStackOnly>;
using X509StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
using VerifyParamPtr = std::unique_ptr<X509_VERIFY_PARAM, FreeWith<X509_VERIFY_PARAM_free>>;
using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using OpensslBytesPtr = std::unique_ptr<unsigned char, FreeOpensslBytes>;

// AddReference is one more owner of `certificate`, which is not null.
inline X509Ptr AddReference(X509* certificate) noexcept {
  X509_up_ref(certificate);
  return X509Ptr(certificate);
}

}  // namespace cotter::tls
