// SPDX-License-Identifier: Apache-2.0
//
// How statements stand with a client over time: they end when they have to, whatever is done to its
// clock, its state and the files that it is sent.
#include "update/emergency_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy_file.h"
#include <cotter/policy_index.h>

namespace cotter::update {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kHour = 3600;
constexpr std::string_view kPinA = "sha256/C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M=";
constexpr std::string_view kPinB = "sha256/pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=";

Time At(std::string_view text) { return ParseTime(text).value(); }

const Time kBegin = At("2026-11-26T10:00:00Z");

Time After(std::int64_t seconds) { return Time{kBegin.unix_seconds + seconds}; }

Policy TwoPins() {
  return policy::ReadPolicy(
             "[policy]\nenvironment = \"production\"\nversion = 7\n[[host]]\n"
             "pattern = \"api.example.com\"\npins = [{ pin = \"" +
                 std::string(kPinA) + "\" }, { pin = \"" + std::string(kPinB) +
                 "\", use = \"backup\" }]\n",
             "p")
      .value();
}

SignedStatement Suspend(const std::string& id = "S1", std::int64_t hours = 24) {
  SignedStatement statement;
  statement.what.id = id;
  statement.what.rules.push_back({.pattern = HostPattern::Parse("api.example.com").value()});
  statement.what.reason = "r";
  statement.what.ticket = "T";
  statement.begins = kBegin;
  statement.what.until = After(hours * kHour);
  return statement;
}

SignedStatement Revoke(std::string_view pin, const std::string& id) {
  SignedStatement statement = Suspend(id);
  statement.what.kind = EmergencyKind::kRevoke;
  statement.what.pin.digest = ParsePin(pin).value();
  return statement;
}

std::string FileOf(std::vector<SignedStatement> statements, std::int64_t version = 1) {
  EmergencyFile file;
  file.environment = "production";
  file.version = version;
  file.statements = std::move(statements);
  return WriteEmergencyFile(file);
}

// Client is a client over restarts: its state goes through its file each time.
struct Client {
  Result<void> Take(const std::string& content, std::size_t signers = 2) {
    EmergencyState state = Load();
    const Result<void> taken = state.Take(content, "production", signers, 2);
    text = state.Write();
    return taken;
  }

  // Look is how the statements stand, as "S1 in_force, R1 refused".
  std::string Look(Time wall, std::string boot = "boot 1", std::int64_t since_boot = 0) {
    EmergencyState state = Load();
    policy = TwoPins();
    std::string out;
    for (const EmergencyView& view : state.Apply(policy, {wall, std::move(boot), since_boot})) {
      out +=
          (out.empty() ? "" : ", ") + view.statement.id + " " + std::string(NameOf(view.standing));
      if (view.why) why = view.why->message;
    }
    text = state.Write();
    return out;
  }

  [[nodiscard]] EmergencyState Load() const {
    return text.empty() ? EmergencyState() : EmergencyState::Read(text).value();
  }

  std::string text;
  std::string why;
  Policy policy;
};

TEST(EmergencyState, StatementIsInForceFromItsBeginningToItsEnd_S3_39) {
  Client client;
  ASSERT_TRUE(client.Take(FileOf({Suspend()})));
  EXPECT_EQ(client.Look(After(-1)), "S1 waits");
  EXPECT_EQ(client.policy.revision, 0U);
  EXPECT_EQ(client.Look(After(0), "boot 1", 1), "S1 in_force");
  EXPECT_EQ(client.policy.revision, 1U);
  ASSERT_EQ(client.policy.emergency.size(), 1U);
  EXPECT_EQ(client.policy.emergency[0].until, After(24 * kHour));
  EXPECT_EQ(client.Look(After(24 * kHour - 2), "boot 1", 24 * kHour - 1), "S1 in_force");
  EXPECT_EQ(client.policy.revision, 1U);
  EXPECT_EQ(client.Look(After(24 * kHour), "boot 1", 24 * kHour + 1), "S1 over");
  EXPECT_EQ(client.policy.revision, 2U);
  EXPECT_TRUE(client.policy.emergency.empty());
}

// A clock that is put back, in one run of the machine or over its starts, prolongs nothing.
TEST(EmergencyState, ClockSetBackDoesNotProlong_S3_39) {
  Client client;
  ASSERT_TRUE(client.Take(FileOf({Suspend()})));
  EXPECT_EQ(client.Look(After(0), "boot 1", 100), "S1 in_force");
  EXPECT_EQ(client.Look(After(0), "boot 1", 100 + 23 * kHour), "S1 in_force");
  EXPECT_EQ(client.policy.emergency[0].until, After(kHour));  // by the clock as it stands
  EXPECT_EQ(client.Look(After(-5 * kHour), "boot 1", 100 + 24 * kHour), "S1 over");
  EXPECT_EQ(client.Look(After(0), "boot 1", 101 + 24 * kHour), "S1 over");

  Client restarted;
  ASSERT_TRUE(restarted.Take(FileOf({Suspend()})));
  EXPECT_EQ(restarted.Look(After(0), "boot 1", 100), "S1 in_force");
  EXPECT_EQ(restarted.Look(After(0), "boot 2", 12 * kHour), "S1 in_force");
  EXPECT_EQ(restarted.Look(After(0), "boot 3", 11 * kHour), "S1 in_force");
  EXPECT_EQ(restarted.Look(After(0), "boot 4", kHour), "S1 over");
}

// What a clock far ahead ended stays so when it is put right, and later statements are as any.
TEST(EmergencyState, WhatWasOverDoesNotComeBack) {
  Client client;
  ASSERT_TRUE(client.Take(FileOf({Suspend()})));
  EXPECT_EQ(client.Look(After(87'600 * kHour)), "S1 over");
  EXPECT_EQ(client.Look(After(kHour), "boot 1", 10), "S1 over");
  ASSERT_TRUE(client.Take(FileOf({Suspend(), Suspend("S2")}, 2)));
  EXPECT_EQ(client.Look(After(kHour), "boot 1", 20), "S1 over, S2 in_force");
}

// A client with a clock far behind counts from first sight.
TEST(EmergencyState, LastsNoLongerThanFromFirstSight) {
  Client client;
  ASSERT_TRUE(client.Take(FileOf({Suspend("S1", 72)})));
  EXPECT_EQ(client.Look(After(-1000 * kHour), "boot 1", 0), "S1 waits");
  EXPECT_EQ(client.Look(After(-1000 * kHour), "boot 1", 72 * kHour), "S1 over");
  EXPECT_EQ(client.Look(After(kHour), "boot 1", 72 * kHour + 1), "S1 over");
}

TEST(EmergencyState, OneApproverIsNotEnoughWhateverTheRoleSays) {
  Client client;
  EmergencyState state;
  const Result<void> taken = state.Take(FileOf({Suspend()}), "production", 1, 1);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::kEmergencyInvalid);
  EXPECT_FALSE(state.Take(FileOf({Suspend()}), "production", 2, 3));
}

TEST(EmergencyState, OldOrForeignFileIsRefusedAndTheNewOneGoesOn) {
  Client client;
  ASSERT_TRUE(client.Take(FileOf({Suspend()}, 5)));
  EXPECT_EQ(client.Take(FileOf({Suspend("S9")}, 4)).error().code, Code::kPolicyRollback);
  EXPECT_EQ(client.Take(FileOf({Suspend("S9")}, 5)).error().code, Code::kPolicyRollback);
  EXPECT_TRUE(client.Take(FileOf({Suspend()}, 5)));
  EmergencyState state;
  EXPECT_EQ(state.Take(FileOf({Suspend()}), "staging", 2, 2).error().code, Code::kWrongEnvironment);
  EXPECT_EQ(client.Take("{}").error().code, Code::kEmergencyInvalid);
  EXPECT_EQ(client.Look(After(0)), "S1 in_force");
}

// A statement that was seen is not made longer, or wider, under its id.
TEST(EmergencyState, StatementThatChangesUnderItsIdIsRefused) {
  Client client;
  ASSERT_TRUE(client.Take(FileOf({Suspend("S1", 1)}, 1)));
  EXPECT_EQ(client.Look(After(0)), "S1 in_force");
  ASSERT_TRUE(client.Take(FileOf({Suspend("S1", 72)}, 2)));
  EXPECT_EQ(client.Look(After(1), "boot 1", 1), "S1 refused");
  EXPECT_THAT(client.why, HasSubstr("another statement had this id"));
}

TEST(EmergencyState, TakenBackStatementIsInForceNoMore) {
  Client client;
  ASSERT_TRUE(client.Take(FileOf({Suspend(), Revoke(kPinA, "R1")}, 1)));
  EXPECT_EQ(client.Look(After(0)), "S1 in_force, R1 in_force");
  ASSERT_TRUE(client.Take(FileOf({}, 2)));
  EXPECT_EQ(client.Look(After(1)), "");
  EXPECT_TRUE(client.policy.emergency.empty());
  EXPECT_EQ(client.policy.revision, 2U);
  // Played in again by those who may sign, it has been running all the while.
  ASSERT_TRUE(client.Take(FileOf({Suspend()}, 3)));
  EXPECT_EQ(client.Look(After(1), "boot 1", 24 * kHour), "S1 over");
}

// S3-39: the last pin of a rule needs one signature more; what was in force stays so.
TEST(EmergencyState, RevokingTheLastPinNeedsTheWideThreshold_S3_39) {
  Client client;
  ASSERT_TRUE(client.Take(FileOf({Revoke(kPinA, "R1")}, 1)));
  EXPECT_EQ(client.Look(After(0)), "R1 in_force");
  const std::string both = FileOf({Revoke(kPinA, "R1"), Revoke(kPinB, "R2")}, 2);
  ASSERT_TRUE(client.Take(both));
  EXPECT_EQ(client.Look(After(0)), "R1 in_force, R2 refused");
  EXPECT_THAT(client.why, HasSubstr("3 have to sign, and 2 did"));
  ASSERT_TRUE(client.Take(both, 3));  // the third signature came later
  EXPECT_EQ(client.Look(After(0)), "R1 in_force, R2 in_force");
  ASSERT_TRUE(client.Take(FileOf({Revoke(kPinA, "R1"), Revoke(kPinB, "R2"), Suspend()}, 3)));
  EXPECT_EQ(client.Look(After(0)), "R1 in_force, R2 in_force, S1 in_force");
  const Result<PolicyIndex> index = PolicyIndex::Build(client.policy);
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_TRUE(index->IsRevoked(ParsePin(kPinB).value()));
}

TEST(EmergencyState, RulesThatThePolicyHasNotAreNobodys) {
  Client client;
  SignedStatement other = Suspend();
  other.what.rules[0].pattern = HostPattern::Parse("**.example.com").value();
  ASSERT_TRUE(client.Take(FileOf({other})));
  EXPECT_EQ(client.Look(After(0)), "S1 refused");
}

// Where the system names no starts, the clock that goes on still tells one from the next.
TEST(EmergencyState, CountsWithoutTheNameOfAStart) {
  Client client;
  ASSERT_TRUE(client.Take(FileOf({Suspend()})));
  EXPECT_EQ(client.Look(After(0), "", 100), "S1 in_force");
  EXPECT_EQ(client.Look(After(0), "", 100 + 12 * kHour), "S1 in_force");
  EXPECT_EQ(client.Look(After(-kHour), "", 12 * kHour), "S1 over");
}

TEST(EmergencyState, DamagedStateIsRefused) {
  Client client;
  ASSERT_TRUE(client.Take(FileOf({Suspend(), Revoke(kPinA, "R1")})));
  client.Look(After(0));
  for (std::size_t size = 0; size + 1 < client.text.size(); ++size) {
    EXPECT_FALSE(EmergencyState::Read(client.text.substr(0, size))) << size;
  }
  EXPECT_EQ(EmergencyState::Read(client.text)->Write(), client.text);
}

}  // namespace
}  // namespace cotter::update
