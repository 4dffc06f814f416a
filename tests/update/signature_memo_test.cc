// SPDX-License-Identifier: Apache-2.0
//
// What was verified is remembered, and nothing that differs from it in one byte, key or threshold.
#include "update/signature_memo.h"

#include <gtest/gtest.h>

#include "tests/update/memory_repository.h"
#include "update/verify.h"

namespace cotter::update {
namespace {

TEST(SignatureMemo, AnswersAsTheVerificationDoesForEveryQuestionAfterAGoodOne_S3_13) {
  test::MemoryRepository repository;
  const Root root = ReadRoot(repository.files["2.root.json"]).value();
  const Timestamp good = ReadTimestamp(repository.files["timestamp.json"]).value();
  SignatureMemo memo;
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(memo.Verify(good, root.timestamp, root.keys));

  const auto refused = [&](const Envelope& file, const RoleKeys& role, const KeySet& keys) {
    EXPECT_FALSE(VerifySignatures(file, role, keys));
    return !memo.Verify(file, role, keys) && !memo.Verify(file, role, keys);
  };
  EXPECT_TRUE(refused(good, root.snapshot, root.keys)) << "another role's keys";
  RoleKeys more = root.timestamp;
  more.threshold += 1;
  EXPECT_TRUE(refused(good, more, root.keys)) << "a higher threshold";
  KeySet other = root.keys;
  other.erase(root.timestamp.keyids.front());
  EXPECT_TRUE(refused(good, root.timestamp, other)) << "a key that was taken out";
  // Another key under the same id.
  other.emplace(root.timestamp.keyids.front(), root.keys.at(root.snapshot.keyids.front()));
  EXPECT_TRUE(refused(good, root.timestamp, other));
  for (std::size_t at = 0; at < good.signed_bytes.size(); at += 7) {
    Timestamp changed = good;
    changed.signed_bytes[at] = static_cast<char>(changed.signed_bytes[at] ^ 1);
    EXPECT_TRUE(refused(changed, root.timestamp, root.keys)) << at;
  }
  Timestamp changed = good;
  changed.signatures.pop_back();
  EXPECT_TRUE(refused(changed, root.timestamp, root.keys)) << "a signature less";
  EXPECT_TRUE(memo.Verify(good, root.timestamp, root.keys));
}

}  // namespace
}  // namespace cotter::update
