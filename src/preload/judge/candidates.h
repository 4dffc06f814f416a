// SPDX-License-Identifier: Apache-2.0
//
// Whom a program means by a connection. A library like this one sees names and a socket, not a
// URL, so the answer is a set: every end point that the connection may be for. All of them must be
// satisfied. Safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "preload/interface.h"
#include <cotter/host.h>
#include <cotter/pin.h>

namespace cotter::preload {

// Candidates is the end points that a connection may be for.
struct Candidates {
  std::vector<Endpoint> endpoints;
  std::string undecidable;  // why they are unknown; empty where they are known
  std::string peer;         // "ADDRESS:PORT" of the socket, for people; may be empty
  bool named = false;       // the program itself named the server to its TLS library

  // Key is a digest of the set: a session of one set is not offered to another.
  [[nodiscard]] Digest Key() const;
};

// FindCandidates works them out.
//   1. `names` is what the program itself named: the server name it sends and the names or address
//      that it verifies. Each of them is a candidate.
//   2. Where it names none, every name that the program resolved to the address of `peer` is one;
//      where there is none either, that address. Without a socket that is so for every address
//      that the program connected to.
// The port is that of `peer`, if the address is one that the program resolved the name to. Without
// a socket (many programs keep theirs from the TLS library) it is each port that the program
// connected to at such an address. Where that leads nowhere, a proxy or a tunnel stands between:
// then every rule of the name is taken, whatever port it is for.
[[nodiscard]] Candidates FindCandidates(const std::vector<std::string>& names,
                                        const sockaddr* peer);

// FindCandidates for a connection of OpenSSL.
[[nodiscard]] Candidates FindCandidates(ssl_st* ssl);

}  // namespace cotter::preload
