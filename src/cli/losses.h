// SPDX-License-Identifier: Apache-2.0
//
// What import and export share: telling losses, refusing them, and delivering the text. Used by one
// thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "cli/exit.h"
#include "cli/option.h"
#include "formats/exchange.h"

namespace cotter::cli {

// LossText is a loss as one line: "enforcement: api.example.com: what".
[[nodiscard]] std::string LossText(const formats::Loss& loss);

// ReportLosses tells each on standard error.
void ReportLosses(std::span<const formats::Loss> losses);

// RefuseLosses is kViolated, told, where --strict was given and enforcement is lost.
[[nodiscard]] Exit RefuseLosses(Call call, std::span<const formats::Loss> losses);

// Deliver writes `text` to --output or standard output; with --json, it and the losses as JSON,
// with `extra` beside them.
[[nodiscard]] Exit Deliver(Call call, std::string_view format, std::string_view text,
                           std::span<const formats::Loss> losses, const boost::json::object& extra);

// FormatUse is what a command does with a format: not all can be written.
enum class FormatUse { kRead, kWrite };

// UnknownFormat tells that `name` is no format for that use, and which one is near.
[[nodiscard]] Exit UnknownFormat(std::string_view command, std::string_view name, FormatUse use);

}  // namespace cotter::cli
