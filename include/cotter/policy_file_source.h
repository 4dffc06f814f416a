// SPDX-License-Identifier: Apache-2.0
//
// A policy file that is followed while the program runs. The file is read whole, checked and
// compiled before anything changes; then the new policy replaces the old in one step. What cannot
// be used never opens anything: the last good policy stays in force, and the failure is told.
//
// A file is taken where it names the environment that is asked for and its version is higher than
// the one in force. Another policy of the same or a lower version is refused (kPolicyRollback): an
// old one brings back pins that were taken out, and half a file can be a whole policy with fewer
// rules. The floor lives as long as the object; a file at start is taken as it stands. Signed
// distribution keeps its floor on disk.
//
// Every member may be called from any thread. One thread of the object's own looks at the file; it
// does not survive a fork, so a program that forks opens the policy afterwards.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <cotter/policy_source.h>
#include <cotter/result.h>

namespace cotter {

// WatchOptions says what is followed.
struct WatchOptions {
  std::string path;  // TOML, JSON or a compiled policy; may be a link that is exchanged

  // The environment that the policy must be for. Empty: the one of the first policy, for good.
  std::string environment{};

  // How often the file is looked at; at zero only Refresh looks. A file that changed is read when
  // two looks found it the same, so that one that is being written is not taken for a whole one.
  std::chrono::milliseconds interval{std::chrono::seconds(1)};

  // on_failure is told why the file could not be used, once for each failure that differs from the
  // last, on the thread that looked. What it throws is dropped. It may ask the source anything, but
  // not refresh it; nor may subscribers. Empty: LastFailure alone knows.
  std::function<void(const Error&)> on_failure{};
};

// WatchedPolicy is the source.
class WatchedPolicy final : public PolicySource {
  class Watch;
  struct Passkey {};  // keeps the constructor to Open

 public:
  // Open reads the file for the first time. Fails where it cannot be used: kUsage (no path, a
  // negative interval), kFileUnreadable, kFileTooLarge, kWrongEnvironment, kCacheInvalid, what the
  // policy file's reader says, what PolicyIndex::Build says, kInternal where no thread can be
  // started.
  [[nodiscard]] static Result<std::shared_ptr<WatchedPolicy>> Open(WatchOptions options);

  // The destructor ends the thread and waits for it, unless it runs on it: whoever holds the source
  // last may be called by it.
  ~WatchedPolicy() override;

  [[nodiscard]] std::shared_ptr<const PolicyIndex> Current() const noexcept override;
  [[nodiscard]] std::shared_ptr<void> Subscribe(std::function<void()> changed) override;

  // Refresh reads the file now, whether it seems to have changed or not: for a program that was
  // told (SIGHUP). When it returns, the new policy is in force and subscribers have been called.
  // Fails as Open does, and with kPolicyRollback; the last good policy stays.
  Result<void> Refresh();

  // LastFailure is why the file as it stands could not be used; nullopt where it is in force.
  [[nodiscard]] std::optional<Error> LastFailure() const;

  WatchedPolicy(Passkey key, std::shared_ptr<Watch> watch);

 private:
  std::shared_ptr<Watch> watch_;
};

}  // namespace cotter
