// SPDX-License-Identifier: Apache-2.0
//
// Where an outbox sends to. Pure, safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include <cotter/result.h>

namespace cotter::report {

// HttpsHost is the canonical host of `url`. Fails with kUsage where that is no https URL of a host;
// the text does not repeat the URL, which may be a secret.
[[nodiscard]] Result<std::string> HttpsHost(std::string_view url);

}  // namespace cotter::report
