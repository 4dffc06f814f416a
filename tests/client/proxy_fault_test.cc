// SPDX-License-Identifier: Apache-2.0
//
// Faults at every call by which the client reaches the network, in turn, where a proxy stands in
// between: the dialogue with it, its own TLS, and TLS within that.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "tests/client/failing_io.h"
#include "tests/client/fault_sweep.h"
#include "tests/client/served_client.h"
#include "tests/client/tls_front.h"

namespace cotter::client {
namespace {

using test::FailingIo;

enum class Proxy { kHttp, kHttps };

// Behind is an origin that is met through a CONNECT proxy, and the proxy.
struct Behind {
  Behind(Proxy kind, const char* origin, const char* proxy = "leaf")
      : server(StartServer(Tunnelling(origin))) {
    if (kind == Proxy::kHttps) front.emplace(World().Get(proxy), server.port());
  }

  static lab::ServerOptions Tunnelling(const char* identity) {
    lab::ServerOptions options = Serving({identity});
    options.starttls = lab::Starttls::kHttpProxy;
    return options;
  }

  // Through is options for a client that goes through the proxy; both legs are pinned.
  [[nodiscard]] Options Through() const {
    Pins pins = PinnedTo("intermediate");
    pins["127.0.0.1"] = {PinOf("intermediate")};
    Options options = Meeting(server, std::move(pins));
    options.connect_to.clear();  // the proxy finds the origin
    const std::string port = std::to_string(front ? front->port() : server.port());
    options.proxy = (front ? "https://127.0.0.1:" : "http://127.0.0.1:") + port;
    options.timeout = std::chrono::seconds(10);
    return options;
  }

  lab::Server server;
  std::optional<TlsFront> front;
};

// S1-34: the address that is told is that of TCP, and whether it is a proxy's is told too: what is
// behind a proxy only the proxy knows.
TEST(ThroughAProxy, ThePeerIsSaidToBeTheProxy_S1_34) {
  for (const Proxy kind : {Proxy::kHttp, Proxy::kHttps}) {
    std::vector<BadPin> told;
    for (const char* const origin : {"leaf", "rogue-leaf"}) {
      const Behind behind(kind, origin);
      Options options = behind.Through();
      const std::string peer = options.proxy.substr(options.proxy.rfind('/') + 1);
      options.on_bad_pin = [&](const BadPin& bad) { told.push_back(bad); };
      const Result<Client> client = Client::Create(std::move(options));
      ASSERT_TRUE(client) << client.error().message;
      const Result<Response> response = client->Send(Secret(behind.server));
      if (response) {
        EXPECT_EQ(response->connection.peer, peer);
        EXPECT_TRUE(response->connection.through_proxy);
        continue;
      }
      ASSERT_EQ(told.size(), 1U);
      EXPECT_EQ(told[0].event.host, kHost);
      EXPECT_EQ(told[0].event.peer, peer);
      EXPECT_TRUE(told[0].through_proxy);
    }
    ASSERT_EQ(told.size(), 1U);
  }
}

using Case = std::tuple<Kind, Proxy>;

class ProxyFaultTest : public testing::TestWithParam<Case> {
 protected:
  static Kind kind() { return std::get<Kind>(GetParam()); }
  static Proxy proxy() { return std::get<Proxy>(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Io, ProxyFaultTest,
                         testing::Combine(testing::ValuesIn(kKinds),
                                          testing::Values(Proxy::kHttp, Proxy::kHttps)),
                         [](const auto& one) {
                           const bool https = std::get<Proxy>(one.param) == Proxy::kHttps;
                           return std::string(std::get<Kind>(one.param).name) +
                                  (https ? "Https" : "Http");
                         });

// S1-32, S1-56, S3-01: a genuine origin behind a genuine proxy.
TEST_P(ProxyFaultTest, AtEachCallEndsTheRequestOnce_S1_32_S1_56) {
  long call = 0;
  for (bool struck = true; struck; ++call) {
    ASSERT_LT(call, kMostCalls);
    SCOPED_TRACE(call);
    const Behind behind(proxy(), "leaf");
    const Result<Client> client = Client::Create(behind.Through());
    ASSERT_TRUE(client) << client.error().message;
    struck = Struck(*client, behind.server, kind(), call);
    EXPECT_LE(Bodies(behind.server.Record()), 1U);
    // A GET: a connection that was kept with its fault costs another one, and that is all.
    const Result<Response> next = client->Get(UrlOf(kHost, behind.server));
    EXPECT_TRUE(next) << next.error().message;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(call, 20);  // the faults were met
}

// S1-31, S1-56, S3-53: an origin that the pins refuse gets nothing through a genuine proxy.
TEST_P(ProxyFaultTest, AtEachCallLetsNothingPassToARefusedOrigin_S1_31_S1_56_S3_53) {
  const Behind behind(proxy(), "rogue-leaf");
  long call = 0;
  for (bool struck = true; struck; ++call) {
    ASSERT_LT(call, kMostCalls);
    SCOPED_TRACE(call);
    const Result<Client> client = Client::Create(behind.Through());
    ASSERT_TRUE(client) << client.error().message;
    const auto begun = std::chrono::steady_clock::now();
    {
      const FailingIo failing(call, kind().fault, kind().error);
      EXPECT_FALSE(client->Send(Secret(behind.server)));
      struck = failing.struck();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begun, kSoon);
    const Result<Response> next = client->Send(Secret(behind.server));
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, Code::kPinMismatch) << next.error().message;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(call, 15);
  const lab::ServerRecord record = behind.server.Record();
  EXPECT_EQ(record.handshakes_completed, 0U);
  EXPECT_EQ(record.application_bytes, 0U);
}

class RefusedProxyTest : public testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(Io, RefusedProxyTest, testing::ValuesIn(kKinds),
                         [](const auto& one) { return std::string(one.param.name); });

// S1-56, S3-53: T18 of other clients: an HTTPS proxy has pins of its own, and where they do not
// hold it gets no CONNECT, and so no name and no password, whatever fails.
TEST_P(RefusedProxyTest, AtEachCallTellsARefusedProxyNothing_S1_56_S3_53) {
  const Behind behind(Proxy::kHttps, "leaf", "rogue-leaf");
  long call = 0;
  for (bool struck = true; struck; ++call) {
    ASSERT_LT(call, kMostCalls);
    SCOPED_TRACE(call);
    Options options = behind.Through();
    options.proxy.insert(std::string_view("https://").size(), "user:proxy-secret@");
    int told = 0;
    options.on_bad_pin = [&](const BadPin& bad) {
      ++told;
      EXPECT_EQ(bad.leg, Leg::kProxy);
      EXPECT_EQ(bad.event.host, "127.0.0.1");
    };
    const Result<Client> client = Client::Create(std::move(options));
    ASSERT_TRUE(client) << client.error().message;
    {
      const FailingIo failing(call, GetParam().fault, GetParam().error);
      const Result<Response> response = client->Send(Secret(behind.server));
      struck = failing.struck();
      ASSERT_FALSE(response);
      EXPECT_EQ(response.error().code == Code::kPinMismatch, told == 1) << response.error().message;
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(call, 8);
  EXPECT_EQ(behind.front->handshakes(), 0U);
  EXPECT_EQ(behind.front->application_bytes(), 0U);
  EXPECT_EQ(behind.server.Record().connections, 0U);
}

}  // namespace
}  // namespace cotter::client
