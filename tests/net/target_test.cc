// SPDX-License-Identifier: Apache-2.0
#include "net/target.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace cotter::net {
namespace {

struct TargetRow {
  std::string_view text;
  std::string_view host;  // empty: refused
  std::uint16_t port;
  std::string_view formatted;
};

class TargetTest : public testing::TestWithParam<TargetRow> {};

TEST_P(TargetTest, IsReadAsPeopleWriteIt) {
  const Result<Target> target = ParseTarget(GetParam().text, 443);
  ASSERT_EQ(target.has_value(), !GetParam().host.empty()) << GetParam().text;
  if (!target) return;
  EXPECT_EQ(target->host.text(), GetParam().host);
  EXPECT_EQ(target->port, GetParam().port);
  EXPECT_EQ(FormatTarget(*target), GetParam().formatted);
}

INSTANTIATE_TEST_SUITE_P(
    Table, TargetTest,
    testing::Values(
        TargetRow{"api.example.com", "api.example.com", 443, "api.example.com:443"},
        TargetRow{"API.Example.COM.:8443", "api.example.com", 8443, "api.example.com:8443"},
        TargetRow{"127.0.0.1:1", "127.0.0.1", 1, "127.0.0.1:1"},
        TargetRow{"[::1]:65535", "::1", 65535, "[::1]:65535"},
        TargetRow{"[::1]", "::1", 443, "[::1]:443"}, TargetRow{"::1", "::1", 443, "[::1]:443"},
        TargetRow{"fe80::1%lo", "fe80::1", 443, "[fe80::1%lo]:443"},
        TargetRow{"[fe80::1%lo]:9", "fe80::1", 9, "[fe80::1%lo]:9"}, TargetRow{"", "", 0, ""},
        TargetRow{":443", "", 0, ""}, TargetRow{"host:", "", 0, ""}, TargetRow{"host:0", "", 0, ""},
        TargetRow{"host:65536", "", 0, ""}, TargetRow{"host:+1", "", 0, ""},
        TargetRow{"host:443x", "", 0, ""}, TargetRow{"[::1", "", 0, ""},
        TargetRow{"[::1]x:1", "", 0, ""}, TargetRow{"[::1]:", "", 0, ""},
        TargetRow{"host name", "", 0, ""}, TargetRow{"127.0.0.1.:1:2", "", 0, ""},
        TargetRow{"0177.0.0.1", "", 0, ""}, TargetRow{"fe80::1%", "", 0, ""},
        TargetRow{"fe80::1%a/b", "", 0, ""}, TargetRow{"fe80::1%0123456789abcdef", "", 0, ""},
        TargetRow{std::string_view("a\0b:1", 5), "", 0, ""}));

TEST(ResolveOption, ListsAddressesOfAHostAndPort) {
  const Result<ResolveOverride> entry = ParseResolve("+API.example.com:8443:127.0.0.1,[::1],::2");
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_EQ(entry->host->text(), "api.example.com");
  EXPECT_EQ(entry->port, 8443);
  EXPECT_EQ(entry->addresses, (std::vector<std::string>{"127.0.0.1", "::1", "::2"}));
  const Result<ResolveOverride> any = ParseResolve("*:443:127.0.0.1");
  ASSERT_TRUE(any);
  EXPECT_FALSE(any->host.has_value());
}

TEST(ResolveOption, RefusesWhatIsNotOne) {
  for (const std::string_view text :
       {"", "a", "a:1", "a:1:", "a:0:127.0.0.1", "a:1:b.example", "a:1:127.0.0.1,",
        "a:1:,127.0.0.1", "-a:1", ":1:127.0.0.1", "a:1:127.0.0.1;::1"}) {
    const Result<ResolveOverride> entry = ParseResolve(text);
    ASSERT_FALSE(entry) << text;
    EXPECT_EQ(entry.error().code, Code::kUsage) << text;
  }
}

TEST(ConnectToOption, KeepsWhatIsLeftEmpty) {
  const Result<ConnectTo> all = ParseConnectTo("a.example:1:[::1]:2");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->from_host->text(), "a.example");
  EXPECT_EQ(all->from_port, 1);
  EXPECT_EQ(all->to_host, "::1");
  EXPECT_EQ(all->to_port, 2);
  const Result<ConnectTo> port_only = ParseConnectTo(":::8443");
  ASSERT_TRUE(port_only);
  EXPECT_FALSE(port_only->from_host || port_only->from_port);
  EXPECT_EQ(port_only->to_host, "");
  EXPECT_EQ(port_only->to_port, 8443);
  const Result<ConnectTo> every = ParseConnectTo("127.0.0.1:8443");
  ASSERT_TRUE(every);
  EXPECT_FALSE(every->from_host || every->from_port);
  EXPECT_EQ(every->to_host, "127.0.0.1");
  EXPECT_EQ(every->to_port, 8443);
}

TEST(ConnectToOption, RefusesWhatIsNotOne) {
  for (const std::string_view text :
       {"", "a", "a:1:b", "a:1:b:2:3", "a:x:b:2", "a:1:b:0", "a b:1:c:2", "a:1:[::1:2", "::::"}) {
    const Result<ConnectTo> entry = ParseConnectTo(text);
    ASSERT_FALSE(entry) << text;
    EXPECT_EQ(entry.error().code, Code::kUsage) << text;
  }
}

TEST(ProxyOption, DecodesCredentials) {
  const Result<Proxy> proxy = ParseProxy("http://us%40er:p%3ass@[::1]:3128/");
  ASSERT_TRUE(proxy);
  EXPECT_EQ(proxy->host, "::1");
  EXPECT_EQ(proxy->port, 3128);
  EXPECT_EQ(proxy->user_and_password, "us@er:p:ss");
  const Result<Proxy> plain = ParseProxy("proxy.example");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->port, kDefaultProxyPort);
  EXPECT_EQ(plain->user_and_password, "");
}

TEST(ProxyOption, RefusesOtherSchemesAndNeverRepeatsThePassword) {
  for (const std::string_view text :
       {"https://u:hunter2@p:1", "socks5://u:hunter2@p:1", "http://u:hunter2@", "http://",
        "http://u%zz:hunter2@p:1", "http://a%3ab:hunter2@p:1", "http://u:hunter2@p:0",
        "http://u:hunter2@p:1/path", "u:hunter2@p:1:2"}) {
    const Result<Proxy> proxy = ParseProxy(text);
    ASSERT_FALSE(proxy) << text;
    EXPECT_EQ(proxy.error().code, Code::kUsage) << text;
    EXPECT_EQ(proxy.error().message.find("hunter2"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace cotter::net
