// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_input.h"

#include <utility>

#include "base/file.h"
#include "policy/policy_file.h"

namespace cotter::cli {

Result<LoadedPolicy> LoadPolicy(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, policy::kMaxPolicyFileSize);
  if (!file) return file.error();
  Result<Policy> policy = policy::ReadPolicy(AsText(file->bytes()), path);
  if (!policy) return policy.error();
  Result<PolicyIndex> index = PolicyIndex::Build(*policy);
  if (!index) return Error{index.error().code, path + ": " + index.error().message};
  return LoadedPolicy{*std::move(policy), *std::move(index)};
}

}  // namespace cotter::cli
