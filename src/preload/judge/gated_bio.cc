// SPDX-License-Identifier: Apache-2.0
#include "preload/judge/gated_bio.h"

#include <openssl/ssl.h>

#include "preload/judge/openssl_judge.h"

namespace cotter::preload {
namespace {

using Write = int(BIO*, const char*, std::size_t, std::size_t*);
using Read = int(BIO*, char*, std::size_t, std::size_t*);

// What is behind the gate, and the method itself. Written under the initialisation of a static, and
// before any BIO has the method; the method lives as long as the process.
Write* real_write = nullptr;
Read* real_read = nullptr;

// NoteRetry says of a BIO what its caller should wait for, as libssl does.
void NoteRetry(BIO* bio, int error) noexcept {
  if (error == SSL_ERROR_WANT_READ) BIO_set_retry_read(bio);
  if (error == SSL_ERROR_WANT_WRITE) BIO_set_retry_write(bio);
  if (error == SSL_ERROR_WANT_X509_LOOKUP || error == SSL_ERROR_WANT_CONNECT) {
    BIO_set_retry_special(bio);
    BIO_set_retry_reason(bio,
                         error == SSL_ERROR_WANT_CONNECT ? BIO_RR_CONNECT : BIO_RR_SSL_X509_LOOKUP);
  }
}

// Open finishes a handshake that is under way; at most 0 where no data may pass, or not yet.
int Open(BIO* bio) noexcept {
  SSL* ssl = nullptr;
  BIO_get_ssl(bio, &ssl);
  if (ssl == nullptr || IsOpen(ssl)) return 1;
  if (SSL_in_init(ssl) == 0) return Confirm(ssl) ? 1 : -1;
  BIO_clear_retry_flags(bio);
  // That of the thin half, which begins and confirms.
  const int result = SSL_do_handshake(ssl);
  if (result <= 0) NoteRetry(bio, SSL_get_error(ssl, result));
  return result;
}

int WriteGated(BIO* bio, const char* data, std::size_t size, std::size_t* done) noexcept {
  const int open = Open(bio);
  return open == 1 ? real_write(bio, data, size, done) : open;
}

int ReadGated(BIO* bio, char* data, std::size_t size, std::size_t* done) noexcept {
  const int open = Open(bio);
  return open == 1 ? real_read(bio, data, size, done) : open;
}

// Make is the method; what it has beside reading and writing is the real one's.
BIO_METHOD* Make(const BIO_METHOD* real) noexcept {
  BIO_METHOD* const made = BIO_meth_new(BIO_TYPE_SSL, "ssl");
  const bool set = made != nullptr && BIO_meth_set_write_ex(made, WriteGated) == 1 &&
                   BIO_meth_set_read_ex(made, ReadGated) == 1 &&
                   BIO_meth_set_puts(made, BIO_meth_get_puts(real)) == 1 &&
                   BIO_meth_set_gets(made, BIO_meth_get_gets(real)) == 1 &&
                   BIO_meth_set_ctrl(made, BIO_meth_get_ctrl(real)) == 1 &&
                   BIO_meth_set_create(made, BIO_meth_get_create(real)) == 1 &&
                   BIO_meth_set_destroy(made, BIO_meth_get_destroy(real)) == 1 &&
                   BIO_meth_set_callback_ctrl(made, BIO_meth_get_callback_ctrl(real)) == 1;
  if (set) return made;
  BIO_meth_free(made);
  return nullptr;
}

}  // namespace

const BIO_METHOD* GateBio(const BIO_METHOD* real) noexcept {
  static BIO_METHOD* const gated = [real] {
    real_write = BIO_meth_get_write_ex(real);
    real_read = BIO_meth_get_read_ex(real);
    return Make(real);
  }();
  // Without memory: what is written goes nowhere.
  return gated == nullptr ? BIO_s_null() : gated;
}

}  // namespace cotter::preload
