// SPDX-License-Identifier: Apache-2.0
//
// The names that the program resolved, by address, and the ports that it connected to: for programs
// that name no server in TLS, or hide the socket from it. Two tables of fixed size; when one is
// full the oldest entry goes, and that something went is remembered. Safe from any thread; nothing
// is allocated.
#pragma once

#include <cstddef>
#include <string_view>

#include "preload/interface.h"

struct addrinfo;
struct hostent;

namespace cotter::preload {

// NoteName remembers that `name` has the addresses of `answer`. Names that are addresses
// themselves are not noted.
void NoteName(std::string_view name, const addrinfo& answer) noexcept;
void NoteName(std::string_view name, const hostent& answer) noexcept;

// VisitNamesOf calls `visitor` for each name of `address`. False where an entry was forgotten. What
// the visitor throws passes through, and leaves nothing locked.
[[nodiscard]] bool VisitNamesOf(const sockaddr& address, NameVisitor visitor, void* data);

// NoteConnection remembers an address and port that the program connects `socket` to.
void NoteConnection(int socket, const sockaddr& address, std::size_t size) noexcept;

// VisitConnections calls `visitor` for each of them. False where one was forgotten. The same of
// what it throws.
[[nodiscard]] bool VisitConnections(AddressVisitor visitor, void* data);

// LockNames and UnlockNames stand around fork.
void LockNames() noexcept;
void UnlockNames() noexcept;

}  // namespace cotter::preload
