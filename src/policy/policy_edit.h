// SPDX-License-Identifier: Apache-2.0
//
// Editing a policy file in place: text is spliced in where the parser saw the pins, so comments,
// order and spelling of everything else stay byte for byte. The result is parsed again and must be
// the model that was meant, or the edit fails. Pure: reads and writes no files. Safe from any
// thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <cotter/host.h>
#include <cotter/policy.h>
#include <cotter/result.h>

namespace cotter::policy {

// EditNote is what is written down with a change: into `history`, `updated` and `reason`. Nothing
// is where `reason` is empty.
struct EditNote {
  Time date;
  std::string reason{};
  std::string by{};
};

// AddPin adds `entry` behind the pins of the rule with `pattern`, or a new rule of that pattern at
// the end. Every function here returns the new text. They fail with
//   kPolicyInvalid   nothing to change: the pin is there already, or is not; a rule that is written
//                    in a way that cannot be edited in place (its pins as [[host.pins]] tables)
//   what ReadPolicy fails with on `text`, with positions in `file`
//   kInternal        the new text would not mean what was asked for
[[nodiscard]] Result<std::string> AddPin(std::string_view text, std::string_view file,
                                         const HostPattern& pattern, const PolicyPin& entry,
                                         const EditNote& note);

// RemovePin removes each pin of the rule with `digest`.
[[nodiscard]] Result<std::string> RemovePin(std::string_view text, std::string_view file,
                                            const HostPattern& pattern, const Digest& digest,
                                            const EditNote& note);

// ReplacePin puts `to` in the place of `from`, with the same place, kind, use and label.
[[nodiscard]] Result<std::string> ReplacePin(std::string_view text, std::string_view file,
                                             const HostPattern& pattern, const Digest& from,
                                             const Digest& to, const EditNote& note);

}  // namespace cotter::policy
