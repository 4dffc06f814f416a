// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <system_error>

#include "base/file.h"
#include "update/client.h"
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
  }
  return Ok();
}

}  // namespace cotter::update
