// SPDX-License-Identifier: Apache-2.0
//
// Where libcurl's connections meet the policy: every TLS context that libcurl makes is attached to
// the enforcer before its handshake, and before a request leaves on a connection, new or kept, the
// verdict of that very connection is looked at again. Callbacks run on the driving thread, inside
// libcurl, and throw nothing.
#pragma once

#include <optional>

#include "client/transfer.h"
#include <cotter/policy_index.h>

struct ssl_st;

namespace cotter::client {

// libcurl calls OnSslContext for an HTTPS proxy and for the origin behind it, and does not say for
// which. The two legs are told apart by a TLS 1.0 workaround that is switched on for one and off
// for the other: it leaves its mark on the context, and means nothing from TLS 1.2 on.
inline constexpr long kOriginMark = 0;
inline constexpr long kProxyMark = CURLSSLOPT_ALLOW_BEAST;

// OnSslContext attaches the enforcer to a context (CURLOPT_SSL_CTX_FUNCTION).
CURLcode OnSslContext(CURL* handle, void* context, void* easy);

// OnReady is asked when a connection is up and the request has not left (CURLOPT_PREREQFUNCTION).
int OnReady(void* easy, char* peer_address, char* own_address, int peer_port, int own_port);

// CheckClear reports whether `url`, of scheme http, may be asked under `policy`: a host that any
// rule names, on whatever port, is not spoken to in clear. Fails with kCleartextRefused.
[[nodiscard]] Result<void> CheckClear(const PolicyIndex& policy, const Url& url);

// Rejudge holds the connection that `transfer` is on against `policy`, which has just come into
// force. The error is why the transfer must end.
[[nodiscard]] Result<void> Rejudge(Transfer& transfer, const PolicyIndex& policy);

}  // namespace cotter::client
