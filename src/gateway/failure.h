// SPDX-License-Identifier: Apache-2.0
//
// What a client is told when it is not served. Pure functions, safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "gateway/upstream.h"

namespace cotter::gateway {

// FailureOf is `error`, of an upstream, for the client: 504 for what took too long, else 502. Its
// code is the error's, in upper case.
[[nodiscard]] Failure FailureOf(const Error& error);

// FailureResponse is a whole HTTP response: {"error":{"code":…,"message":…}} with the status of
// `failure`. `is_head` leaves the body out (RFC 9110, 9.3.2).
[[nodiscard]] std::string FailureResponse(const Failure& failure, bool close, bool is_head);

// ReasonPhrase is the phrase of a status that the gateway makes itself.
[[nodiscard]] std::string_view ReasonPhrase(int status) noexcept;

}  // namespace cotter::gateway
