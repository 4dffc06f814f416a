// SPDX-License-Identifier: Apache-2.0
#include "update/policy_update.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include <system_error>

#include "base/file.h"
#include "base/sha256.h"
#include "policy/policy_file.h"
#include "update/verify.h"
#include <cotter/policy_index.h>

namespace cotter::update {
namespace {

// A floor is one number.
constexpr std::size_t kMaxFloorSize = 32;

// TUF 5.7 with the policy's own bound: what clients hold in memory.
constexpr std::int64_t kMaxPolicyTarget = std::int64_t{policy::kMaxPolicyJsonSize};

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

// InFile says which file an error is about.
Error InFile(const std::string& file, const Error& error) {
  return Error{error.code, file + ": " + error.message};
}

// ReadText is the text of a policy's file.
Result<std::string> ReadText(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, policy::kMaxPolicyJsonSize);
  if (!file) return file.error();
  return std::string(AsText(file->bytes()));
}

// That a mirror was tampered with is worth more than that another is down.
bool IsOutOfReach(const UpdateRejected& rejected) {
  return rejected.error.code == Code::kFetchFailed;
}

// What is wrong with our own state is no remote's fault, and no mirror mends it.
bool IsOurs(Step step, Code code) {
  return step == Step::kState || code == Code::kFileUnreadable || code == Code::kUpdateStateInvalid;
}

}  // namespace

Result<std::shared_ptr<const PolicyIndex>> PolicyUpdate::Load() {
  const Result<std::uint64_t> floor = Floor();
  if (!floor) return floor.error();
  std::shared_ptr<const PolicyIndex> best;
  std::optional<Error> why;
  const auto consider = [&](const Result<std::string>& text, const std::string& name) {
    Result<std::shared_ptr<const PolicyIndex>> policy =
        text ? Compile(*text) : Result<std::shared_ptr<const PolicyIndex>>(text.error());
    if (policy && (*policy)->version() < *floor) policy = TooOld((*policy)->version(), *floor);
    if (policy && (!best || (*policy)->version() > best->version())) best = *policy;
    if (!policy && !why) why = InFile(name, policy.error());
  };
  if (Exists(PolicyFile())) consider(InForceNow(), PolicyFile());
  if (HasBase()) consider(Base(), BaseName());
  if (best) return best;
  if (why) return *std::move(why);
  return Error{Code::kUpdateStateInvalid, options_.state + ": there is no policy yet"};
}

std::variant<PolicyUpdated, UpdateRejected> PolicyUpdate::Run(Fetcher& fetcher, Time now) {
  step_ = Step::kState;
  if (Result<void> ready = Prepare(); !ready) return UpdateRejected{step_, ready.error(), {}};
  std::optional<UpdateRejected> rejected;
  settled_ = false;
  now_ = now;
  for (const std::string& remote : options_.remotes) {
    Result<PolicyUpdated> done = RunOnce(remote, fetcher, now);
    if (done) return *std::move(done);
    if (IsOurs(step_, done.error().code)) return UpdateRejected{step_, done.error(), {}};
    if (!rejected || IsOutOfReach(*rejected)) {
      rejected = UpdateRejected{step_, done.error(), remote};
    }
  }
  if (rejected) return *std::move(rejected);
  return UpdateRejected{Step::kState, {Code::kUsage, "no repository is named"}, {}};
}

Result<void> PolicyUpdate::Prepare() {
  if (Result<void> made = MakeFolder(MetadataFolder()); !made) return made;
  if (Exists(MetadataFolder() + "/root.json")) return Ok();
  if (options_.root.empty() && options_.root_file.empty()) {
    return Error{Code::kUpdateStateInvalid, options_.state + ": there is no root to trust"};
  }
  std::string root = options_.root;
  if (root.empty()) {
    const Result<base::FileImage> file = base::ReadFile(options_.root_file, kMaxRootSize);
    if (!file) return file.error();
    root = AsText(file->bytes());
  }
  if (Result<void> done = Client::Init(MetadataFolder(), root); !done) {
    return InFile(options_.root.empty() ? options_.root_file : "the root", done.error());
  }
  return Ok();
}

Result<std::string> PolicyUpdate::Base() const {
  return options_.base.empty() ? ReadText(options_.base_file) : options_.base;
}

// TakeBase puts the shipped policy into the state, where it is above what is there: a new release
// of the program may bring one. One that is below what was seen is history.
Result<void> PolicyUpdate::TakeBase() {
  if (based_ || !HasBase()) return Ok();
  step_ = Step::kPolicy;
  const Result<std::string> base = Base();
  if (!base) return base.error();
  const Result<std::shared_ptr<const PolicyIndex>> policy = Compile(*base);
  if (!policy) return InFile(BaseName(), policy.error());
  const Result<std::uint64_t> floor = Floor();
  if (!floor) return floor.error();
  const Result<std::string> text = ReadText(PolicyFile());
  const Result<std::shared_ptr<const PolicyIndex>> there =
      text ? Compile(*text) : Result<std::shared_ptr<const PolicyIndex>>(text.error());
  const bool higher = !there || (*there)->version() < (*policy)->version();
  if (higher && (*policy)->version() >= *floor) {
    if (const Result<PolicyUpdated> taken = Take(*base, {}); !taken) {
      return InFile(BaseName(), taken.error());
    }
  }
  based_ = true;
  return Ok();
}

Result<PolicyUpdated> PolicyUpdate::RunOnce(const std::string& remote, Fetcher& fetcher, Time now) {
  step_ = Step::kState;
  const std::string base = remote.back() == '/' ? remote : remote + "/";
  Result<Client> client = Client::Open(MetadataFolder(), fetcher,
                                       {base + "metadata/", base + "targets/", true, stop_, memo_});
  if (!client) return client.error();
  if (Result<void> based = TakeBase(); !based) return based.error();
  Settle();
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
  const Result<std::string> there = in_force_.Signed();
  std::string content;
  if (there && VerifyContent(*there, *info)) {
    content = *there;
  } else {
    Result<std::string> fetched = client->Download(target, *info);
    if (!fetched) return fail(fetched.error());
    content = *std::move(fetched);
  }
  step_ = Step::kPolicy;
  Result<PolicyUpdated> taken = Take(content, std::move(result));
  if (!taken) return taken;
  taken->notices = in_force_.Fetch(*client, content);
  step_ = Step::kPolicy;
  return Enforce(content, *std::move(taken));
}

// Settle ends what has ended by now, before anything is asked of the network. What cannot be
// written is judged by the clock all the same.
void PolicyUpdate::Settle() {
  if (std::exchange(settled_, true)) return;
  const Result<std::string> content = in_force_.Signed();
  if (!content) return;
  const Result<Composed> composed = in_force_.Compose(*content, ClocksNow());
  if (composed && Compile(composed->text, composed->text == *content ? last_ : composed_)) {
    static_cast<void>(in_force_.Write(*content, *composed));
  }
}

// InForceNow is the policy in the state, composed by the clocks as they stand. Where that cannot be
// done, the file says what was in force.
Result<std::string> PolicyUpdate::InForceNow() {
  PolicyInForce view(options_.state, options_.environment);
  const Result<std::string> content = view.Signed();
  const Result<Composed> composed =
      content ? view.Compose(*content, ReadClocks()) : Result<Composed>(content.error());
  return composed ? Result<std::string>(composed->text) : ReadText(PolicyFile());
}

Clocks PolicyUpdate::ClocksNow() const {
  Clocks clocks = ReadClocks();
  clocks.wall = now_;
  return clocks;
}

// Enforce puts what was signed, and what stands beside it, into force.
Result<PolicyUpdated> PolicyUpdate::Enforce(const std::string& content, PolicyUpdated result) {
  Result<Composed> composed = in_force_.Compose(content, ClocksNow());
  if (!composed) return composed.error();
  Result<std::shared_ptr<const PolicyIndex>> compiled =
      Compile(composed->text, composed->text == content ? last_ : composed_);
  if (!compiled) return compiled.error();
  const Result<std::string> before = ReadText(PolicyFile());
  if (Result<void> written = in_force_.Write(content, *composed); !written) return written.error();
  result.changed = result.changed || !before || *before != composed->text;
  result.policy = *compiled;
  result.emergency = std::move(composed->emergency);
  result.notices.insert(result.notices.end(), composed->notices.begin(), composed->notices.end());
  return result;
}

// Take puts `content` into force, if it is a policy that this client may take after what it has
// seen.
Result<PolicyUpdated> PolicyUpdate::Take(const std::string& content, PolicyUpdated result) {
  Result<std::shared_ptr<const PolicyIndex>> read = Compile(content);
  if (!read) return read.error();
  Result<std::uint64_t> floor = Floor();
  if (!floor) return floor.error();
  result.policy = *read;
  result.name = result.policy->name();
  result.version = result.policy->version();
  result.file = PolicyFile();
  const Result<std::string> there = in_force_.Signed();
  if (there && *there == content) {
    if (result.version < *floor) return TooOld(result.version, *floor);
    if (Result<void> raised = RaiseFloor(result.version); !raised) return raised.error();
    result.before = result.version;
    return result;
  }
  if (there) {
    if (const auto before = Compile(*there)) {
      result.before = (*before)->version();
      *floor = std::max(*floor, *result.before + 1);
    }
  }
  if (result.version < *floor) return TooOld(result.version, *floor);
  if (Result<void> authored = in_force_.RequireAuthored(content); !authored) {
    return authored.error();
  }
  // With what stands beside it, which does not wait for the network.
  Result<PolicyUpdated> enforced = Enforce(content, std::move(result));
  if (!enforced) return enforced;
  result = *std::move(enforced);
  if (Result<void> raised = RaiseFloor(result.version); !raised) return raised.error();
  result.changed = true;
  return result;
}

// Compile is `content` as a policy of this client's environment.
Result<std::shared_ptr<const PolicyIndex>> PolicyUpdate::Compile(
    std::string_view content, std::optional<Compiled>& last) const {
  const Digest digest = base::Sha256(AsBytes(content));
  if (last && last->content == digest) return last->policy;
  const Result<Policy> read = policy::ReadPolicy(content, "policy.json");
  if (!read) return read.error();
  if (Result<void> right = policy::RequireEnvironment(*read, options_.environment); !right) {
    return right.error();
  }
  Result<PolicyIndex> index = PolicyIndex::Build(*read);
  if (!index) return index.error();
  last = Compiled{digest, std::make_shared<const PolicyIndex>(*std::move(index))};
  return last->policy;
}

// The state's own floor is for a policy.json that was deleted or damaged; the other one, for a
// state that was.
Result<std::uint64_t> PolicyUpdate::Floor() const {
  const Result<std::uint64_t> own = ReadFloor(options_.state + "/floor");
  if (!own || options_.floor_file.empty()) return own;
  const Result<std::uint64_t> other = ReadFloor(options_.floor_file);
  if (!other) return other;
  return std::max(*own, *other);
}

Result<void> PolicyUpdate::RaiseFloor(std::uint64_t version) const {
  for (const std::string& path : {options_.state + "/floor", options_.floor_file}) {
    if (path.empty()) continue;
    const Result<std::uint64_t> floor = ReadFloor(path);
    if (!floor) return floor.error();
    if (*floor >= version) continue;
    const std::string text = std::to_string(version) + "\n";
    if (Result<void> done = base::WriteFileAtomically(path, AsBytes(text)); !done) return done;
  }
  return Ok();
}

}  // namespace cotter::update
