// SPDX-License-Identifier: Apache-2.0
//
// What a client remembers of emergency statements, so that each ends when it has to: when it saw
// one first, how long that has been by a clock that nobody can put back, and which are over. It
// survives restarts; a clock that is put back, a statement that is sent again and a file that is
// played back prolong nothing. For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "update/emergency_file.h"
#include "update/json_value.h"
#include <cotter/policy.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::update {

// Statements that are remembered; those of the newest file are never forgotten.
inline constexpr std::size_t kMaxRemembered = 256;

// Clocks is what the clocks of the machine say at one moment.
struct Clocks {
  Time wall;
  std::string boot_id;  // empty: the system does not say
  std::int64_t since_boot = 0;
};

// ReadClocks asks them.
[[nodiscard]] Clocks ReadClocks();

// How a statement stands with a client.
enum class EmergencyStanding : std::uint8_t {
  kInForce,
  kWaits,    // its beginning has not come
  kOver,     // it has ended
  kRefused,  // it has no effect, and `why` says why
};

// NameOf is the standing's stable name. Static storage.
[[nodiscard]] std::string_view NameOf(EmergencyStanding standing) noexcept;

// EmergencyView is one statement, for people.
struct EmergencyView {
  EmergencyStatement
      statement;  // `until` as this client has it; of a refused one perhaps the id alone
  EmergencyStanding standing = EmergencyStanding::kRefused;
  std::optional<Error> why;
};

class EmergencyState {
 public:
  // Read takes what Write wrote. kUpdateStateInvalid for anything else.
  [[nodiscard]] static Result<EmergencyState> Read(std::string_view text);
  [[nodiscard]] std::string Write() const;

  // Keep has what `in_force` says go on while no file is known: for a client whose state was lost
  // or damaged. Nothing that was lost loosens anything, and the revision goes on from there.
  void Keep(const Policy& in_force);

  // Take makes `content`, which the emergency role signed by `signers` different keys where
  // `threshold` have to, the file that counts from now on. kEmergencyInvalid for too few signers
  // or a file that is none, kWrongEnvironment, kPolicyRollback for a version below the one before;
  // then the file before goes on counting.
  [[nodiscard]] Result<void> Take(std::string_view content, const std::string& environment,
                                  std::size_t signers, std::size_t threshold);

  // Apply writes the statements that are in force into `policy`, which was signed and has the rules
  // of its delegates, and tells how each one stands. `policy.revision` grows where the whole
  // differs from what was applied before; it is 0 until something first stands beside the signed
  // policy.
  std::vector<EmergencyView> Apply(Policy& policy, const Clocks& clocks);

  // News is what is new in `views`, which Apply returned, since it was asked last: an event for
  // each statement that stands otherwise, with who can be asked about it.
  std::vector<JsonObject> News(const std::vector<EmergencyView>& views);

  // content is the file that counts; empty for none yet. Borrowed.
  [[nodiscard]] const std::string& content() const noexcept COTTER_LIFETIME_BOUND {
    return content_;
  }

  // knows reports whether there is anything to remember; what is only kept is not.
  [[nodiscard]] bool knows() const noexcept {
    return !content_.empty() || (revision_ != 0 && kept_.empty());
  }

 private:
  struct Seen {
    std::string id;
    Digest digest{};
    Time first;                 // by the wall clock, when it was first seen
    std::int64_t spent = 0;     // seconds since then, by whichever clock went on further
    std::optional<Time> until;  // as it was applied last: it never moves back into the future
    bool over = false;
    bool accepted = false;  // of kRevoke: it was in force once
  };

  void Advance(const Clocks& clocks);
  Seen& Remember(const SignedStatement& statement, Time now);
  void Forget();
  EmergencyView Stand(const SignedStatement& statement, const Policy& policy, Time now);
  EmergencyView StandRevoke(const SignedStatement& statement, const Policy& policy, Seen& seen);
  EmergencyView StandForATime(const SignedStatement& statement, const Policy& policy, Seen& seen,
                              Time now);

  std::string content_;  // the file that counts; empty for none yet
  EmergencyFile file_;
  std::size_t signers_ = 0;
  std::size_t threshold_ = 0;
  std::vector<Seen> seen_;
  std::optional<Clocks> last_;  // when time was counted last
  std::uint64_t revision_ = 0;
  std::optional<Digest> applied_;  // of what was applied last
  std::vector<EmergencyStatement> kept_;
  std::vector<JsonObject> told_;  // the last event of each statement that is listed
};

}  // namespace cotter::update
