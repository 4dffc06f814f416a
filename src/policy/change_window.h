// SPDX-License-Identifier: Apache-2.0
//
// Change windows: the times of the week, UTC, in which a pinned server may be changed. Pure, safe
// from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <cotter/policy.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::policy {

// ParseChangeWindow reads "Tue 06:00-08:00": the day and time of the beginning, and the end, which
// lies on the next day where it is not after the beginning ("Sat 22:00-02:00"). Fails with
// kTimeInvalid.
[[nodiscard]] Result<ChangeWindow> ParseChangeWindow(std::string_view text);

// FormatChangeWindow writes what ParseChangeWindow reads. Allocates.
[[nodiscard]] std::string FormatChangeWindow(const ChangeWindow& window);

// IsInWindow reports whether `time` lies in one of `windows`; true where there are none, since then
// nothing is closed.
[[nodiscard]] bool IsInWindow(std::span<const ChangeWindow> windows, Time time) noexcept;

}  // namespace cotter::policy
