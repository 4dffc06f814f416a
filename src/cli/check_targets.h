// SPDX-License-Identifier: Apache-2.0
//
// The judgement of `cotter check`: a live server, or a chain from a file, against a policy. Keeps
// no state; safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/check_row.h"
#include "cli/connect_options.h"
#include "tls/trust_store.h"
#include <cotter/path.h>
#include <cotter/policy.h>
#include <cotter/policy_index.h>
#include <cotter/time.h>

namespace cotter::cli {

// Where the rules come from, which decides what is printed of them.
enum class RuleSource {
  kNone,        // no pins at all: PKI alone
  kPolicyFile,  // --policy
  kPins,        // --pin, for every target
};

// Judging is what every target is held against.
struct Judging {
  RuleSource source = RuleSource::kNone;
  std::shared_ptr<const PolicyIndex> policy;  // of a file; null otherwise
  std::vector<Digest> pins;                   // of --pin
  std::shared_ptr<const tls::TrustStore> trust;
  Time now;
};

// ReadPolicyFile reads and compiles the policy at `path`, or on standard input where it is "-".
// Fails with what is wrong in it, by file and line.
[[nodiscard]] Result<std::shared_ptr<const PolicyIndex>> ReadPolicyFile(const std::string& path);

// ReadChainFile reads the certificates of a file, in their order. Files with more certificates than
// are ever looked at come back cut, but still with too many. Fails as formats::ForEachKeyMaterial.
[[nodiscard]] Result<PresentedChain> ReadChainFile(const std::string& path);

// CheckRules reports what keeps the rules from being a policy for `target`: too many pins on the
// command line.
[[nodiscard]] Result<void> CheckRules(const net::Target& target, const Judging& judging);

// CheckServer asks the server at every address, for RSA and ECDSA certificates, and judges each
// chain that it presents; the row is the worst of them. No data of the caller is sent.
[[nodiscard]] CheckRow CheckServer(const net::Target& target, const ConnectionOptions& options,
                                   const Judging& judging);

// CheckChain judges a chain that nobody served.
[[nodiscard]] CheckRow CheckChain(const net::Target& target, const PresentedChain& chain,
                                  const Judging& judging);

}  // namespace cotter::cli
