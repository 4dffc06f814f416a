// SPDX-License-Identifier: Apache-2.0
//
// A policy that comes from a signed repository while the program runs. The source polls it in the
// background by the rules of The Update Framework, and swaps a new policy in, whole, when it has
// been verified; whoever enforces judges its connections again then. Nothing that goes wrong on the
// way loosens anything, or ends anything: the policy that is there stays in force, and `on_event`
// says what was refused, where, and why.
//
//   auto policy = update::RemotePolicy::Open({.remotes = {"https://pins.example.com"},
//                                             .state = "/var/lib/app/pins",
//                                             .root = kRootJson, .base = kFirstPolicy});
//   auto enforcer = tls::Enforcer::Create({.policy = *policy, .trust = trust});
//
// The policy in force at first is the highest of the one in the state directory and the one that
// was shipped with the program. The repository is asked every six hours, half more or less; sooner
// where its timestamp ends before that; after a failure first in a minute and then ever later; and
// once, soon, where a door saw a server that did not match its pins.
//
// The channel is TLS verified by public roots, never pinned by the policy that it carries, which
// could otherwise cut off its own repair. libcurl is loaded by the first poll.
//
// Every member may be called from any thread. The source has one thread, with all signals blocked,
// which does not survive a fork: open the source after forking.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/policy.h>
#include <cotter/policy_source.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::update {

// Whether http:// may be fetched. Signatures hold without TLS; who reads along sees what is
// fetched.
enum class Cleartext : std::uint8_t { kRefuse, kInsecureAllow };

// PollOutcome is what came of one poll.
enum class PollOutcome : std::uint8_t {
  kUpdated,    // another policy is in force
  kUnchanged,  // the one in force is the newest
  kRejected,   // what was offered was not taken, or nothing was: the policy is as it was
};

// NameOf is "updated", "unchanged" or "update_rejected". Static storage.
[[nodiscard]] std::string_view NameOf(PollOutcome outcome) noexcept;

// PollEvent is one poll, as data.
struct PollEvent {
  PollOutcome outcome = PollOutcome::kUnchanged;
  Time time;                  // when it began
  std::uint64_t version = 0;  // of the policy in force after it; 0 where there is none

  // Where it was rejected: the step of the client workflow ("timestamp", "snapshot", "policy" ...;
  // docs/distribution.md lists them), why, and the repository whose fault it is; empty where it is
  // this machine's.
  std::string step{};
  Error error{};
  std::string remote{};

  std::int64_t next_seconds = 0;  // until the next poll

  // What stands beside the policy and was not taken: emergency statements, files of delegates. It
  // is in the way of nothing.
  std::vector<Error> notices{};
};

// RemoteStatus is how the source stands.
struct RemoteStatus {
  std::uint64_t version = 0;                // of the policy in force
  std::optional<Time> last_success{};       // when a poll went well, in this process
  std::optional<Time> timestamp_expires{};  // of the repository's timestamp, then
  std::optional<PollEvent> rejected{};      // the last poll, where it was
  std::uint64_t updated = 0;                // polls, by what came of them
  std::uint64_t unchanged = 0;
  std::uint64_t rejections = 0;
  std::uint64_t early = 0;  // polls among them that a mismatch brought forward

  // The emergency statements that are in force now.
  std::vector<EmergencyStatement> emergency{};
};

// RemoteOptions says what is fetched, and where it is kept. Paths are read when they are needed.
struct RemoteOptions {
  // Base URLs of the repository and its mirrors, with metadata/ and targets/ below them. Tried in
  // order.
  std::vector<std::string> remotes;

  // What this client is: it takes ENVIRONMENT/policy.json, and no policy of another environment.
  std::string environment = "production";

  // The directory that keeps what is trusted, policy.json and the floor below which no version is
  // taken. Made where it is not there. Several processes may share one.
  std::string state;

  // The root of trust for a state that is empty, which came another way than the network: the
  // content of root.json, or a file with it.
  std::string root{};
  std::string root_file{};

  // A policy that was shipped with the program, as text (TOML or JSON) or as a file. It is in force
  // where it is of a higher version than that of the state. May be empty.
  std::string base{};
  std::string base_file{};

  // A file outside of the state that remembers the highest version, so that deleting the state does
  // not make this client forget it. May be empty.
  std::string floor_file{};

  // Trusted roots for the channel, a file in PEM; empty for the system's.
  std::string channel_roots_file{};
  Cleartext cleartext = Cleartext::kRefuse;

  // How long Open waits for the first poll. Whatever comes of it, Open goes on with the policy that
  // is there; at zero it does not wait.
  std::chrono::milliseconds patience{5000};

  // on_event is told of every poll, on the source's thread, after subscribers were called. It may
  // ask the source anything, but not poll. What it throws is dropped. May be empty.
  std::function<void(const PollEvent&)> on_event{};
};

// RemotePolicy is the source.
class RemotePolicy final : public PolicySource {
  class Polling;
  struct Passkey {};  // keeps the constructor to Open

 public:
  // Open begins to follow the repository. Fails where the options are not complete (kUsage), and
  // where there is no policy to begin with: none in the state or shipped, and none came in time.
  // Then it says why the poll was rejected, or kFetchFailed where it took too long; what is wrong
  // with the state or the shipped policy comes first (kUpdateStateInvalid, kWrongEnvironment, the
  // codes of the policy's reader and of PolicyIndex::Build). kInternal where no thread can be
  // started.
  [[nodiscard]] static Result<std::shared_ptr<RemotePolicy>> Open(RemoteOptions options);

  // The destructor ends the thread and waits for it: a fetch ends within about a second.
  ~RemotePolicy() override;

  [[nodiscard]] std::shared_ptr<const PolicyIndex> Current() const noexcept override;
  [[nodiscard]] std::shared_ptr<void> Subscribe(std::function<void()> changed) override;

  // NoteMismatch brings the next poll forward to within half a minute, if no mismatch has done so
  // lately: a quarter of an hour the first time, and twice as long whenever it brought nothing, up
  // to an hour. Doors call it.
  void NoteMismatch() noexcept override;

  // Poll asks the repository now, and waits for what comes of it: for a program that was told
  // (SIGHUP). Fails with why the update was rejected; the policy is as it was then.
  Result<PollEvent> Poll();

  // PollSoon asks for a poll now and does not wait for it.
  void PollSoon() noexcept;

  [[nodiscard]] RemoteStatus Status() const;

  // MetricsText is the status in the text exposition format 0.0.4 of Prometheus: cotter_update_*.
  // Allocates.
  [[nodiscard]] std::string MetricsText() const;

  RemotePolicy(Passkey key, std::shared_ptr<Polling> polling);

 private:
  friend class RemotePolicyAccess;  // tests bring their own network, clock and chance
  std::shared_ptr<Polling> polling_;
};

}  // namespace cotter::update
