// SPDX-License-Identifier: Apache-2.0
#include "update/policy_update.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include <system_error>

#include "base/file.h"
#include "policy/policy_file.h"
#include "update/verify.h"
#include <cotter/policy_index.h>

namespace cotter::update {
namespace {

// A floor is one number.
constexpr std::size_t kMaxFloorSize = 32;

// TUF 5.7 with the policy's own bound: what clients hold in memory.
constexpr std::int64_t kMaxPolicyTarget = std::int64_t{policy::kMaxPolicyJsonSize};

constexpr std::int64_t kPollSeconds = std::int64_t{6} * 3600;
constexpr std::int64_t kFirstRetrySeconds = 60;

Result<void> MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return Ok();
  return Error{Code::kFileUnreadable, path + ": " + error.message()};
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// ReadFloor is the number in the file `path`; 0 where there is no file.
Result<std::uint64_t> ReadFloor(const std::string& path) {
  if (!Exists(path)) return std::uint64_t{0};
  const Result<base::FileImage> file = base::ReadFile(path, kMaxFloorSize);
  if (!file) return file.error();
  const std::string_view text = AsText(file->bytes());
  std::uint64_t floor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), floor);
  if (error != std::errc() || text.substr(static_cast<std::size_t>(end - text.data())) != "\n") {
    return Error{Code::kUpdateStateInvalid, path + ": expected one number, the lowest version"};
  }
  return floor;
}

Error TooOld(std::uint64_t offered, std::uint64_t floor) {
  return Error{Code::kPolicyRollback, "version " + std::to_string(offered) +
                                          " is offered, and versions from " +
                                          std::to_string(floor) + " on are taken"};
}

// That a mirror was tampered with is worth more than that another is down.
bool IsOutOfReach(const UpdateRejected& rejected) {
  return rejected.error.code == Code::kFetchFailed;
}

}  // namespace

std::variant<PolicyUpdated, UpdateRejected> PolicyUpdate::Run(Fetcher& fetcher, Time now) {
  step_ = Step::kState;
  if (Result<void> ready = Prepare(); !ready) return UpdateRejected{step_, ready.error(), {}};
  std::optional<UpdateRejected> rejected;
  for (const std::string& remote : options_.remotes) {
    Result<PolicyUpdated> done = RunOnce(remote, fetcher, now);
    if (done) return *std::move(done);
    if (!rejected || IsOutOfReach(*rejected)) {
      rejected = UpdateRejected{step_, done.error(), remote};
    }
  }
  if (rejected) return *std::move(rejected);
  return UpdateRejected{Step::kState, {Code::kUsage, "no repository is named"}, {}};
}

Result<void> PolicyUpdate::Prepare() {
  if (Result<void> made = MakeFolder(MetadataFolder()); !made) return made;
  if (!Exists(MetadataFolder() + "/root.json")) {
    if (options_.root.empty()) {
      return Error{Code::kUpdateStateInvalid, options_.state + ": there is no root to trust"};
    }
    const Result<base::FileImage> root = base::ReadFile(options_.root, kMaxRootSize);
    if (!root) return root.error();
    if (Result<void> done = Client::Init(MetadataFolder(), AsText(root->bytes())); !done) {
      return Error{done.error().code, options_.root + ": " + done.error().message};
    }
  }
  return Ok();
}

Result<void> PolicyUpdate::TakeBase() {
  if (options_.base_policy.empty() || Exists(PolicyFile())) return Ok();
  step_ = Step::kPolicy;
  const Result<base::FileImage> base =
      base::ReadFile(options_.base_policy, policy::kMaxPolicyJsonSize);
  if (!base) return base.error();
  const Result<PolicyUpdated> taken = Take(std::string(AsText(base->bytes())), {});
  if (!taken) {
    return Error{taken.error().code, options_.base_policy + ": " + taken.error().message};
  }
  return Ok();
}

Result<PolicyUpdated> PolicyUpdate::RunOnce(const std::string& remote, Fetcher& fetcher, Time now) {
  step_ = Step::kState;
  const std::string base = remote.back() == '/' ? remote : remote + "/";
  Result<Client> client =
      Client::Open(MetadataFolder(), fetcher, {base + "metadata/", base + "targets/", true});
  if (!client) return client.error();
  if (Result<void> based = TakeBase(); !based) return based.error();
  const std::string target = options_.environment + "/policy.json";
  PolicyUpdated result;
  const auto fail = [&](const Error& error) {
    step_ = client->step();
    return error;
  };
  if (Result<void> done = client->Refresh(now); !done) return fail(done.error());
  const Result<FileInfo> info = client->Find(target);
  if (!info) return fail(info.error());
  if (*info->length > kMaxPolicyTarget) {
    step_ = Step::kTarget;
    return Error{Code::kFileTooLarge, target + ": larger than a policy may be"};
  }
  result.expires = client->timestamp()->expires;
  const Result<base::FileImage> there = base::ReadFile(PolicyFile(), policy::kMaxPolicyJsonSize);
  std::string content;
  if (there && VerifyContent(AsText(there->bytes()), *info)) {
    content = AsText(there->bytes());
  } else {
    Result<std::string> fetched = client->Download(target, *info);
    if (!fetched) return fail(fetched.error());
    content = *std::move(fetched);
  }
  step_ = Step::kPolicy;
  return Take(content, std::move(result));
}

// Take puts `content` into force, if it is a policy that this client may take after what it has
// seen.
Result<PolicyUpdated> PolicyUpdate::Take(const std::string& content, PolicyUpdated result) {
  const Result<Policy> read = policy::ReadPolicy(content, "policy.json");
  if (!read) return read.error();
  if (Result<void> right = policy::RequireEnvironment(*read, options_.environment); !right) {
    return right.error();
  }
  if (const Result<PolicyIndex> index = PolicyIndex::Build(*read); !index) return index.error();
  Result<std::uint64_t> floor = Floor();
  if (!floor) return floor.error();
  result.name = read->name;
  result.version = read->version;
  result.file = PolicyFile();
  if (Exists(PolicyFile())) {
    const Result<base::FileImage> there = base::ReadFile(PolicyFile(), policy::kMaxPolicyJsonSize);
    const Result<Policy> before =
        there ? policy::ReadPolicy(AsText(there->bytes()), PolicyFile()) : there.error();
    if (before) result.before = before->version;
    if (there && AsText(there->bytes()) == content) {
      if (read->version < *floor) return TooOld(read->version, *floor);
      if (Result<void> raised = RaiseFloor(read->version); !raised) return raised.error();
      return result;
    }
    if (before) *floor = std::max(*floor, before->version + 1);
  }
  if (read->version < *floor) return TooOld(read->version, *floor);
  if (Result<void> written = base::WriteFileAtomically(PolicyFile(), AsBytes(content)); !written) {
    return written.error();
  }
  if (Result<void> raised = RaiseFloor(read->version); !raised) return raised.error();
  result.changed = true;
  return result;
}

// The state's own floor is for a policy.json that was deleted or damaged; the other one, for a
// state that was.
Result<std::uint64_t> PolicyUpdate::Floor() const {
  const Result<std::uint64_t> own = ReadFloor(options_.state + "/floor");
  if (!own || options_.floor.empty()) return own;
  const Result<std::uint64_t> other = ReadFloor(options_.floor);
  if (!other) return other;
  return std::max(*own, *other);
}

Result<void> PolicyUpdate::RaiseFloor(std::uint64_t version) const {
  for (const std::string& path : {options_.state + "/floor", options_.floor}) {
    if (path.empty()) continue;
    const Result<std::uint64_t> floor = ReadFloor(path);
    if (!floor) return floor.error();
    if (*floor >= version) continue;
    const std::string text = std::to_string(version) + "\n";
    if (Result<void> done = base::WriteFileAtomically(path, AsBytes(text)); !done) return done;
  }
  return Ok();
}

std::int64_t NextPollSeconds(Time now, Time expires, unsigned failures,
                             std::uint32_t random) noexcept {
  constexpr unsigned kMostDoublings = 8;  // 60 s doubled so often is over four hours
  if (failures > 0) {
    const std::int64_t wait = kFirstRetrySeconds << std::min(failures - 1, kMostDoublings);
    return wait / 2 + static_cast<std::int64_t>(random) % wait;
  }
  const std::int64_t wait = kPollSeconds / 2 + static_cast<std::int64_t>(random) % kPollSeconds;
  // Half of what is left, so that one failure near the end is not yet the end.
  const std::int64_t left =
      std::max<std::int64_t>((expires.unix_seconds - now.unix_seconds) / 2, kFirstRetrySeconds);
  return std::min(wait, left);
}

}  // namespace cotter::update
