// SPDX-License-Identifier: Apache-2.0
//
// PolicyInForce makes the policy that a client enforces out of what was signed: the environment's
// policy, the rules of its delegates, and emergency statements. Nothing that is wrong with the
// latter two is in the way of the first. It keeps in the state directory
//
//   policy.json       what is in force, and what commands follow
//   signed.json       the environment's policy as it was signed, where that is not the same
//   emergency.json    the newest emergency statements, and since when they are known
//   emergency-log.jsonl  each time that one of them came into force, ended or was refused
//   delegates/        the last good file of each delegate, and a copy, should that be damaged
//
// For one thread, and one process at a time: whoever holds the directory's metadata.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "update/client.h"
#include "update/emergency_state.h"
#include <cotter/policy.h>
#include <cotter/result.h>

namespace cotter::update {

// Composed is a policy that is in force.
struct Composed {
  std::string text;  // of policy.json
  std::vector<EmergencyView> emergency;
  std::vector<Error> notices;  // what was not taken, and is in the way of nothing
  Time time;                   // when it was composed
};

class PolicyInForce {
 public:
  PolicyInForce(std::string state, std::string environment)
      : state_(std::move(state)), environment_(std::move(environment)) {}

  // Signed is the environment's policy as it was signed. kFileUnreadable for none.
  [[nodiscard]] Result<std::string> Signed() const;

  // RequireAuthored fails with kPolicyInvalid where `text`, which was signed or shipped as a
  // policy, has what only a client writes into one.
  [[nodiscard]] Result<void> RequireAuthored(const std::string& text);

  // Fetch brings what stands beside `signed_text`: emergency statements, and the files of its
  // delegates. What could not be had or used is returned, and stays as it was.
  std::vector<Error> Fetch(Client& client, const std::string& signed_text);

  // Compose is what is in force of `signed_text` by `clocks`. Writes nothing; what it counted is
  // kept by Write. Fails where `signed_text` is no policy.
  [[nodiscard]] Result<Composed> Compose(const std::string& signed_text, const Clocks& clocks);

  // Write puts it into the state directory. kFileUnreadable.
  [[nodiscard]] Result<void> Write(const std::string& signed_text, const Composed& composed);

  [[nodiscard]] std::string PolicyFile() const { return state_ + "/policy.json"; }

 private:
  [[nodiscard]] std::string SignedFile() const { return state_ + "/signed.json"; }
  [[nodiscard]] std::string EmergencyFilePath() const { return state_ + "/emergency.json"; }
  [[nodiscard]] std::string DelegateFile(const std::string& name) const;
  [[nodiscard]] std::string CopyOf(const std::string& name) const;

  // Plain is a signed text beside which nothing stands: it names no delegates.
  struct Plain {
    Digest content;
  };

  void Load();
  [[nodiscard]] bool StandsAlone(const std::string& signed_text) const;
  Result<void> Log(const std::vector<JsonObject>& news, Time now);
  Result<const Policy*> Parse(const std::string& signed_text);
  Result<void> FetchEmergency(Client& client);
  Result<void> FetchDelegate(Client& client, const Policy& policy, const Delegate& delegate);
  Result<void> KeepDelegate(const Delegate& delegate, const std::string& text);
  [[nodiscard]] Result<std::string> ReadKept(const Delegate& delegate) const;

  std::string state_;
  std::string environment_;
  std::optional<EmergencyState> emergency_;  // once it was looked for
  std::string emergency_text_;               // as it stands on disk
  std::string parsed_text_;                  // what parsed_ was read from
  std::optional<Policy> parsed_;
  std::optional<Plain> plain_;  // read last; a poll that brings nothing new reads no policy
};

// StateView is what stands in a state directory.
struct StateView {
  std::string name;
  std::string environment;
  std::uint64_t version = 0;
  std::uint64_t revision = 0;
  std::optional<Time> timestamp_expires;  // as the metadata says that is there
  std::vector<EmergencyView> emergency;
  std::vector<Error> notices;
};

// ViewState looks at the state directory `state`, by `clocks`, and changes nothing.
// kUpdateStateInvalid where there is no policy; the codes of ReadPolicy.
[[nodiscard]] Result<StateView> ViewState(const std::string& state, const Clocks& clocks);

}  // namespace cotter::update
