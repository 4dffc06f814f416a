// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include <system_error>

#include "base/file.h"
#include "policy/policy_file.h"
#include "update/client.h"
#include "update/delegate.h"
#include "update/emergency_file.h"
#include "update/fetcher.h"
#include "update/repository.h"

namespace cotter::update {
namespace {

// FolderFetcher serves a folder as a web server would.
class FolderFetcher : public Fetcher {
 public:
  Result<std::optional<std::string>> Fetch(const std::string& url, std::size_t limit) override {
    std::error_code ignored;
    if (!std::filesystem::exists(url, ignored)) return std::optional<std::string>();
    const Result<base::FileImage> file = base::ReadFile(url, limit);
    if (!file) return file.error();
    return std::optional<std::string>(AsText(file->bytes()));
  }
};

// TemporaryFolder is removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    path_ = (std::filesystem::temp_directory_path(error) / "cotter-verify-XXXXXX").string();
    made_ = !error && mkdtemp(path_.data()) != nullptr;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (made_) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] bool made() const noexcept { return made_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  bool made_ = false;
};

// VerifyEmergency holds what the emergency role says for `environment` against the bounds that
// clients have.
Result<void> VerifyEmergency(Client& client, const std::string& environment) {
  const std::string path = environment + "/emergency.json";
  const Result<Client::Spoken> said = client.FindIn(kEmergencyRole, path);
  if (!said) return said.error().code == Code::kTargetUnknown ? Ok() : Result<void>(said.error());
  if (said->signers < kMinApprovers) {
    return Error{Code::kEmergencyInvalid, path + ": signed by one, and clients take it of two"};
  }
  const Result<std::string> content = client.Download(path, said->info);
  if (!content) return content.error();
  const Result<EmergencyFile> file = ReadEmergencyFile(*content);
  if (!file) return file.error();
  return file->refused.empty() ? Ok() : Result<void>(file->refused.front().error);
}

// VerifyBeside verifies what stands beside the policy `content`, the target `path`: the files of
// its delegates, and emergency statements.
Result<void> VerifyBeside(Client& client, const std::string& path, const std::string& content) {
  constexpr std::string_view kName = "/policy.json";
  if (!path.ends_with(kName)) return Ok();
  Result<Policy> policy = policy::ReadPolicy(content, path);
  if (!policy) return policy.error();
  const std::vector<Delegate> delegates = policy->delegates;
  for (const Delegate& delegate : delegates) {
    const Result<Client::Spoken> said = client.FindIn(delegate.name, delegate.target);
    if (!said && said.error().code == Code::kTargetUnknown) continue;  // it has said nothing yet
    if (!said) return said.error();
    const Result<std::string> text = client.Download(delegate.target, said->info);
    if (!text) return text.error();
    const Result<Policy> theirs = ReadDelegate(delegate, policy->environment, *text);
    if (!theirs) return theirs.error();
    if (Result<void> added = AddRules(*policy, delegate, *theirs); !added) return added;
  }
  return VerifyEmergency(client, policy->environment);
}

}  // namespace

Result<void> VerifyFolder(const std::string& folder, Time now) {
  const TemporaryFolder state;
  if (!state.made()) return Error{Code::kFileUnreadable, "no temporary folder can be made"};
  const Result<base::FileImage> root =
      base::ReadFile(folder + "/metadata/1.root.json", kMaxRootSize);
  if (!root) return root.error();
  if (Result<void> done = Client::Init(state.path(), AsText(root->bytes())); !done) return done;
  FolderFetcher fetcher;
  Result<Client> client =
      Client::Open(state.path(), fetcher, {folder + "/metadata", folder + "/targets", true});
  if (!client) return client.error();
  if (Result<void> done = client->Refresh(now); !done) return done;
  for (const auto& [path, info] : client->targets()->targets) {
    const Result<std::string> content = client->Download(path, info);
    if (!content) return content.error();
    if (Result<void> done = VerifyBeside(*client, path, *content); !done) return done;
  }
  return Ok();
}

}  // namespace cotter::update
