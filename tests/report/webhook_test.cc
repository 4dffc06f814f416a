// SPDX-License-Identifier: Apache-2.0
//
// Alerts to people, and the courier that carries them. S1-35.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/report/sample_event.h"
#include <cotter/report_spool.h>

namespace cotter::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::int64_t kStart = 1'800'000'000;

WebhookOptions Options(std::vector<std::string>& log) {
  return {.url = "https://hooks.example.net/services/T0/SECRET",
          .log = [&log](std::string_view line) { log.emplace_back(line); },
          .random = [] { return std::uint64_t{0}; }};
}

std::string BodyOf(WebhookForm form) {
  std::vector<std::string> log;
  WebhookOptions options = Options(log);
  options.form = form;
  options.routing_key = "R0";
  const auto webhook = MakeWebhook(options).value();
  webhook->Tell(SampleEvent("api.example.com", kStart));
  std::string body;
  webhook->Deliver(
      [&body](const PostRequest& request) {
        body = request.body;
        return PostReply{.status = 200};
      },
      Time{kStart});
  return body;
}

TEST(Webhook, SpeaksTheFormOfItsReceiver_S1_35_S1_48) {
  EXPECT_THAT(BodyOf(WebhookForm::kGeneric),
              HasSubstr("\"text\":\"SSL pin mismatch: api.example.com\""));
  EXPECT_EQ(BodyOf(WebhookForm::kSlack), "{\"text\":\"SSL pin mismatch: api.example.com, found " +
                                             std::string(kLeafPin) + " " + std::string(kRootPin) +
                                             "\"}");
  const std::string pager = BodyOf(WebhookForm::kPagerDuty);
  EXPECT_THAT(pager, HasSubstr("\"routing_key\":\"R0\",\"event_action\":\"trigger\""));
  EXPECT_THAT(pager, HasSubstr("\"summary\":\"SSL pin mismatch: api.example.com\""));
}

TEST(Webhook, LogsEachFailureWithoutItsSecretAndGivesUpInTheEnd_S1_35) {
  std::vector<std::string> log;
  const auto webhook = MakeWebhook(Options(log)).value();
  webhook->Tell(SampleEvent("api.example.com", kStart));
  int posts = 0;
  const PostFunction refused = [&posts](const PostRequest&) -> Result<PostReply> {
    ++posts;
    return PostReply{.status = 500};
  };
  while (const auto due = webhook->NextDue()) webhook->Deliver(refused, *due);
  EXPECT_EQ(posts, 4);
  ASSERT_THAT(log, SizeIs(4));
  EXPECT_EQ(log[0],
            "event=alert_failed host=api.example.com to=https://hooks.example.net status=500 "
            "retry=yes");
  EXPECT_THAT(log[3], HasSubstr("retry=no"));
  for (const std::string& line : log) EXPECT_THAT(line, Not(HasSubstr("SECRET")));
}

TEST(Webhook, DropsTheOldestAndSaysSo) {
  std::vector<std::string> log;
  const auto webhook = MakeWebhook(Options(log)).value();
  for (std::size_t i = 0; i <= kMaxWaitingAlerts; ++i) {
    webhook->Tell(SampleEvent("h" + std::to_string(i) + ".example.com", kStart));
  }
  EXPECT_THAT(log, ElementsAre("event=alert_dropped msg=\"too many wait\" host=h0.example.com"));
}

TEST(Webhook, IsNotSentThroughAConnectionThatFailsItsPins) {
  std::vector<std::string> log;
  const auto webhook = MakeWebhook(Options(log)).value();
  webhook->Tell(SampleEvent("hooks.example.net", kStart));
  EXPECT_EQ(webhook->NextDue(), std::nullopt);
  EXPECT_THAT(log, SizeIs(1));
}

TEST(Webhook, RefusesClearTextAndAMissingKey) {
  EXPECT_FALSE(MakeWebhook({.url = "http://hooks.example.net/"}));
  EXPECT_FALSE(MakeWebhook({.url = "https://x.example/", .form = WebhookForm::kPagerDuty}));
}

TEST(Courier, DeliversFromAThreadOfItsOwnAndStops) {
  std::vector<std::string> log;
  const auto webhook = MakeWebhook(Options(log)).value();
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> bodies;
  const auto courier = Courier::Start(
      {webhook, nullptr},
      [&](const PostRequest& request) {
        const std::lock_guard lock(mutex);
        bodies.push_back(request.body);
        changed.notify_one();
        return PostReply{.status = 200};
      },
      [] { return Time{kStart}; });
  for (std::size_t i = 1; i <= 3; ++i) {
    webhook->Tell(SampleEvent("api.example.com", kStart));
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(60),
                                 [&bodies, i] { return bodies.size() == i; }));
  }
}

}  // namespace
}  // namespace cotter::report
