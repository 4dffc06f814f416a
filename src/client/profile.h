// SPDX-License-Identifier: Apache-2.0
//
// What the named profiles mean to OpenSSL and libcurl. Safe from any thread.
#pragma once

#include <cotter/client.h>
#include <cotter/result.h>

struct ssl_ctx_st;

namespace cotter::client {

// CheckProfile reports what keeps this process from `profile`. Fails with kFipsUnavailable: whether
// OpenSSL runs on its FIPS provider is the process's configuration, which no client may change.
[[nodiscard]] Result<void> CheckProfile(Profile profile);

// LowestVersion is the value of CURLOPT_SSLVERSION.
[[nodiscard]] long LowestVersion(Profile profile) noexcept;

// RestrictSuites leaves `context` the suites with forward secrecy and AEAD. It filters them as they
// are offered: to set a list on each connection's context would cost 2 % of a handshake.
void RestrictSuites(ssl_ctx_st* context) noexcept;

}  // namespace cotter::client
