// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <memory>
#include <new>

#include <openssl/evp.h>

namespace cotter::base {
namespace {

struct FreeMd {
  void operator()(EVP_MD* md) const noexcept { EVP_MD_free(md); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

// HasherLess is bad_alloc to whoever can go on without memory, and says more to whoever cannot.
class HasherLess final : public std::bad_alloc {
 public:
  [[nodiscard]] const char* what() const noexcept override {
    return "OpenSSL cannot make a SHA-256: no memory, or a configuration of OpenSSL without it";
  }
};

void Need(bool done) {
  if (!done) throw HasherLess();
}

// Fetching the algorithm costs more than hashing an SPKI (290 ns against 100), so each thread does
// it once; where that throws, the next call tries again.
struct Hasher {
  Hasher() { Need(md && context); }

  std::unique_ptr<EVP_MD, FreeMd> md{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  std::unique_ptr<EVP_MD_CTX, FreeContext> context{EVP_MD_CTX_new()};
};

}  // namespace

Digest Sha256(ByteView bytes) {
  thread_local Hasher hasher;
  Digest digest;
  unsigned size = 0;
  Need(EVP_DigestInit_ex2(hasher.context.get(), hasher.md.get(), nullptr) == 1);
  Need(EVP_DigestUpdate(hasher.context.get(), bytes.data(), bytes.size()) == 1);
  Need(EVP_DigestFinal_ex(hasher.context.get(), digest.bytes.data(), &size) == 1);
  COTTER_CHECK(size == kSha256Size);
  return digest;
}

}  // namespace cotter::base
