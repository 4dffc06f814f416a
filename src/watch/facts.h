// SPDX-License-Identifier: Apache-2.0
//
// What a vantage point reports of a server: the facts of one look at all of its addresses, small
// enough to be kept and sent. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/code.h>
#include <cotter/evaluate.h>
#include <cotter/pin.h>
#include <cotter/time.h>

namespace cotter::watch {

// SeenChainFacts is one distinct chain that was presented, and what came of it.
struct SeenChainFacts {
  Digest leaf{};                  // the leaf's SPKI
  std::vector<Digest> presented;  // SPKI of each certificate as it was presented, leaf first
  std::vector<Digest> path;       // likewise of the verified path; empty where there is none
  Time not_before;                // of the leaf
  Time not_after;                 // likewise
  Time earliest_end;              // the first notAfter of what was presented
  Time path_end;                  // likewise of the verified path; 0 where there is none
  std::string issuer;             // the leaf's, for people
  std::string serial;             // the leaf's certificate digest, hexadecimal
  Outcome outcome = Outcome::kPkiError;
  std::optional<Code> code;  // why it is refused, or what is worth knowing
  std::string message;

  // Intermediates of the path: neither leaf nor root.
  [[nodiscard]] std::vector<Digest> Intermediates() const {
    if (path.size() < 3) return {};
    return {path.begin() + 1, path.end() - 1};
  }

  friend bool operator==(const SeenChainFacts&, const SeenChainFacts&) = default;
};

// PhaseTimes is how long each phase of a look took, in microseconds.
struct PhaseTimes {
  std::int64_t resolve = 0;
  std::int64_t connect = 0;
  std::int64_t handshake = 0;

  friend bool operator==(const PhaseTimes&, const PhaseTimes&) = default;
};

// PeerFacts is one address.
struct PeerFacts {
  std::string peer;           // "192.0.2.7:443"
  std::optional<Code> error;  // why nothing was presented
  std::string message;
  std::string version;              // "TLSv1.3"
  std::vector<std::size_t> chains;  // indexes into ServerFacts::chains
  PhaseTimes times;

  friend bool operator==(const PeerFacts&, const PeerFacts&) = default;
};

// ServerFacts is one look at one server.
struct ServerFacts {
  std::string target;  // "api.example.com:443", canonical
  Time at;
  std::uint64_t policy_version = 0;  // that the outcomes are by
  std::optional<Code> failure;       // the name has no address
  std::string message;
  std::vector<PeerFacts> peers;
  std::vector<SeenChainFacts> chains;
  std::optional<Code> cause;  // where a chain is refused: what best explains it
  std::string fix;            // and what to do

  // succeeded reports that every address presented something.
  [[nodiscard]] bool succeeded() const noexcept {
    if (failure || peers.empty()) return false;
    for (const PeerFacts& peer : peers) {
      if (peer.error) return false;
    }
    return true;
  }

  friend bool operator==(const ServerFacts&, const ServerFacts&) = default;
};

}  // namespace cotter::watch
