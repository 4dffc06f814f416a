// SPDX-License-Identifier: Apache-2.0
//
// The report spool: what is kept, when it is sent, and what is never sent.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/report/sample_event.h"
#include "tests/support/temp_dir.h"
#include <cotter/report_spool.h>

namespace cotter::report {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::int64_t kStart = 1'800'000'000;
constexpr std::int64_t kDay = 86'400;

// Server answers posts and keeps them.
struct Server {
  Result<PostReply> answer = PostReply{.status = 204};
  std::vector<std::string> bodies{};

  PostFunction Post() {
    return [this](const PostRequest& request) {
      EXPECT_EQ(request.url, "https://reports.example.net/v1/hpkp");
      EXPECT_EQ(request.content_type, "application/json");
      bodies.push_back(request.body);
      return answer;
    };
  }
};

class SpoolTest : public ::testing::Test {
 protected:
  SpoolOptions Options() {
    return {.directory = dir_.File("spool"),
            .report_url = "https://reports.example.net/v1/hpkp",
            .log = [this](std::string_view line) { log_.emplace_back(line); },
            .random = [this] { return random_; }};
  }
  std::shared_ptr<Spool> Open() { return OpenSpool(Options()).value(); }

  test::TempDir dir_;
  std::uint64_t random_ = 0;
  std::vector<std::string> log_;
  Server server_;
};

TEST_F(SpoolTest, SendsTheFirstFailureWithinHalfAMinute) {
  random_ = 30;
  const auto spool = Open();
  EXPECT_EQ(spool->NextDue(), std::nullopt);
  spool->Tell(SampleEvent("api.example.com", kStart));
  EXPECT_EQ(spool->NextDue(), Time{kStart + 30});
  spool->Deliver(server_.Post(), Time{kStart + 29});
  EXPECT_THAT(server_.bodies, IsEmpty());
  spool->Deliver(server_.Post(), Time{kStart + 30});
  EXPECT_THAT(server_.bodies, SizeIs(1));
  EXPECT_EQ(spool->NextDue(), std::nullopt);
}

// RFC 7469, 3, with the policy's version; no peer, no URL, nothing of a person.
TEST_F(SpoolTest, WritesReportsAsRfc7469ShapesThem) {
  const auto spool = Open();
  ViolationEvent event = SampleEvent("api.example.com", kStart);
  event.served_chain = {Bytes{1, 2, 3}};
  event.validated_chain = {Bytes{1, 2, 3}, Bytes{4, 5, 6}};
  event.request = MakeRequest("GET", "https://api.example.com/Patient/17?name=doe", {});
  spool->Tell(event);
  spool->Deliver(server_.Post(), Time{kStart});
  ASSERT_THAT(server_.bodies, SizeIs(1));
  const std::string& body = server_.bodies[0];
  for (
      const std::string_view part :
      {R"("date-time":"2027-01-15T08:00:00Z")", R"("hostname":"api.example.com")", R"("port":443)",
       R"("effective-expiration-date":"2030-03-17T17:46:40Z")", R"("include-subdomains":true)",
       R"("noted-hostname":"example.com")",
       R"("served-certificate-chain":["-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"])",
       R"("validated-certificate-chain":["-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n",)"
       R"("-----BEGIN CERTIFICATE-----\nBAUG\n-----END CERTIFICATE-----\n"])",
       R"("known-pins":["pin-sha256=\"a25vd24ga25vd24ga25vd24ga25vd24ga25vd24gMTI=\""])",
       R"("policy-name":"acme","policy-version":42)", R"("reasons":["pin_mismatch"])",
       R"("count":1)"}) {
    EXPECT_THAT(body, HasSubstr(std::string(part)));
  }
  for (const std::string_view secret : {"192.0.2.7", "Patient", "doe", "GET"}) {
    EXPECT_THAT(body, Not(HasSubstr(std::string(secret))));
  }
}

// One full report a day for each key; counts in between, on the schedule.
TEST_F(SpoolTest, ReportsOnceADayAndCountsInBetween) {
  const auto spool = Open();
  spool->Tell(SampleEvent("api.example.com", kStart));
  spool->Deliver(server_.Post(), Time{kStart});
  std::int64_t now = kStart;
  // With the longest jitter, each wait is the whole step.
  for (const std::int64_t step : {60, 300, 1800, 21600}) {
    random_ = static_cast<std::uint64_t>(step - 1);
    spool->Tell(SampleEvent("api.example.com", now + 1));
    spool->Tell(SampleEvent("api.example.com", now + 2));
    ASSERT_TRUE(spool->NextDue());
    EXPECT_LE(spool->NextDue()->unix_seconds - now, step + 1);
    now = spool->NextDue()->unix_seconds;
    spool->Deliver(server_.Post(), Time{now});
    EXPECT_THAT(server_.bodies.back(), HasSubstr(R"("type":"pin-failure-count")"));
    EXPECT_THAT(server_.bodies.back(), HasSubstr(R"("count":2)"));
  }
  EXPECT_THAT(server_.bodies, SizeIs(5));
  now = kStart + kDay;
  spool->Tell(SampleEvent("api.example.com", now));
  spool->Deliver(server_.Post(), Time{now + kDay});
  ASSERT_THAT(server_.bodies, SizeIs(6));
  EXPECT_THAT(server_.bodies.back(), HasSubstr("known-pins"));
}

TEST_F(SpoolTest, TellsApartHostReasonServedPinsAndPolicyVersion) {
  const auto spool = Open();
  ViolationEvent event = SampleEvent("api.example.com", kStart);
  spool->Tell(event);
  std::swap(event.found[0], event.found[1]);
  spool->Tell(event);  // the same pins
  EXPECT_EQ(spool->Records(), 1U);
  event.policy_version = 43;
  spool->Tell(event);
  event.found.pop_back();
  spool->Tell(event);
  event.reasons.Add(Reason::kRuleExpired);
  spool->Tell(event);
  event.host = "other.example.com";
  spool->Tell(event);
  EXPECT_EQ(spool->Records(), 5U);
}

TEST_F(SpoolTest, KeepsItsRecordsOverARestart) {
  Open()->Tell(SampleEvent("api.example.com", kStart));
  {
    const auto spool = Open();
    EXPECT_EQ(spool->Records(), 1U);
    spool->Deliver(server_.Post(), Time{kStart});
    EXPECT_THAT(server_.bodies, SizeIs(1));
  }
  // Sent already: the same failure is counted, not reported in full again.
  const auto spool = Open();
  spool->Tell(SampleEvent("api.example.com", kStart + 10));
  spool->Deliver(server_.Post(), Time{kStart + kDay - 1});
  ASSERT_THAT(server_.bodies, SizeIs(2));
  EXPECT_THAT(server_.bodies.back(), HasSubstr("pin-failure-count"));
}

TEST_F(SpoolTest, IsPrivateAndHasOneOwner) {
  const auto spool = Open();
  spool->Tell(SampleEvent("api.example.com", kStart));
  struct stat info {};
  for (const auto& entry : std::filesystem::directory_iterator(dir_.File("spool"))) {
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << entry.path();
  }
  ASSERT_EQ(stat(dir_.File("spool").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  EXPECT_FALSE(OpenSpool(Options()));
  std::filesystem::create_directory(dir_.File("shared"));
  ASSERT_EQ(chmod(dir_.File("shared").c_str(), 0755), 0);
  SpoolOptions options = Options();
  options.directory = dir_.File("shared");
  EXPECT_FALSE(OpenSpool(options));
}

TEST_F(SpoolTest, DropsTheOldestOverItsBoundsAndCountsTheDrops) {
  const auto spool = Open();
  for (std::int64_t i = 0; i < 200; ++i) {
    spool->Tell(SampleEvent("h" + std::to_string(i) + ".example.com", kStart + i));
  }
  EXPECT_EQ(spool->Records(), kMaxSpoolRecords);
  EXPECT_EQ(spool->Dropped(), 200 - kMaxSpoolRecords);
  EXPECT_THAT(log_, SizeIs(200 - kMaxSpoolRecords));
  ViolationEvent large = SampleEvent("large.example.com", kStart + 1000);
  large.served_chain = {Bytes(18'000, 7)};
  large.validated_chain = large.served_chain;  // one of the two fits
  for (std::uint64_t i = 0; i < 20; ++i) {
    large.policy_version = i;
    spool->Tell(large);
  }
  std::uintmax_t size = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.File("spool"))) {
    if (entry.path().stem() != "state") size += entry.file_size();
  }
  EXPECT_LE(size, kMaxSpoolBytes);
}

TEST_F(SpoolTest, WaitsLongerAfterEachFailureAndSaysSo_S1_35) {
  const auto spool = Open();
  server_.answer = Error{Code::kConnectRefused, "nothing listens\nthere"};
  spool->Tell(SampleEvent("api.example.com", kStart));
  spool->Tell(SampleEvent("other.example.com", kStart));
  std::int64_t now = kStart;
  for (const std::int64_t step : {60, 300, 1800, 21600, 86400, 86400}) {
    random_ = static_cast<std::uint64_t>(step - 1);
    const std::size_t before = server_.bodies.size();
    spool->Deliver(server_.Post(), Time{now});
    EXPECT_EQ(server_.bodies.size(), before + 1);  // the second record does not wait for it again
    spool->Deliver(server_.Post(), Time{now});
    EXPECT_EQ(server_.bodies.size(), before + 2);
    spool->Deliver(server_.Post(), Time{now + step - 1});
    EXPECT_EQ(server_.bodies.size(), before + 2);
    now += step;
  }
  EXPECT_THAT(log_, SizeIs(12));
  EXPECT_THAT(log_[0], HasSubstr("event=report_failed host="));
  EXPECT_THAT(log_[0], HasSubstr("to=https://reports.example.net code=connect_refused"));
  EXPECT_THAT(log_[0], Not(HasSubstr("\n")));
  server_.answer = PostReply{.status = 200};
  spool->Deliver(server_.Post(), Time{now});
  EXPECT_EQ(spool->NextDue(), std::nullopt);
}

TEST_F(SpoolTest, HonoursRetryAfterAndEndsAt410) {
  auto spool = Open();
  spool->Tell(SampleEvent("a.example.com", kStart));
  spool->Tell(SampleEvent("b.example.com", kStart));
  server_.answer = PostReply{.status = 503, .retry_after_seconds = 1000};
  spool->Deliver(server_.Post(), Time{kStart});
  EXPECT_THAT(server_.bodies, SizeIs(1));
  spool.reset();
  spool = Open();  // the pause holds over a restart
  EXPECT_EQ(spool->NextDue(), Time{kStart + 1000});
  spool->Deliver(server_.Post(), Time{kStart + 999});
  EXPECT_THAT(server_.bodies, SizeIs(1));
  server_.answer = PostReply{.status = 410};
  spool->Deliver(server_.Post(), Time{kStart + 1000});
  EXPECT_THAT(server_.bodies, SizeIs(2));
  EXPECT_EQ(spool->Records(), 0U);
  spool.reset();
  spool = Open();
  spool->Tell(SampleEvent("c.example.com", kStart + 2000));
  EXPECT_EQ(spool->Records(), 0U);
  EXPECT_THAT(log_.back(), HasSubstr("event=reporting_ended"));
}

// What fails its pins is not sent to through the connection that fails.
TEST_F(SpoolTest, NeverSendsAboutTheReportServerToTheReportServer) {
  const auto spool = Open();
  spool->Tell(SampleEvent("reports.example.net", kStart));
  EXPECT_EQ(spool->Records(), 0U);
  ASSERT_THAT(log_, SizeIs(1));
  EXPECT_THAT(log_[0], HasSubstr("event=report_not_spooled"));
}

// The connection that reports go through may fail its own pins, and tell us so while we send.
TEST_F(SpoolTest, MayBeToldOfAViolationWhileItSends) {
  const auto spool = Open();
  spool->Tell(SampleEvent("api.example.com", kStart));
  const std::weak_ptr<Spool> weak = spool;
  spool->Deliver(
      [weak](const PostRequest&) -> Result<PostReply> {
        weak.lock()->Tell(SampleEvent("api.example.com", kStart + 1));
        throw std::runtime_error("out of descriptors");
      },
      Time{kStart});
  EXPECT_THAT(log_.back(), HasSubstr("code=internal"));
  random_ = 0;
  spool->Deliver(server_.Post(), Time{kStart + kDay});
  EXPECT_THAT(server_.bodies.back(), HasSubstr("\"count\":2"));
}

TEST_F(SpoolTest, SamplesOnceAndForAll) {
  SpoolOptions options = Options();
  options.sampling_fraction = 0.25;
  options.random = {};
  std::size_t kept = 0;
  {
    const auto spool = OpenSpool(options).value();
    for (int i = 0; i < 60; ++i) {
      const std::string host = "h" + std::to_string(i) + ".example.com";
      for (int again = 0; again < 20; ++again) spool->Tell(SampleEvent(host, kStart));
    }
    kept = spool->Records();
  }
  EXPECT_GT(kept, 1U);  // 15 in the mean; these bounds fail once in 10^6 runs
  EXPECT_LT(kept, 35U);
  options.sampling_fraction = 0;
  options.directory = dir_.File("none");
  const auto none = OpenSpool(options).value();
  none->Tell(SampleEvent("api.example.com", kStart));
  EXPECT_EQ(none->Records(), 0U);
}

TEST_F(SpoolTest, RemovesBrokenFilesAndHalfWrittenOnes) {
  Open()->Tell(SampleEvent("api.example.com", kStart));
  std::string record;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.File("spool"))) {
    if (entry.path().stem().string().size() == 32) record = entry.path().string();
  }
  ASSERT_FALSE(record.empty());
  std::filesystem::copy_file(record, record + ".Ab12Cd");
  std::ofstream(record, std::ios::app) << " ";
  dir_.Write("spool/00000000000000000000000000000000.json", "{}");
  dir_.Write("spool/notes.txt", "not ours");
  const auto spool = Open();
  EXPECT_EQ(spool->Records(), 0U);
  EXPECT_THAT(log_, SizeIs(2));
  EXPECT_FALSE(std::filesystem::exists(record));
  EXPECT_FALSE(std::filesystem::exists(record + ".Ab12Cd"));
  EXPECT_TRUE(std::filesystem::exists(dir_.File("spool/notes.txt")));
}

TEST_F(SpoolTest, RefusesReportsInClearAndSenselessFractions) {
  for (const std::string_view url : {"http://reports.example.net/", "reports.example.net", ""}) {
    SpoolOptions options = Options();
    options.report_url = std::string(url);
    const auto spool = OpenSpool(options);
    ASSERT_FALSE(spool);
    EXPECT_EQ(spool.error().code, Code::kUsage);
  }
  for (const double fraction : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    SpoolOptions options = Options();
    options.sampling_fraction = fraction;
    EXPECT_FALSE(OpenSpool(options));
  }
}

}  // namespace
}  // namespace cotter::report
