// SPDX-License-Identifier: Apache-2.0
//
// The judge's side of the hooks of OpenSSL; see Judge in preload/interface.h. Nothing throws.
#pragma once

#include "preload/interface.h"

namespace cotter::preload {

// Whose verification `own` is.
enum class Verifier { kOpenssl, kProgram };

int VerifyOpenssl(x509_store_ctx_st* context, ProgramVerify own, void* argument,
                  Verifier verifier) noexcept;
bool RememberVerify(ssl_ctx_st* context, ProgramVerify own, void* argument) noexcept;
int VerifyRemembered(x509_store_ctx_st* context, void* argument) noexcept;
void NoteDirectory(x509_store_st* store) noexcept;
bool MayOffer(ssl_session_st* session) noexcept;
bool IsOpen(const ssl_st* ssl) noexcept;
void Begin(ssl_st* ssl) noexcept;
bool Confirm(ssl_st* ssl) noexcept;

}  // namespace cotter::preload
