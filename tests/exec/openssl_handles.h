// SPDX-License-Identifier: Apache-2.0
//
// Owning handles for the programs of this folder. These are victims, so they share nothing with
// what cotter is made of.
#pragma once

#include <memory>

#include <openssl/ssl.h>

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using Context = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using Session = std::unique_ptr<SSL_SESSION, FreeWith<SSL_SESSION_free>>;
