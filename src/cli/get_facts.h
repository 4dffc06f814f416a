// SPDX-License-Identifier: Apache-2.0
//
// What `cotter get --json` prints: the facts of the connection, allowed or refused. Safe from any
// thread.
#pragma once

#include <optional>
#include <string>

#include <boost/json/value.hpp>

#include <cotter/client.h>

namespace cotter::cli {

// ResponseFacts is a response without its body. Set-Cookie headers are left out.
[[nodiscard]] boost::json::value ResponseFacts(const client::Response& response);

// FailureFacts is why there is none; `refusal` is the connection that pins refused, where one did.
[[nodiscard]] boost::json::value FailureFacts(const std::string& url, const Error& error,
                                              const std::optional<client::BadPin>& refusal);

}  // namespace cotter::cli
