// SPDX-License-Identifier: Apache-2.0
#include "gateway/config.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cotter::gateway {
namespace {

constexpr std::string_view kSmallest = R"([gateway]
policy = "policy.toml"
[[route]]
listen = "127.0.0.1:8080"
upstream = "API.example.com.:443"
)";

std::string ErrorOf(const std::string& text) {
  const auto config = ReadConfig(text, "/etc/cotter/gateway.toml");
  return config ? "" : config.error().message;
}

TEST(GatewayConfig, NeedsLittle) {
  const auto config = ReadConfig(kSmallest, "/etc/cotter/gateway.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->policy, "/etc/cotter/policy.toml");
  ASSERT_EQ(config->routes.size(), 1U);
  const RouteConfig& route = config->routes[0];
  EXPECT_EQ(route.name, "api.example.com:443");
  EXPECT_EQ(route.mode, RouteMode::kHttp);
  EXPECT_EQ(route.upstream->host.text(), "api.example.com");
  EXPECT_EQ(route.permissions, 0600U);
  EXPECT_EQ(config->timeouts.connect, std::chrono::seconds(10));
  EXPECT_EQ(config->timeouts.handshake, std::chrono::seconds(10));
  EXPECT_EQ(config->timeouts.header, std::chrono::seconds(10));
  EXPECT_EQ(config->timeouts.body, std::chrono::seconds(30));
}

TEST(GatewayConfig, ReadsEveryKey) {
  const auto config = ReadConfig(R"([gateway]
policy = "/p.toml"
environment = "production"
log_connections = true
resume = false
[trust]
system_roots = false
files = ["ca.pem"]
[admin]
listen = "unix:/run/admin.sock"
[limits]
connections = 5
head = 1024
fields = 20
body = 0
[timeouts]
connect = 1
handshake = 2
header = 3
body = 4
response = 5
idle = 6
pool = 7
session = 8
drain = 9
[[route]]
name = "one"
listen = "[::1]:80"
mode = "tcp"
upstream = "db.example.com:5432"
addresses = ["10.0.0.1", "[::1]:99"]
certificate = "c.pem"
key = "k.pem"
permissions = "0660"
connections = 7
[[route]]
name = "two"
listen = "systemd:two"
upstream = "192.0.2.1:443"
hosts = ["*"]
idle_connections = 3
[[route]]
name = "three"
listen = "unix:/run/three.sock"
mode = "connect"
allow = ["a.example.com:443"]
)",
                                 "dir/gateway.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->trust.files, std::vector<std::string>{"dir/ca.pem"});
  EXPECT_EQ(config->trust.system_roots, tls::SystemRoots::kNone);
  EXPECT_EQ(config->admin->unix_path, "/run/admin.sock");
  EXPECT_EQ(config->limits.head.fields, 20U);
  EXPECT_EQ(config->limits.body, 0U);
  EXPECT_EQ(config->timeouts.drain, std::chrono::seconds(9));
  EXPECT_TRUE(config->log_connections);
  EXPECT_FALSE(config->resume);
  ASSERT_EQ(config->routes.size(), 3U);
  EXPECT_EQ(config->routes[0].addresses[0].ToString(), "10.0.0.1:5432");
  EXPECT_EQ(config->routes[0].addresses[1].ToString(), "[::1]:99");
  EXPECT_EQ(config->routes[0].permissions, 0660U);
  EXPECT_EQ(config->routes[1].listen.inherited, "two");
  EXPECT_EQ(config->routes[2].allow[0].port, 443);
}

TEST(GatewayConfig, NamesTheLineOfWhatIsWrong) {
  const std::string smallest(kSmallest);
  EXPECT_EQ(ErrorOf(smallest + "idle_conections = 3\n"),
            "/etc/cotter/gateway.toml:6:1: unknown key \"idle_conections\" in [[route]]; did you "
            "mean \"idle_connections\"?");
  const auto says = [](const std::string& text) { return testing::HasSubstr(text); };
  EXPECT_THAT(ErrorOf(smallest + "mode = \"https\"\n"),
              says("expected \"http\", \"tcp\" or \"connect\""));
  EXPECT_THAT(ErrorOf(smallest + "connections = 0\n"), says("expected a number from 1"));
  EXPECT_THAT(ErrorOf(smallest + "permissions = \"rw\"\n"), says("expected permissions"));
  EXPECT_THAT(ErrorOf(smallest + "key = \"k.pem\"\n"), says("certificate and key come together"));
  EXPECT_THAT(ErrorOf(smallest + "allow = [\"a:1\"]\n"), says("unknown key \"allow\""));
  EXPECT_THAT(ErrorOf(smallest + smallest.substr(smallest.find("[["))), says("two routes"));
  EXPECT_THAT(ErrorOf("[gateway]\npolicy = \"p\"\n"), says("at least one [[route]]"));
  EXPECT_THAT(ErrorOf("[[route]]\nlisten = \"127.0.0.1:1\"\nupstream = \"a:2\"\n"),
              says("[gateway]"));
  EXPECT_THAT(ErrorOf("x = ["), says("gateway.toml:1:"));
}

TEST(GatewayConfig, TakesOnlyAddressesThatItUnderstands) {
  for (const std::string text :
       {"8080", ":8080", "localhost:8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999",
        "127.0.0.1:-1", "unix:run/x", "unix:", "systemd:", "http://127.0.0.1:80"}) {
    EXPECT_THAT(ErrorOf("[gateway]\npolicy = \"p\"\n[[route]]\nlisten = \"" + text +
                        "\"\nupstream = \"a.example:2\"\n"),
                testing::HasSubstr("expected ADDRESS:PORT"))
        << text;
  }
  for (const std::string text :
       {"api.example.com", "api.example.com:", "api.example.com:0", "https://a.example:1", ""}) {
    EXPECT_NE(
        ErrorOf("[gateway]\npolicy = \"p\"\n[[route]]\nlisten = \"127.0.0.1:1\"\nupstream = \"" +
                text + "\"\n"),
        "")
        << text;
  }
}

}  // namespace
}  // namespace cotter::gateway
