// SPDX-License-Identifier: Apache-2.0
#include "update/policy_in_force.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/file.h"
#include "policy/policy_file.h"
#include "tests/support/temp_dir.h"

namespace cotter::update {
namespace {

const std::string kPins =
    R"("pins":[{"pin":"sha256/Vjs8r4z+80wjNcr1YKepWQboSIRi63WsWXhIMN+eWys="}])";
const std::string kSigned =
    R"({"policy":{"environment":"production","version":1},"host":[{"pattern":"a.test",)" + kPins +
    R"(}],"delegate":[{"name":"pay","target":"production/pay.json","hosts":["**.pay.test"]}]})";
const std::string kTheirs =
    R"({"policy":{"environment":"production","version":1},"host":[{"pattern":"x.pay.test",)" +
    kPins + "}]}";

// What became of the delegate's rules: whether they are in force, and what was told.
struct Outcome {
  bool in_force = false;
  std::size_t notices = 0;
};

void Put(const std::string& folder, const char* name, const std::string& text) {
  std::filesystem::create_directories(folder + "/delegates");
  ASSERT_TRUE(base::WriteFileAtomically(folder + "/delegates/" + name, AsBytes(text)));
}

Outcome Compose(const std::string& folder) {
  PolicyInForce files(folder, "production");
  const Result<Composed> composed =
      files.Compose(kSigned, Clocks{.wall = Time{1'790'000'000}, .boot_id = {}});
  if (!composed) return {};
  const Result<Policy> policy = policy::ReadPolicy(composed->text, "policy.json");
  return {.in_force = policy && policy->hosts.size() == 2, .notices = composed->notices.size()};
}

// A delegate whose file was damaged had no rules until the next fetch.
TEST(PolicyInForce, TakesTheCopyOfADelegatesFileThatIsDamaged) {
  const test::TempDir state;
  EXPECT_EQ(Compose(state.path()).notices, 0U) << "nothing was fetched yet";
  Put(state.path(), "pay.json", kTheirs);
  Put(state.path(), "pay.copy", kTheirs);
  EXPECT_TRUE(Compose(state.path()).in_force);
  EXPECT_EQ(Compose(state.path()).notices, 0U);
  for (const std::string& damaged : {kTheirs.substr(0, 90), std::string(), std::string("x")}) {
    Put(state.path(), "pay.json", damaged);
    const Outcome outcome = Compose(state.path());
    EXPECT_TRUE(outcome.in_force) << damaged;
    EXPECT_EQ(outcome.notices, 1U) << "a damaged file is told";
  }
  std::filesystem::remove(state.path() + "/delegates/pay.json");
  EXPECT_TRUE(Compose(state.path()).in_force);
}

TEST(PolicyInForce, TellsOfADelegateWhoseFileAndCopyAreDamaged) {
  const test::TempDir state;
  Put(state.path(), "pay.json", "x");
  EXPECT_EQ(Compose(state.path()).notices, 1U);
  Put(state.path(), "pay.copy", "y");
  const Outcome outcome = Compose(state.path());
  EXPECT_FALSE(outcome.in_force);
  EXPECT_GE(outcome.notices, 1U);
}

}  // namespace
}  // namespace cotter::update
