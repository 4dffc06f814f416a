// SPDX-License-Identifier: Apache-2.0
#include "watch/outbox.h"

#include <gtest/gtest.h>

namespace cotter::watch {
namespace {

using std::chrono::seconds;

Notification Of(Notice notice, const std::string& subject, Severity severity = Severity::kWarning) {
  Notification notification;
  notification.notice = notice;
  notification.subject.name = subject;
  notification.condition = {
      .code = Code::kPinMismatch, .severity = severity, .text = "t", .details = ""};
  return notification;
}

const Outbox::SteadyTime kStart{seconds(1000)};

TEST(Outbox, SendsInOrder) {
  Outbox outbox;
  EXPECT_TRUE(outbox.Add(1, Of(Notice::kFiring, "a")).removed.empty());
  EXPECT_TRUE(outbox.Add(2, Of(Notice::kFiring, "b")).removed.empty());
  ASSERT_NE(outbox.Front(kStart), nullptr);
  EXPECT_EQ(outbox.Front(kStart)->id, 1);
  outbox.Begin();
  EXPECT_EQ(outbox.Front(kStart), nullptr);  // one at a time
  outbox.Sent();
  EXPECT_EQ(outbox.Front(kStart)->id, 2);
}

TEST(Outbox, WaitsLongerAfterEachFailureAndNotForEver) {
  Outbox outbox;
  static_cast<void>(outbox.Add(1, Of(Notice::kFiring, "a")));
  Outbox::SteadyTime now = kStart;
  const std::int64_t pauses[] = {2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300};
  for (const std::int64_t pause : pauses) {
    ASSERT_NE(outbox.Front(now), nullptr);
    outbox.Begin();
    outbox.Failed(now);
    EXPECT_EQ(outbox.Front(now + seconds(pause) - seconds(1)), nullptr);
    now += seconds(pause);
  }
  ASSERT_NE(outbox.Front(now), nullptr);
  EXPECT_EQ(outbox.failing_in_a_row(), 12U);
  outbox.Begin();
  outbox.Sent();
  EXPECT_EQ(outbox.failing_in_a_row(), 0U);
  EXPECT_EQ(outbox.size(), 0U);
}

TEST(Outbox, AnAlertThatComesAndGoesWaitsAtMostTwice) {
  Outbox outbox;
  for (std::int64_t id = 1; id < 1000; id += 2) {
    static_cast<void>(outbox.Add(id, Of(Notice::kFiring, "a")));
    static_cast<void>(outbox.Add(id + 1, Of(Notice::kResolved, "a")));
  }
  ASSERT_EQ(outbox.size(), 2U);
  // The order is that of what happened.
  EXPECT_EQ(outbox.EntriesInOrder()[0]->notification.notice, Notice::kFiring);
  EXPECT_EQ(outbox.EntriesInOrder()[1]->notification.notice, Notice::kResolved);
}

TEST(Outbox, WhatIsBeingSentIsNotReplaced) {
  Outbox outbox;
  static_cast<void>(outbox.Add(1, Of(Notice::kFiring, "a")));
  outbox.Begin();
  const Outbox::Added added = outbox.Add(2, Of(Notice::kFiring, "a", Severity::kCritical));
  EXPECT_TRUE(added.removed.empty());
  outbox.Sent();
  EXPECT_EQ(outbox.Front(kStart)->id, 2);
}

TEST(Outbox, OverItsBoundRecoveriesGoFirst) {
  Outbox outbox;
  std::int64_t id = 0;
  static_cast<void>(outbox.Add(++id, Of(Notice::kFiring, "first")));
  static_cast<void>(outbox.Add(++id, Of(Notice::kResolved, "second")));
  while (outbox.size() < kMaxWaiting) {
    ++id;
    static_cast<void>(outbox.Add(id, Of(Notice::kFiring, std::to_string(id))));
  }
  const Outbox::Added added = outbox.Add(++id, Of(Notice::kFiring, "last"));
  ASSERT_EQ(added.removed.size(), 1U);
  EXPECT_EQ(added.removed[0], 2);
  EXPECT_EQ(outbox.dropped(), 1U);
  EXPECT_EQ(outbox.size(), kMaxWaiting);
}

}  // namespace
}  // namespace cotter::watch
