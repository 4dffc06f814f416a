// SPDX-License-Identifier: Apache-2.0
//
// The files of a repository's public folder, for its publisher. Safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "update/metadata.h"
#include <cotter/result.h>

namespace cotter::update {

// ReadEnvelopeOf reads `raw` as metadata of the role `role`, and keeps what roles have in
// common.
[[nodiscard]] Result<Envelope> ReadEnvelopeOf(const std::string& role, std::string_view raw);

// LoadPublished is the newest published file of `role`: what the timestamp leads to; for root and
// targets the highest version that is there. Nullopt for none.
[[nodiscard]] Result<std::optional<std::string>> LoadPublished(const std::string& folder,
                                                               const std::string& role);

}  // namespace cotter::update
