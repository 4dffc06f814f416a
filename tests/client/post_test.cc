// SPDX-License-Identifier: Apache-2.0
//
// Reports and alerts on their way over real connections: through the pinned client, and never to a
// server that fails its pins.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/served_client.h"
#include "tests/support/temp_dir.h"
#include <cotter/client_post.h>

namespace cotter::client {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr Time kNow{1'800'000'000};

report::ViolationEvent Event() {
  report::ViolationEvent event;
  event.time = kNow;
  event.host = "broken.example.org";
  event.port = 443;
  event.outcome = Outcome::kPinMismatch;
  event.reasons.Add(Reason::kNoPinMatched);
  event.code = Code::kPinMismatch;
  event.policy_name = "acme";
  event.policy_version = 42;
  return event;
}

class PostTest : public ::testing::Test {
 protected:
  report::LogFunction Log() {
    return [this](std::string_view line) { log_.emplace_back(line); };
  }
  std::shared_ptr<report::Spool> OpenSpool(const lab::Server& server) {
    return report::OpenSpool({.directory = dir_.File("spool"),
                              .report_url = UrlOf(kHost, server, "/v1/hpkp"),
                              .log = Log(),
                              .random = [] { return std::uint64_t{0}; }})
        .value();
  }

  test::TempDir dir_;
  std::vector<std::string> log_;
};

TEST_F(PostTest, AReportGoesToThePinnedServer) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  {
    const auto spool = OpenSpool(server);
    spool->Tell(Event());
    spool->Deliver(PostThrough(Client::Create(Meeting(server, PinnedTo("leaf"))).value()), kNow);
    EXPECT_EQ(spool->NextDue(), std::nullopt);
    EXPECT_THAT(log_, SizeIs(0));
  }
  const std::string received = Settled(server, 1).details.at(0).application_data;
  EXPECT_THAT(received, HasSubstr("POST /v1/hpkp HTTP/1.1"));
  EXPECT_THAT(received, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(received, HasSubstr(R"("hostname":"broken.example.org")"));
}

// Rule 10 and S1-35: never through a connection that fails its pins, and the failure is logged.
TEST_F(PostTest, AReportServerThatFailsItsPinsGetsNothing_S1_35) {
  const lab::Server server = StartServer(Serving({"rogue-leaf"}));
  {
    const auto spool = OpenSpool(server);
    spool->Tell(Event());
    // The client's own violation comes back to the spool, which does not report on its own server.
    Options options = Meeting(server, PinnedTo("leaf"));
    options.violations = spool;
    spool->Deliver(PostThrough(Client::Create(std::move(options)).value()), kNow);
    EXPECT_EQ(spool->Records(), 1U);
    EXPECT_NE(spool->NextDue(), std::nullopt);  // it waits for a server that is the right one
    ASSERT_THAT(log_, SizeIs(2));
    EXPECT_THAT(log_[0], HasSubstr("event=report_not_spooled"));
    EXPECT_THAT(log_[1], HasSubstr("event=report_failed"));
    EXPECT_THAT(log_[1], HasSubstr("code=pin_mismatch"));
  }
  EXPECT_EQ(Settled(server, 1).details.at(0).application_data, "");
}

TEST_F(PostTest, RetryAfterIsHonoured) {
  lab::ServerOptions busy = Serving({"leaf"});
  busy.response = "HTTP/1.1 503 Busy\r\nRetry-After: 1000\r\nContent-Length: 0\r\n\r\n";
  const lab::Server server = StartServer(std::move(busy));
  const auto spool = OpenSpool(server);
  spool->Tell(Event());
  spool->Deliver(PostThrough(Client::Create(Meeting(server, PinnedTo("leaf"))).value()), kNow);
  EXPECT_EQ(spool->NextDue(), Time{kNow.unix_seconds + 1000});
}

// The whole way: a courier's thread, a webhook, the client, a server.
TEST_F(PostTest, ACourierCarriesAnAlert_S1_35_S1_48) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  {
    const auto webhook =
        report::MakeWebhook({.url = UrlOf(kHost, server, "/hook"), .log = Log()}).value();
    const auto courier = report::Courier::Start(
        {webhook}, PostThrough(Client::Create(Meeting(server, PinnedTo("leaf"))).value()),
        [] { return kNow; });
    webhook->Tell(Event());
    EXPECT_TRUE(server.WaitFor(
        [](const lab::ServerRecord& record) {
          return !record.details.empty() &&
                 record.details.at(0).application_data.find('}') != std::string::npos;
        },
        kPatience));
  }
  EXPECT_THAT(server.Record().details.at(0).application_data,
              HasSubstr(R"("text":"SSL pin mismatch: broken.example.org")"));
}

}  // namespace
}  // namespace cotter::client
