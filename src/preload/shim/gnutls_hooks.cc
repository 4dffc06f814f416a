// SPDX-License-Identifier: Apache-2.0
//
// The hooks of GnuTLS: where sessions begin and end, what the program names them, and the
// handshake, which never happens by itself there. No header of GnuTLS is included: types are opaque
// here.
#include <array>
#include <cstddef>
#include <cstring>

#include <sys/types.h>

#include "preload/shim/export.h"
#include "preload/shim/real.h"
#include "preload/shim/state.h"

namespace cotter::preload {
namespace {

constexpr unsigned kClientFlag = 1U << 1;  // GNUTLS_CLIENT
constexpr unsigned kDnsHostName = 1;       // GNUTLS_DT_DNS_HOSTNAME
constexpr int kVerificationError = -348;   // GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR

constexpr int kMemoryError = -25;         // GNUTLS_E_MEMORY_ERROR
constexpr int kRecordLimitReached = -39;  // GNUTLS_E_RECORD_LIMIT_REACHED

// TypedData is gnutls_typed_vdata_st.
struct TypedData {
  unsigned type;
  unsigned char* data;
  unsigned size;
};

using Init = int(void**, unsigned);
using Deinit = void(void*);
using SetServerName = int(void*, int, const void*, std::size_t);
using SetVerifyCert = void(void*, const char*, unsigned);
using SetVerifyCert2 = void(void*, TypedData*, unsigned, unsigned);
using SendEarlyData = ssize_t(void*, const void*, std::size_t);
using SetHook = void(void*, unsigned, int, HandshakeHook);
using Handshake = int(void*);

constinit Real<Init> init("gnutls_init");
constinit Real<Deinit> deinit("gnutls_deinit");
constinit Real<SetServerName> set_server_name("gnutls_server_name_set");
constinit Real<SetVerifyCert> set_verify_cert("gnutls_session_set_verify_cert");
constinit Real<SetVerifyCert2> set_verify_cert2("gnutls_session_set_verify_cert2");
constinit Real<SendEarlyData> send_early("gnutls_record_send_early_data");
constinit Real<SetHook> set_hook("gnutls_handshake_set_hook_function");
constinit Real<Handshake> handshake("gnutls_handshake");

template <typename Pointer>
void Find(Pointer& pointer, const char* name, const void* caller, bool& complete) noexcept {
  pointer = reinterpret_cast<Pointer>(FindReal(name, caller));
  complete = complete && pointer != nullptr;
}

// FunctionsFor is GnuTLS's functions, found once; null where one of them is missing.
const Gnutls* FunctionsFor(const void* caller) noexcept {
  static constinit std::atomic<bool> found{false};
  static constinit Gnutls functions{};
  if (found.load(std::memory_order_acquire)) return &functions;
  // Threads that come here together write the same.
  Gnutls all{};
  bool complete = true;
  Find(all.set_hook, "gnutls_handshake_set_hook_function", caller, complete);
  Find(all.get_peers, "gnutls_certificate_get_peers", caller, complete);
  Find(all.get_credentials, "gnutls_credentials_get", caller, complete);
  Find(all.get_trust_list, "gnutls_certificate_get_trust_list", caller, complete);
  Find(all.next_anchor, "gnutls_x509_trust_list_iter_get_ca", caller, complete);
  Find(all.end_anchors, "gnutls_x509_trust_list_iter_deinit", caller, complete);
  Find(all.get_issuer, "gnutls_x509_trust_list_get_issuer", caller, complete);
  Find(all.new_certificate, "gnutls_x509_crt_init", caller, complete);
  Find(all.read_certificate, "gnutls_x509_crt_import", caller, complete);
  Find(all.write_certificate, "gnutls_x509_crt_export2", caller, complete);
  Find(all.free_certificate, "gnutls_x509_crt_deinit", caller, complete);
  Find(all.free_data, "gnutls_free", caller, complete);
  Find(all.get_socket, "gnutls_transport_get_int2", caller, complete);
  if (!complete) return nullptr;
  functions = all;
  found.store(true, std::memory_order_release);
  return &functions;
}

void Name(void* session, const void* name, std::size_t size) noexcept {
  const Judge* const judge = LoadedJudge();
  if (judge == nullptr || name == nullptr) return;
  const Inside inside;
  judge->gnutls_name(session, static_cast<const char*>(name), size);
}

}  // namespace

COTTER_HOOK int gnutls_init(void** session, unsigned flags) {
  const int result = init.For(COTTER_CALLER)(session, flags);
  if (result != 0 || (flags & kClientFlag) == 0 || Inside::Now()) return result;
  if (const Judge* const judge = LoadJudge()) {
    const Inside inside;
    if (judge->gnutls_begin(*session)) return result;
    deinit.For(COTTER_CALLER)(*session);
    *session = nullptr;
    return kMemoryError;
  }
  return result;
}

COTTER_HOOK void gnutls_deinit(void* session) {
  if (const Judge* const judge = LoadedJudge()) {
    const Inside inside;
    judge->gnutls_end(session);
  }
  deinit.For(COTTER_CALLER)(session);
}

COTTER_HOOK int gnutls_server_name_set(void* session, int type, const void* name,
                                       std::size_t size) {
  Name(session, name, size);
  return set_server_name.For(COTTER_CALLER)(session, type, name, size);
}

COTTER_HOOK void gnutls_session_set_verify_cert(void* session, const char* name, unsigned flags) {
  Name(session, name, name == nullptr ? 0 : std::strlen(name));
  set_verify_cert.For(COTTER_CALLER)(session, name, flags);
}

COTTER_HOOK void gnutls_session_set_verify_cert2(void* session, TypedData* data, unsigned count,
                                                 unsigned flags) {
  for (unsigned i = 0; data != nullptr && i < count; ++i) {
    if (data[i].type == kDnsHostName && data[i].data != nullptr) {
      const auto* const name = reinterpret_cast<const char*>(data[i].data);
      Name(session, name, std::strlen(name));
    }
  }
  set_verify_cert2.For(COTTER_CALLER)(session, data, count, flags);
}

// Early data leaves with the ClientHello, before the server has proven anything. The answer is that
// of a session which takes none, upon which a program sends it after the handshake.
COTTER_HOOK ssize_t gnutls_record_send_early_data(void* session, const void* data,
                                                  std::size_t size) {
  if (!Inside::Now()) return kRecordLimitReached;
  return send_early.For(COTTER_CALLER)(session, data, size);
}

COTTER_HOOK void gnutls_handshake_set_hook_function(void* session, unsigned type, int when,
                                                    HandshakeHook hook) {
  const Judge* const judge = Inside::Now() ? nullptr : LoadedJudge();
  if (judge != nullptr) {
    const Inside inside;
    if (judge->gnutls_hook(session, type, when, hook)) return;
  }
  set_hook.For(COTTER_CALLER)(session, type, when, hook);
}

COTTER_HOOK int gnutls_handshake(void* session) {
  Handshake* const real = handshake.For(COTTER_CALLER);
  if (Inside::Now()) return real(session);
  const Judge* const judge = LoadJudge();
  const Gnutls* const functions = FunctionsFor(COTTER_CALLER);
  if (judge == nullptr || functions == nullptr) return kVerificationError;
  return judge->gnutls_handshake(session, functions, real);
}

}  // namespace cotter::preload
