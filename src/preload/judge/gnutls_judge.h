// SPDX-License-Identifier: Apache-2.0
//
// The judge's side of the hooks of GnuTLS; see Judge in preload/interface.h. The verdict falls on a
// message of the handshake: after the server has proven its key and before anything of the client's
// is sent. GnuTLS keeps what the server presented, so a resumed session is judged anew. Nothing
// throws.
#pragma once

#include <cstddef>

#include "preload/interface.h"

namespace cotter::preload {

bool BeginGnutls(void* session) noexcept;
void EndGnutls(void* session) noexcept;
void NameGnutls(void* session, const char* name, std::size_t size) noexcept;
bool HookGnutls(void* session, unsigned type, int when, HandshakeHook hook) noexcept;
int HandshakeGnutls(void* session, const Gnutls* functions, int (*real)(void* session)) noexcept;

}  // namespace cotter::preload
