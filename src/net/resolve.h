// SPDX-License-Identifier: Apache-2.0
//
// Names to addresses, by the system's resolver, bounded by a deadline. Safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/address.h"
#include "net/deadline.h"
#include <cotter/result.h>

namespace cotter::net {

// A name with more addresses than this is refused, not cut: a cut list would look complete. Large
// services publish 8 to 20.
inline constexpr std::size_t kMaxAddresses = 64;

// ResolveLiteral is what Resolve gives for an address literal; nullopt for a name.
[[nodiscard]] std::optional<Result<std::vector<Address>>> ResolveLiteral(const std::string& name,
                                                                         std::uint16_t port,
                                                                         Family family);

// FamilyNumber is the address family of the socket API: AF_UNSPEC for kAny.
[[nodiscard]] int FamilyNumber(Family family);

// NoAddress is the error of a name without one: kDnsFailed.
[[nodiscard]] Error NoAddress(const std::string& name, const std::string& why);

// Resolve is every address of `name` that `family` allows, in the resolver's order, each once. An
// address literal is its own address, with its zone. The system's call cannot be cancelled, so it
// runs in a thread of its own, which is left behind where the deadline passes first. Fails with
// kDnsFailed (also for a literal of the other family), or kConnectTimeout.
[[nodiscard]] Result<std::vector<Address>> Resolve(const std::string& name, std::uint16_t port,
                                                   Family family, Deadline deadline);

}  // namespace cotter::net
