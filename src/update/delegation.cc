// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "base/sha256.h"
#include "update/metadata.h"
#include "update/path_pattern.h"

namespace cotter::update {
namespace {

bool Covers(const Delegation& delegation, std::string_view path, std::string_view path_hash) {
  const auto matches = [path](const std::string& pattern) { return PathMatches(pattern, path); };
  const auto begins = [path_hash](const std::string& prefix) {
    return path_hash.substr(0, prefix.size()) == prefix;
  };
  return std::any_of(delegation.paths.begin(), delegation.paths.end(), matches) ||
         std::any_of(delegation.path_hash_prefixes.begin(), delegation.path_hash_prefixes.end(),
                     begins);
}

// BinOf is the hash bin of a path (TAP 15): the first bits of its hash, written in as many
// hexadecimal digits as the last bin needs.
Delegation BinOf(const SuccinctRoles& roles, const Digest& path_hash) {
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < 4; ++i) first = first << 8 | path_hash.bytes[i];
  std::uint64_t bin = first >> (32 - roles.bit_length);
  const std::size_t digits = (roles.bit_length - 1) / 4 + 1;
  std::string suffix(digits, '0');
  for (std::size_t i = digits; i-- > 0; bin >>= 4) suffix[i] = "0123456789abcdef"[bin & 15];
  Delegation delegation;
  delegation.name = roles.name_prefix + "-" + suffix;
  delegation.keys = roles.keys;
  delegation.terminating = true;
  return delegation;
}

}  // namespace

std::vector<Delegation> DelegatedTo(const Targets& targets, std::string_view path) {
  const Digest digest = base::Sha256(AsBytes(path));
  if (targets.succinct_roles) return {BinOf(*targets.succinct_roles, digest)};
  const std::string hex = EncodeHex(digest.bytes);
  std::vector<Delegation> covering;
  std::copy_if(targets.delegations.begin(), targets.delegations.end(), std::back_inserter(covering),
               [&](const Delegation& delegation) { return Covers(delegation, path, hex); });
  return covering;
}

}  // namespace cotter::update
