// SPDX-License-Identifier: Apache-2.0
//
// The proof of the doctor: the program is run, under a policy, against two loopback servers. One
// has the pinned key; the other one's certificate is as good in every other respect. For one
// thread.
#pragma once

#include <string>
#include <vector>

#include <cotter/result.h>

namespace cotter::cli {

// What a proof came to.
enum class ProofEnd {
  kHolds,          // the pinned server was reached, and the other one got nothing
  kBroken,         // the other server got data, or a finished handshake
  kPinnedRefused,  // the pinned server was not reached either, so nothing is shown
  kNotTried,       // nobody knows how to make this program connect
};

struct Proof {
  ProofEnd end = ProofEnd::kNotTried;
  std::string detail;                // one line for people
  std::vector<std::string> command;  // what was run
};

// Prove runs the program at `path`. `words` is its name and the arguments that the user gave:
// {url}, {host}, {port} and {cacert} in them stand for the server and for a file with its root.
// Without arguments a few programs are known by their name.
[[nodiscard]] Proof Prove(const std::string& path, const std::vector<std::string>& words);

}  // namespace cotter::cli
