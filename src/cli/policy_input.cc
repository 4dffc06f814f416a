// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_input.h"

#include <utility>

#include "base/file.h"
#include "policy/policy_file.h"

namespace cotter::cli {

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
  Result<Policy> policy = policy::ReadPolicy(AsText(file->bytes()), path);
  if (!policy) return policy.error();
  Result<PolicyIndex> index = PolicyIndex::Build(*policy);
  if (!index) return AboutPolicy(index.error(), *policy, path);
  return LoadedPolicy{*std::move(policy), *std::move(index)};
}

}  // namespace cotter::cli
