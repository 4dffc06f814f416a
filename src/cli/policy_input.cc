// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_input.h"

#include <utility>

#include "base/file.h"
#include "core/policy_image.h"
#include "policy/policy_file.h"

namespace cotter::cli {
namespace {

constexpr std::size_t kMaxImageSize = std::size_t{256} << 20;

bool IsCompiled(ByteView bytes) {
  return bytes.size() >= sizeof image::kMagic &&
         image::Load<std::uint64_t>(bytes.data()) == image::kMagic;
}

}  // namespace

Error AboutPolicy(const Error& error, const Policy& policy, const std::string& path) {
  std::string where = path;
  const std::optional<PolicyFault> fault = FindFault(policy);
  if (fault && fault->host && policy.hosts[*fault->host].line != 0) {
    where += ":" + std::to_string(policy.hosts[*fault->host].line);
  }
  return {error.code, where + ": " + error.message};
}

Result<LoadedPolicy> LoadPolicy(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, policy::kMaxPolicyFileSize);
  if (!file) return file.error();
  if (IsCompiled(file->bytes())) {
    return Error{Code::kPolicyInvalid,
                 path + ": a compiled policy; expected the TOML or JSON that it was made of"};
  }
  Result<Policy> policy = policy::ReadPolicy(AsText(file->bytes()), path);
  if (!policy) return policy.error();
  Result<PolicyIndex> index = PolicyIndex::Build(*policy);
  if (!index) return AboutPolicy(index.error(), *policy, path);
  return LoadedPolicy{*std::move(policy), *std::move(index)};
}

Result<PolicyIndex> OpenPolicy(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, kMaxImageSize);
  if (!file) return file.error();
  if (IsCompiled(file->bytes())) {
    Result<PolicyIndex> index = PolicyIndex::Open(file->bytes(), file->owner());
    if (!index) return Error{index.error().code, path + ": " + index.error().message};
    return index;
  }
  const Result<Policy> policy = policy::ReadPolicy(AsText(file->bytes()), path);
  if (!policy) return policy.error();
  Result<PolicyIndex> index = PolicyIndex::Build(*policy);
  if (!index) return AboutPolicy(index.error(), *policy, path);
  return index;
}

Result<LoadedPolicy> PolicyOfPins(std::span<const Digest> pins, const HostName& host) {
  Policy policy;
  if (!pins.empty()) {
    Result<HostPattern> pattern = HostPattern::Parse(host.text());
    if (!pattern) return pattern.error();
    HostRule rule{.pattern = *std::move(pattern)};
    for (const Digest& pin : pins) {
      rule.pins.push_back(PolicyPin{.pin = Pin{.digest = pin}, .label = {}});
    }
    policy.hosts.push_back(std::move(rule));
  }
  Result<PolicyIndex> index = PolicyIndex::Build(policy);
  if (!index) return index.error();
  return LoadedPolicy{std::move(policy), *std::move(index)};
}

std::vector<std::string> TargetsOf(const HostRule& rule) {
  std::string host(rule.pattern.base().text());
  if (rule.pattern.base().kind() == HostName::Kind::kIpv6) host = "[" + host + "]";
  if (rule.ports.empty()) return {host};
  std::vector<std::string> targets;
  for (const std::uint16_t port : rule.ports) targets.push_back(host + ":" + std::to_string(port));
  return targets;
}

}  // namespace cotter::cli
