// SPDX-License-Identifier: Apache-2.0
//
// Policies and where they come from.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/file.h"
#include "capi/guard.h"
#include "capi/options.h"
#include "core/policy_image.h"
#include "policy/policy_file.h"

using namespace cotter::capi;

namespace cotter::capi {
namespace {

bool IsCompiled(ByteView bytes) noexcept {
  return bytes.size() >= sizeof image::kMagic &&
         image::Load<std::uint64_t>(bytes.data()) == image::kMagic;
}

Result<void> CheckEnvironment(const PolicyIndex& index, const char* environment) {
  if (environment == nullptr || index.environment() == environment) return Ok();
  return Error{Code::kWrongEnvironment, "expected a policy for \"" + std::string(environment) +
                                            "\", found one for \"" +
                                            std::string(index.environment()) + "\""};
}

Result<PolicyIndex> Compile(ByteView bytes, std::shared_ptr<const void> owner,
                            const std::string& name) {
  if (IsCompiled(bytes)) return PolicyIndex::Open(bytes, std::move(owner));
  const Result<Policy> policy = policy::ReadPolicy(AsText(bytes), name);
  if (!policy) return policy.error();
  return PolicyIndex::Build(*policy);
}

Result<std::unique_ptr<cotter_policy>> MakePolicy(ByteView bytes, std::shared_ptr<const void> owner,
                                                  const std::string& name,
                                                  const char* environment) {
  Result<PolicyIndex> index = Compile(bytes, std::move(owner), name);
  if (!index) return std::move(index).error();
  if (auto fit = CheckEnvironment(*index, environment); !fit) return std::move(fit).error();
  std::string policy_name(index->name());
  return std::make_unique<cotter_policy>(cotter_policy{
      std::make_shared<const PolicyIndex>(std::move(index).value()), std::move(policy_name)});
}

// MakeSource counts the changes of `policy`.
std::unique_ptr<cotter_source> MakeSource(std::shared_ptr<PolicySource> policy) {
  auto source = std::make_unique<cotter_source>();
  source->source = std::move(policy);
  source->changes = std::make_shared<std::atomic<std::uint64_t>>(0);
  source->subscription =
      source->source->Subscribe([changes = source->changes] { changes->fetch_add(1); });
  return source;
}

WatchOptions ToWatchOptions(const cotter_watch_options& options, std::shared_ptr<void> user) {
  WatchOptions watch;
  watch.path = options.path;
  watch.environment = OrEmpty(options.environment);
  if (options.interval_ms != 0) watch.interval = std::chrono::milliseconds(options.interval_ms);
  if (options.on_failure != nullptr) {
    watch.on_failure = [tell = options.on_failure, user = std::move(user)](const Error& why) {
      const std::string code(NameOf(why.code));
      tell(user.get(), code.c_str(), why.message.c_str());
    };
  }
  return watch;
}

std::string TextOrEmpty(const char* text) { return OrEmpty(text); }

update::RemoteOptions ToRemoteOptions(const cotter_remote_options& options,
                                      std::shared_ptr<void> user) {
  update::RemoteOptions remote;
  for (std::size_t i = 0; i < options.remote_count; ++i) {
    remote.remotes.push_back(TextOrEmpty(options.remotes[i]));
  }
  remote.state = TextOrEmpty(options.state);
  if (options.environment != nullptr) remote.environment = options.environment;
  remote.root = TextOrEmpty(options.root);
  remote.root_file = TextOrEmpty(options.root_file);
  remote.base = TextOrEmpty(options.base);
  remote.base_file = TextOrEmpty(options.base_file);
  remote.floor_file = TextOrEmpty(options.floor_file);
  remote.channel_roots_file = TextOrEmpty(options.channel_roots_file);
  if (options.insecure_http != 0) remote.cleartext = update::Cleartext::kInsecureAllow;
  if (options.patience_ms != 0) {
    remote.patience = std::chrono::milliseconds(std::max(options.patience_ms, 0));
  }
  if (options.on_event != nullptr) {
    remote.on_event = [tell = options.on_event,
                       user = std::move(user)](const update::PollEvent& event) {
      const bool rejected = event.outcome == update::PollOutcome::kRejected;
      const std::string outcome(NameOf(event.outcome));
      const std::string code(rejected ? NameOf(event.error.code) : "");
      tell(user.get(), outcome.c_str(), event.version, event.step.c_str(), code.c_str(),
           event.error.message.c_str());
    };
  }
  return remote;
}

}  // namespace
}  // namespace cotter::capi

cotter_status cotter_policy_load_file(const char* path, const char* environment,
                                      cotter_policy** policy, cotter_error** error) {
  return GuardNew(policy, error, [&]() -> cotter::Result<std::unique_ptr<cotter_policy>> {
    if (path == nullptr) return Missing("path");
    const auto file = cotter::base::ReadFile(path, cotter::policy::kMaxPolicyFileSize);
    if (!file) return file.error();
    return MakePolicy(file->bytes(), file->owner(), path, environment);
  });
}

cotter_status cotter_policy_load_bytes(const uint8_t* bytes, size_t size, const char* name,
                                       const char* environment, cotter_policy** policy,
                                       cotter_error** error) {
  return GuardNew(policy, error, [&]() -> cotter::Result<std::unique_ptr<cotter_policy>> {
    if (bytes == nullptr) return Missing("bytes");
    if (size > cotter::policy::kMaxPolicyFileSize) {
      return cotter::Error{cotter::Code::kFileTooLarge, "the policy is over the limit of its size"};
    }
    const auto copy = std::make_shared<const cotter::Bytes>(bytes, bytes + size);
    return MakePolicy(*copy, copy, name == nullptr ? "policy" : name, environment);
  });
}

const char* cotter_policy_name(const cotter_policy* policy) {
  return policy == nullptr ? nullptr : policy->name.c_str();
}

uint64_t cotter_policy_version(const cotter_policy* policy) {
  return policy == nullptr ? 0 : policy->index->version();
}

size_t cotter_policy_rule_count(const cotter_policy* policy) {
  return policy == nullptr ? 0 : policy->index->rule_count();
}

void cotter_policy_free(cotter_policy* policy) { Free(policy); }

cotter_status cotter_source_new(const cotter_policy* policy, cotter_source** source,
                                cotter_error** error) {
  return GuardNew(source, error, [&]() -> cotter::Result<std::unique_ptr<cotter_source>> {
    if (policy == nullptr) return Missing("policy");
    auto held = std::make_shared<cotter::HeldPolicy>(policy->index);
    auto made = MakeSource(held);
    made->held = std::move(held);
    return made;
  });
}

cotter_status cotter_source_watch(const cotter_watch_options* given, cotter_source** source,
                                  cotter_error** error) {
  return GuardNew(source, error, [&]() -> cotter::Result<std::unique_ptr<cotter_source>> {
    if (given == nullptr) return Missing("options");
    const auto options = ReadOptions(given);
    if (!options) return options.error();
    std::shared_ptr<void> user = HoldUser(options->user, options->release);
    if (options->path == nullptr) return Missing("options.path");
    auto watched = cotter::WatchedPolicy::Open(ToWatchOptions(*options, std::move(user)));
    if (!watched) return std::move(watched).error();
    auto made = MakeSource(*watched);
    made->watched = std::move(watched).value();
    return made;
  });
}

cotter_status cotter_source_remote(const cotter_remote_options* given, cotter_source** source,
                                   cotter_error** error) {
  return GuardNew(source, error, [&]() -> cotter::Result<std::unique_ptr<cotter_source>> {
    if (given == nullptr) return Missing("options");
    const auto options = ReadOptions(given);
    if (!options) return options.error();
    std::shared_ptr<void> user = HoldUser(options->user, options->release);
    if (options->state == nullptr) return Missing("options.state");
    if (options->remotes == nullptr) return Missing("options.remotes");
    auto remote = cotter::update::RemotePolicy::Open(ToRemoteOptions(*options, std::move(user)));
    if (!remote) return std::move(remote).error();
    auto made = MakeSource(*remote);
    made->remote = std::move(remote).value();
    return made;
  });
}

cotter_status cotter_source_set(cotter_source* source, const cotter_policy* policy,
                                cotter_error** error) {
  return Guard(error, [&]() -> cotter::Result<void> {
    if (source == nullptr) return Missing("source");
    if (policy == nullptr) return Missing("policy");
    if (!source->held) {
      return cotter::Error{cotter::Code::kUsage, "this source follows a file or a repository"};
    }
    source->held->Set(policy->index);
    return cotter::Ok();
  });
}

cotter_status cotter_source_refresh(cotter_source* source, cotter_error** error) {
  return Guard(error, [&]() -> cotter::Result<void> {
    if (source == nullptr) return Missing("source");
    if (source->remote) {
      const auto polled = source->remote->Poll();
      return polled ? cotter::Ok() : cotter::Result<void>(polled.error());
    }
    if (!source->watched) return cotter::Error{cotter::Code::kUsage, "this source has no file"};
    return source->watched->Refresh();
  });
}

cotter_status cotter_source_current(const cotter_source* source, cotter_policy** policy,
                                    cotter_error** error) {
  return GuardNew(policy, error, [&]() -> cotter::Result<std::unique_ptr<cotter_policy>> {
    if (source == nullptr) return Missing("source");
    std::shared_ptr<const cotter::PolicyIndex> index = source->source->Current();
    std::string name(index->name());
    return std::make_unique<cotter_policy>(cotter_policy{std::move(index), std::move(name)});
  });
}

uint64_t cotter_source_changes(const cotter_source* source) {
  return source == nullptr ? 0 : source->changes->load();
}

void cotter_source_free(cotter_source* source) { Free(source); }
