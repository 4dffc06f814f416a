// SPDX-License-Identifier: Apache-2.0
#include "watch/state.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "tests/support/temp_dir.h"

namespace cotter::watch {
namespace {

constexpr Time kNow{1'700'000'000};

Digest DigestOf(std::uint8_t first) {
  Digest digest;
  digest.bytes[0] = first;
  digest.bytes[1] = 1;  // one byte repeated would be a placeholder
  return digest;
}

ServerMemory SomeMemory() {
  ServerMemory memory;
  memory.leaf_keys = {{DigestOf(1), Time{10}}, {DigestOf(2), Time{20}}};
  memory.intermediates = {{DigestOf(3), Time{10}}};
  memory.unexpected = {{DigestOf(4), Time{30}}};
  memory.backup_proofs = {{DigestOf(5), Time{40}}};
  memory.key_changes = 7;
  memory.last_change = KeyChange{.at = Time{20}, .before = {DigestOf(1)}, .after = DigestOf(2)};
  memory.last_look = Time{50};
  memory.last_success = Time{50};
  ServerFacts facts;
  facts.target = "api.example.com:443";
  facts.at = Time{50};
  SeenChainFacts chain;
  chain.leaf = DigestOf(2);
  chain.presented = {DigestOf(2), DigestOf(3)};
  chain.path = {DigestOf(2), DigestOf(3), DigestOf(9)};
  chain.issuer = "CN=\"Ünïcode\"";
  chain.outcome = Outcome::kPinnedOk;
  facts.chains = {chain};
  facts.peers = {PeerFacts{.peer = "192.0.2.1:443",
                           .error = std::nullopt,
                           .message = "",
                           .version = "TLSv1.3",
                           .chains = {0},
                           .times = {1, 2, 3}}};
  memory.facts = facts;
  return memory;
}

Notification SomeAlert(Notice notice = Notice::kFiring) {
  Notification alert;
  alert.notice = notice;
  alert.subject = {.name = "api.example.com:443",
                   .host = "api.example.com",
                   .group = "g",
                   .region = "r",
                   .vendor = "v",
                   .owner = "o"};
  alert.condition = {.code = Code::kPinMismatch,
                     .severity = Severity::kCritical,
                     .text = "SSL pin mismatch: api.example.com",
                     .details = "line\nline"};
  alert.since = Time{99};
  return alert;
}

class StateTest : public testing::Test {
 protected:
  std::unique_ptr<State> Open() {
    auto state = State::Open(folder(), kNow);
    if (!state) ADD_FAILURE() << state.error().message;
    return state ? *std::move(state) : nullptr;
  }
  [[nodiscard]] std::string folder() const { return temp_.path() + "/state"; }
  [[nodiscard]] std::string file() const { return folder() + "/watch.db"; }

  [[nodiscard]] std::size_t FilesAside() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      if (entry.path().filename().string().starts_with("watch.db.damaged-")) ++count;
    }
    return count;
  }

  test::TempDir temp_;
};

TEST_F(StateTest, GivesBackWhatWasCommitted) {
  {
    const auto state = Open();
    EXPECT_TRUE(state->trouble().empty()) << state->trouble();
    state->PutServer("api.example.com:443", SomeMemory());
    state->PutAlert(SomeAlert());
    state->PutEntry("pager", {5, SomeAlert()});
    state->PutEntry("pager", {6, SomeAlert(Notice::kResolved)});
    state->PutEntry("pager", {7, SomeAlert()});
    state->DropEntry(7);
    state->PutSequence("fra", 1234);
    ASSERT_TRUE(state->Commit(kNow));
    state->PutSequence("fra", 9999);  // noted, never committed
  }
  Stored stored = Open()->Load();
  ASSERT_EQ(stored.servers.size(), 1U);
  EXPECT_EQ(stored.servers[0].first, "api.example.com:443");
  EXPECT_EQ(stored.servers[0].second, SomeMemory());
  ASSERT_EQ(stored.alerts.size(), 1U);
  EXPECT_EQ(stored.alerts[0].condition.text, "SSL pin mismatch: api.example.com");
  EXPECT_EQ(stored.alerts[0].subject.vendor, "v");
  ASSERT_EQ(stored.outbox.size(), 2U);
  EXPECT_EQ(stored.outbox[1].sink, "pager");
  EXPECT_EQ(stored.outbox[1].entry.id, 6);
  EXPECT_EQ(stored.outbox[1].entry.notification.notice, Notice::kResolved);
  ASSERT_EQ(stored.sequences.size(), 1U);
  EXPECT_EQ(stored.sequences[0].second, 1234U);
  EXPECT_EQ(stored.written, kNow);
}

TEST_F(StateTest, IsForOneProcess) {
  const auto state = Open();
  const auto second = State::Open(folder(), kNow);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kStateUnusable);
}

TEST_F(StateTest, OthersCannotReadIt) {
  const auto state = Open();
  namespace fs = std::filesystem;
  EXPECT_EQ(fs::status(folder()).permissions() & fs::perms(077), fs::perms::none);
  EXPECT_EQ(fs::status(file()).permissions() & fs::perms(077), fs::perms::none);
}

TEST_F(StateTest, KeepsADamagedDatabaseAsideAndBeginsAnew) {
  {
    const auto state = Open();
    state->PutAlert(SomeAlert());
    ASSERT_TRUE(state->Commit(kNow));
  }
  {
    std::fstream out(file(), std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(0);
    out << std::string(4096, 'x');
  }
  const auto state = Open();
  EXPECT_NE(state->trouble().find("damaged"), std::string::npos) << state->trouble();
  EXPECT_TRUE(state->TakeRewrite());
  EXPECT_EQ(FilesAside(), 1U);
  EXPECT_TRUE(state->Load().alerts.empty());
  state->PutAlert(SomeAlert());
  EXPECT_TRUE(state->Commit(kNow));
  EXPECT_TRUE(state->trouble().empty());
}

TEST_F(StateTest, ALaterVersionIsLeftAsItIs) {
  { const auto state = Open(); }
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &handle), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(handle, "PRAGMA user_version = 2", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(handle);
  const auto state = Open();
  EXPECT_NE(state->trouble().find("later version"), std::string::npos);
  state->PutAlert(SomeAlert());
  EXPECT_FALSE(state->Commit(kNow));
  EXPECT_EQ(FilesAside(), 0U);
  EXPECT_EQ(state->waiting(), 1U);
}

TEST_F(StateTest, WhatCouldNotBeWrittenIsWrittenLater) {
  const auto state = Open();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  state->PutAlert(SomeAlert());
  const Result<void> locked = state->Commit(kNow);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, Code::kStateUnusable);
  EXPECT_FALSE(state->is_writable());
  state->DropAlert(SomeAlert().Key());
  state->PutAlert(SomeAlert());
  EXPECT_EQ(state->waiting(), 1U);  // the latest of each thing alone
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_TRUE(state->Commit(kNow));
  EXPECT_TRUE(state->is_writable());
  EXPECT_EQ(state->waiting(), 0U);
}

// FullDisk lets no file of this process grow over `bytes`.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(StateTest, AFullDiskLosesNothing) {
  {
    const auto state = Open();
    state->PutAlert(SomeAlert());
    ASSERT_TRUE(state->Commit(kNow));
    constexpr int kMany = 200;
    for (int i = 0; i < kMany; ++i) {
      Notification alert = SomeAlert();
      alert.subject.name = "s" + std::to_string(i);
      alert.condition.details = std::string(4000, 'd');
      state->PutAlert(alert);
    }
    {
      const FullDisk full(64 << 10);
      EXPECT_FALSE(state->Commit(kNow));
      EXPECT_FALSE(state->is_writable());
      EXPECT_FALSE(state->Commit(kNow));
      EXPECT_EQ(state->waiting(), static_cast<std::size_t>(kMany));
    }
    EXPECT_TRUE(state->Commit(kNow)) << state->trouble();
    EXPECT_EQ(state->waiting(), 0U);
  }
  EXPECT_EQ(Open()->Load().alerts.size(), 201U);
}

}  // namespace
}  // namespace cotter::watch
