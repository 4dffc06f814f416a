// SPDX-License-Identifier: Apache-2.0
#include "cli/exec_policy.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "cli/exec_stored.h"
#include "cli/policy_input.h"

namespace cotter::cli {
namespace {

// Root's children may become other users, and read the policy then; nobody else's can.
mode_t FileMode() { return ::geteuid() == 0 ? 0444 : 0400; }

Error NoFolder() {
  return Error{Code::kFileUnreadable,
               "no folder for the compiled policy: set HOME or XDG_CACHE_HOME to a writable one"};
}

Result<std::string> Store(const PolicyIndex& policy, const std::string& path) {
  if (IsStored(path)) return path;
  PruneStore(path.substr(0, path.rfind('/')));
  if (const Result<void> written = base::WriteFileAtomically(path, policy.image(), FileMode());
      !written) {
    return written.error();
  }
  if (::chmod(path.c_str(), FileMode()) != 0) {
    return Error{Code::kFileUnreadable, path + ": " + std::strerror(errno)};
  }
  return path;
}

}  // namespace

Result<std::string> StorePolicyFile(const std::string& path) {
  const std::string folder = StoreFolder();
  if (folder.empty()) return NoFolder();
  const std::optional<std::string> name = StoredName(path);
  if (name && IsStored(folder + "/" + *name)) return folder + "/" + *name;
  const Result<PolicyIndex> policy = OpenPolicy(path);
  if (!policy) return policy.error();
  return name ? Store(*policy, folder + "/" + *name) : StorePolicy(*policy);
}

Result<std::string> StorePolicy(const PolicyIndex& policy) {
  const std::string folder = StoreFolder();
  if (folder.empty()) return NoFolder();
  const Digest digest = base::Sha256(policy.image());
  return Store(policy, folder + "/content-" + EncodeHex(digest.bytes) + ".policy");
}

Result<PolicyIndex> PolicyOfPins(const std::vector<std::string_view>& words) {
  Policy policy;
  policy.name = "command line";
  for (const std::string_view word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      return Error{Code::kUsage, "--pin '" + std::string(word) + "': expected HOST=PIN"};
    }
    Result<HostPattern> pattern = HostPattern::Parse(word.substr(0, equals));
    if (!pattern) return pattern.error();
    const Result<Digest> pin = ParsePin(word.substr(equals + 1));
    if (!pin) {
      return Error{pin.error().code, "--pin '" + std::string(word) + "': " + pin.error().message};
    }
    auto rule = policy.hosts.begin();
    while (rule != policy.hosts.end() && !(rule->pattern == *pattern)) ++rule;
    if (rule == policy.hosts.end()) {
      rule = policy.hosts.insert(rule, HostRule{.pattern = *std::move(pattern)});
    }
    rule->pins.push_back(PolicyPin{.pin = Pin{.digest = *pin}, .label = {}});
  }
  return PolicyIndex::Build(policy);
}

}  // namespace cotter::cli
