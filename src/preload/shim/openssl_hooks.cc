// SPDX-License-Identifier: Apache-2.0
//
// The hooks of OpenSSL. The one that decides is X509_verify_cert: libssl calls it through its own
// procedure linkage table, in the handshake, whatever function of libssl the program called and
// however it found that. The others see to it that no connection goes around it: sessions that were
// judged elsewhere, early data, and handshakes that reach no certificate.
//
// No header of OpenSSL is included: types are opaque here, and the judge knows the rest.
#include <array>
#include <atomic>
#include <cstddef>

#include "preload/shim/export.h"
#include "preload/shim/real.h"
#include "preload/shim/state.h"

struct x509_lookup_st;
struct x509_lookup_method_st;
struct ssl_method_st;
struct ossl_lib_ctx_st;

namespace cotter::preload {
namespace {

using VerifyCert = int(x509_store_ctx_st*);
using VerifyCallback = int (*)(int, x509_store_ctx_st*);
using NewContext = ssl_ctx_st*(const ssl_method_st*);
using NewContextEx = ssl_ctx_st*(ossl_lib_ctx_st*, const char*, const ssl_method_st*);
using SetCertVerify = void(ssl_ctx_st*, ProgramVerify, void*);
using AddLookup = x509_lookup_st*(x509_store_st*, x509_lookup_method_st*);
using DirectoryMethod = x509_lookup_method_st*();
using BioMethod = const bio_method_st*();
using SetSession = int(ssl_st*, ssl_session_st*);
using Handshake = int(ssl_st*);
using Read = int(ssl_st*, void*, int);
using ReadEx = int(ssl_st*, void*, std::size_t, std::size_t*);
using Write = int(ssl_st*, const void*, int);
using WriteEx = int(ssl_st*, const void*, std::size_t, std::size_t*);

constinit Real<VerifyCert> verify_cert("X509_verify_cert");
constinit Real<NewContext> new_context("SSL_CTX_new");
constinit Real<NewContextEx> new_context_ex("SSL_CTX_new_ex");
constinit Real<SetCertVerify> set_cert_verify("SSL_CTX_set_cert_verify_callback");
constinit Real<AddLookup> add_lookup("X509_STORE_add_lookup");
constinit Real<DirectoryMethod> directory_method("X509_LOOKUP_hash_dir");
constinit Real<DirectoryMethod> store_method("X509_LOOKUP_store");
constinit Real<BioMethod> bio_of_ssl("BIO_f_ssl");
constinit Real<SetSession> set_session("SSL_set_session");
constinit Real<Handshake> do_handshake("SSL_do_handshake");
constinit Real<Handshake> connect_ssl("SSL_connect");
constinit Real<Handshake> in_init("SSL_in_init");
constinit Real<Read> read_ssl("SSL_read");
constinit Real<ReadEx> read_ssl_ex("SSL_read_ex");
constinit Real<Read> peek_ssl("SSL_peek");
constinit Real<ReadEx> peek_ssl_ex("SSL_peek_ex");
constinit Real<Write> write_ssl("SSL_write");
constinit Real<WriteEx> write_ssl_ex("SSL_write_ex");
constinit Real<WriteEx> write_early("SSL_write_early_data");

// RefuseForeign makes a verification of an OpenSSL that the judge is not linked with fail, also
// where the program set no verification. The functions are the same in every OpenSSL since 1.1.0.
int RefuseForeign(x509_store_ctx_st* context, const void* caller) noexcept {
  const auto index =
      reinterpret_cast<int (*)()>(FindReal("SSL_get_ex_data_X509_STORE_CTX_idx", caller));
  const auto data = reinterpret_cast<void* (*)(const x509_store_ctx_st*, int)>(
      FindReal("X509_STORE_CTX_get_ex_data", caller));
  const auto set_verify =
      reinterpret_cast<void (*)(ssl_st*, int, VerifyCallback)>(FindReal("SSL_set_verify", caller));
  if (index != nullptr && data != nullptr && set_verify != nullptr) {
    constexpr int kVerifyPeer = 1;
    if (void* const ssl = data(context, index())) {
      set_verify(static_cast<ssl_st*>(ssl), kVerifyPeer, nullptr);
    }
  }
  const char* const why = "this OpenSSL is not the one that cotter verifies with";
  if (const Judge* const loaded = LoadedJudge()) {
    const Inside inside;
    loaded->refuse(why);
  } else {
    Say("cotter: error: exec: TLS is refused: the judge could not be loaded");
  }
  return 0;
}

// IsOfJudge reports that `real` is a function of the libssl that the judge is linked with. The
// few functions that are asked about are remembered.
bool IsOfJudge(const void* real) noexcept {
  static constinit std::array<std::atomic<const void*>, 16> known{};
  for (const std::atomic<const void*>& function : known) {
    if (function.load(std::memory_order_relaxed) == real) return true;
  }
  const link_map* const ours = ObjectOf(LinksOfJudge().ssl_read);
  if (ours == nullptr || ours != ObjectOf(real)) return false;
  for (std::atomic<const void*>& function : known) {
    const void* none = nullptr;
    if (function.compare_exchange_strong(none, real)) break;
  }
  return true;
}

// Gate stands around the functions that move data, or that may end a handshake.
class Gate {
 public:
  // `real` is the function behind the hook: connections of a foreign OpenSSL have no gate, because
  // the verification refuses them.
  Gate(ssl_st* ssl, const void* real, const void* caller) noexcept : ssl_(ssl), caller_(caller) {
    if (ssl == nullptr || Inside::Now()) return;
    judge_ = LoadJudge();
    if (judge_ != nullptr && !IsOfJudge(real)) judge_ = nullptr;
  }

  // Handshake runs a function that does a handshake, or a part of it.
  template <typename Function>
  [[nodiscard]] int Handshake(Function* real) noexcept {
    if (judge_ == nullptr) return real(ssl_);
    {
      const Inside inside;
      judge_->begin(ssl_);
    }
    const int result = real(ssl_);
    return result == 1 && !Confirm() ? -1 : result;
  }

  // Open finishes a handshake that is under way, so that it is judged before data passes. False
  // where the function must fail.
  [[nodiscard]] bool Open() noexcept {
    if (judge_ == nullptr || judge_->is_open(ssl_)) return true;
    if (in_init.For(caller_)(ssl_) != 0) return Handshake(do_handshake.For(caller_)) == 1;
    return Confirm();
  }

 private:
  [[nodiscard]] bool Confirm() noexcept {
    const Inside inside;
    return judge_->confirm(ssl_);
  }

  ssl_st* ssl_;
  const void* caller_;
  const Judge* judge_ = nullptr;
};

}  // namespace

COTTER_HOOK int X509_verify_cert(x509_store_ctx_st* context) {
  VerifyCert* const real = verify_cert.For(COTTER_CALLER);
  if (Inside::Now()) return real == nullptr ? 0 : real(context);
  const Judge* const judge = LoadJudge();
  if (real == nullptr || judge == nullptr ||
      reinterpret_cast<const void*>(real) != LinksOfJudge().verify_cert) {
    return RefuseForeign(context, COTTER_CALLER);
  }
  const auto own = [](x509_store_ctx_st* its_context, void* function) {
    return reinterpret_cast<VerifyCert*>(function)(its_context);
  };
  // Not Inside: the program's callbacks and the functions of its trust store are called from here,
  // by the judge's own verification too, and may make connections. What the judge itself verifies
  // belongs to no connection, and passes through here again.
  return judge->verify(context, own, reinterpret_cast<void*>(real));
}

// A program loads the judge with its first context: later it may have changed its root directory or
// its user.
COTTER_HOOK ssl_ctx_st* SSL_CTX_new(const ssl_method_st* method) {
  if (!Inside::Now()) (void)LoadJudge();
  return new_context.For(COTTER_CALLER)(method);
}

COTTER_HOOK ssl_ctx_st* SSL_CTX_new_ex(ossl_lib_ctx_st* library, const char* properties,
                                       const ssl_method_st* method) {
  if (!Inside::Now()) (void)LoadJudge();
  return new_context_ex.For(COTTER_CALLER)(library, properties, method);
}

// A callback in the place of X509_verify_cert need not call that.
COTTER_HOOK void SSL_CTX_set_cert_verify_callback(ssl_ctx_st* context, ProgramVerify own,
                                                  void* argument) {
  SetCertVerify* const real = set_cert_verify.For(COTTER_CALLER);
  if (Inside::Now() || own == nullptr) return real(context, own, argument);
  const Judge* const judge = LoadJudge();
  const Inside inside;
  if (judge == nullptr || !judge->remember_verify(context, own, argument)) {
    return real(
        context, [](x509_store_ctx_st*, void*) { return 0; }, nullptr);
  }
  real(context, judge->verify_remembered, nullptr);
}

COTTER_HOOK x509_lookup_st* X509_STORE_add_lookup(x509_store_st* store,
                                                  x509_lookup_method_st* method) {
  x509_lookup_st* const lookup = add_lookup.For(COTTER_CALLER)(store, method);
  if (lookup == nullptr || Inside::Now()) return lookup;
  if (method != directory_method.For(COTTER_CALLER)() &&
      method != store_method.For(COTTER_CALLER)()) {
    return lookup;
  }
  if (const Judge* const judge = LoadJudge()) {
    const Inside inside;
    judge->note_directory(store);
  }
  return lookup;
}

COTTER_HOOK const bio_method_st* BIO_f_ssl() {
  BioMethod* const real = bio_of_ssl.For(COTTER_CALLER);
  const bio_method_st* const method = real();
  if (Inside::Now()) return method;
  const Judge* const judge = LoadJudge();
  // The certificates of a foreign OpenSSL are refused.
  if (judge == nullptr || !IsOfJudge(reinterpret_cast<const void*>(real))) return method;
  const Inside inside;
  return judge->gate_bio(method);
}

// A session that was not judged in this process is not offered: the handshake is a full one.
COTTER_HOOK int SSL_set_session(ssl_st* ssl, ssl_session_st* session) {
  SetSession* const real = set_session.For(COTTER_CALLER);
  if (Inside::Now() || session == nullptr) return real(ssl, session);
  const Judge* const judge = LoadJudge();
  if (judge == nullptr) return real(ssl, nullptr);
  bool may_offer = false;
  {
    const Inside inside;
    may_offer = judge->may_offer(session);
  }
  return may_offer ? real(ssl, session) : 1;
}

COTTER_HOOK int SSL_connect(ssl_st* ssl) {
  Handshake* const real = connect_ssl.For(COTTER_CALLER);
  return Gate(ssl, reinterpret_cast<const void*>(real), COTTER_CALLER).Handshake(real);
}

COTTER_HOOK int SSL_do_handshake(ssl_st* ssl) {
  Handshake* const real = do_handshake.For(COTTER_CALLER);
  return Gate(ssl, reinterpret_cast<const void*>(real), COTTER_CALLER).Handshake(real);
}

COTTER_HOOK int SSL_read(ssl_st* ssl, void* buffer, int size) {
  Read* const real = read_ssl.For(COTTER_CALLER);
  if (!Gate(ssl, reinterpret_cast<const void*>(real), COTTER_CALLER).Open()) return -1;
  return real(ssl, buffer, size);
}

COTTER_HOOK int SSL_read_ex(ssl_st* ssl, void* buffer, std::size_t size, std::size_t* done) {
  ReadEx* const real = read_ssl_ex.For(COTTER_CALLER);
  if (!Gate(ssl, reinterpret_cast<const void*>(real), COTTER_CALLER).Open()) return 0;
  return real(ssl, buffer, size, done);
}

COTTER_HOOK int SSL_peek(ssl_st* ssl, void* buffer, int size) {
  Read* const real = peek_ssl.For(COTTER_CALLER);
  if (!Gate(ssl, reinterpret_cast<const void*>(real), COTTER_CALLER).Open()) return -1;
  return real(ssl, buffer, size);
}

COTTER_HOOK int SSL_peek_ex(ssl_st* ssl, void* buffer, std::size_t size, std::size_t* done) {
  ReadEx* const real = peek_ssl_ex.For(COTTER_CALLER);
  if (!Gate(ssl, reinterpret_cast<const void*>(real), COTTER_CALLER).Open()) return 0;
  return real(ssl, buffer, size, done);
}

COTTER_HOOK int SSL_write(ssl_st* ssl, const void* data, int size) {
  Write* const real = write_ssl.For(COTTER_CALLER);
  if (!Gate(ssl, reinterpret_cast<const void*>(real), COTTER_CALLER).Open()) return -1;
  return real(ssl, data, size);
}

COTTER_HOOK int SSL_write_ex(ssl_st* ssl, const void* data, std::size_t size, std::size_t* done) {
  WriteEx* const real = write_ssl_ex.For(COTTER_CALLER);
  if (!Gate(ssl, reinterpret_cast<const void*>(real), COTTER_CALLER).Open()) return 0;
  return real(ssl, data, size, done);
}

// Early data leaves before the server has proven anything, so a client sends it as the first
// ordinary data, after the verdict.
COTTER_HOOK int SSL_write_early_data(ssl_st* ssl, const void* data, std::size_t size,
                                     std::size_t* done) {
  WriteEx* const early = write_early.For(COTTER_CALLER);
  if (Inside::Now()) return early(ssl, data, size, done);
  WriteEx* const real = write_ssl_ex.For(COTTER_CALLER);
  if (!Gate(ssl, reinterpret_cast<const void*>(real), COTTER_CALLER).Open()) return 0;
  return real(ssl, data, size, done);
}

}  // namespace cotter::preload
