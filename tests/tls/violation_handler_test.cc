// SPDX-License-Identifier: Apache-2.0
//
// Who is told of a violation, when, and what the handler can change: nothing.
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/tls/enforced_client.h"

namespace cotter::tls {
namespace {

// Told is what a handler copied of a violation.
struct Told {
  std::string host;
  std::uint16_t port;
  bool allowed;
  std::vector<Digest> found;
  std::string message;
  bool has_peer;
};

std::function<void(const Violation&)> Keep(std::vector<Told>& told) {
  return [&told](const Violation& violation) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const bool has_peer =
        getpeername(violation.socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
    told.push_back({std::string(violation.endpoint.host.text()),
                    violation.endpoint.port,
                    violation.verdict.allowed(),
                    {violation.found.begin(), violation.found.end()},
                    std::string(violation.message),
                    has_peer});
  };
}

lab::Server GenuineServer() {
  lab::ServerOptions options;
  options.identities = {World().Get("leaf")};
  return StartServer(std::move(options));
}

// S1-11, S1-26: told on every failing connection, with what was found, before the error returns.
TEST(ViolationHandler, IsToldOnEveryRefusedConnection_S1_11_S1_26) {
  const lab::Server server = GenuineServer();
  std::vector<Told> told;
  Client client(Pins({{"backup"}}), Trust({"root"}), Keep(told));
  for (std::size_t attempt = 1; attempt <= 3; ++attempt) {
    client.Open(server);
    EXPECT_FALSE(client.Shake());
    ASSERT_EQ(told.size(), attempt);
  }
  EXPECT_EQ(told[0].host, "api.example.com");
  EXPECT_EQ(told[0].port, 443);
  EXPECT_FALSE(told[0].allowed);
  EXPECT_TRUE(told[0].has_peer);
  EXPECT_THAT(told[0].found, ::testing::ElementsAre(SpkiDigest(World().Get("leaf")),
                                                    SpkiDigest(World().Get("intermediate")),
                                                    SpkiDigest(World().Get("root"))));
  EXPECT_EQ(told[0].message, BadPinMessage(told[0].found));
}

// S1-27, S1-29, S1-30: a handler that throws, and none at all, change nothing.
TEST(ViolationHandler, CannotTurnARefusalIntoAConnection_S1_27_S1_29_S1_30) {
  const lab::Server server = GenuineServer();
  const std::function<void(const Violation&)> throws = [](const Violation&) {
    throw std::runtime_error("the pager is down");
  };
  for (const auto& handler : {throws, std::function<void(const Violation&)>()}) {
    Client client(Pins({{"backup"}}), Trust({"root"}), handler);
    client.Open(server);
    EXPECT_FALSE(client.Shake());
    const auto confirmed = Confirm(client.ssl());
    ASSERT_FALSE(confirmed);
    EXPECT_EQ(confirmed.error().code, Code::kPinMismatch);
  }
}

TEST(ViolationHandler, IsToldOfWhatIsOnlyReportedAndOfNothingElse) {
  const lab::Server server = GenuineServer();
  std::vector<Told> told;
  Client reports(Pins({{"backup"}}, Mode::kReport), Trust({"root"}), Keep(told));
  reports.Open(server);
  EXPECT_TRUE(reports.Shake());
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].allowed);
  Client satisfied(Pins({{"leaf"}}), Trust({"root"}), Keep(told));
  satisfied.Open(server);
  EXPECT_TRUE(satisfied.Shake());
  Client without_trust(Pins({{"leaf"}}), Trust({"other-root"}), Keep(told));
  without_trust.Open(server);
  EXPECT_FALSE(without_trust.Shake());
  EXPECT_EQ(told.size(), 1U);
}

// S1-10, S1-17: each enforcer has its own policy, and its error keeps its type.
TEST(Enforcer, SharesNothingWithAnother_S1_10_S1_17) {
  const lab::Server server = GenuineServer();
  Client right(Pins({{"leaf"}}), Trust({"root"}));
  Client wrong(Pins({{"backup"}}), Trust({"root"}));
  right.Open(server);
  wrong.Open(server);
  EXPECT_FALSE(wrong.Shake());
  EXPECT_TRUE(right.Shake());
  EXPECT_TRUE(Confirm(right.ssl()));
  EXPECT_EQ(Confirm(wrong.ssl()).error().code, Code::kPinMismatch);
}

}  // namespace
}  // namespace cotter::tls
