// SPDX-License-Identifier: Apache-2.0
//
// What a client reads: URLs, proxies, HSTS headers and the files that it keeps.
#include "client/storage.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "client/redact.h"
#include "client/settings.h"
#include "client/url.h"
#include "tests/client/served_client.h"
#include "tests/support/temp_dir.h"

namespace cotter::client {
namespace {

class Reading : public testing::Test {
 protected:
  Reading() { EXPECT_TRUE(LoadCurl()); }
};

TEST_F(Reading, UrlsComeOutCanonical) {
  const struct {
    const char* text;
    const char* canonical;
    std::uint16_t port;
  } rows[] = {
      {"https://API.Example.com./a?b#c", "https://api.example.com/a?b", 443},
      {"HTTP://api.example.com:80/", "http://api.example.com/", 80},
      {"https://api.example.com/?", "https://api.example.com/", 443},
      {"https://user:pw@api.example.com:8443", "https://api.example.com:8443/", 8443},
      {"https://0x7f.1/", "https://127.0.0.1/", 443},
      {"https://[::1]:8443/x", "https://[::1]:8443/x", 8443},
      {"https://b\xC3\xBC"
       "cher.example/",
       "https://xn--bcher-kva.example/", 443},
  };
  for (const auto& row : rows) {
    const Result<Url> url = Url::Parse(row.text);
    ASSERT_TRUE(url) << row.text << url.error().message;
    EXPECT_EQ(url->text(), row.canonical);
    EXPECT_EQ(url->endpoint().port, row.port);
  }
}

TEST_F(Reading, LocationsAreResolvedAgainstTheUrl) {
  const Url base = Url::Parse("https://api.example.com/a/b?c").value();
  EXPECT_EQ(base.Resolve("d")->text(), "https://api.example.com/a/d");
  const Result<Url> spaced = base.Resolve("/d?e=f g");
  ASSERT_TRUE(spaced) << spaced.error().message;
  EXPECT_EQ(spaced->text(), "https://api.example.com/d?e=f+g");
  EXPECT_FALSE(base.Resolve("https://other.example.com/\tx"));
}

TEST_F(Reading, ProxiesAreTakenApartAndTellNoPassword) {
  const Result<ProxyUrl> proxy = ParseProxy("https://user:pass@Proxy.example:3128");
  ASSERT_TRUE(proxy);
  EXPECT_EQ(proxy->endpoint.host.text(), "proxy.example");
  EXPECT_EQ(proxy->endpoint.port, 3128);
  EXPECT_EQ(proxy->credentials->password, "pass");
  EXPECT_EQ(ParseProxy("socks5://127.0.0.1")->endpoint.port, 1080);
  EXPECT_EQ(ParseProxy("https://proxy.example")->endpoint.port, 443);
  EXPECT_EQ(ParseProxy("http://proxy.example:80")->endpoint.port, 80);
  for (const char* const bad : {"proxy.example:80", "ftp://u:secret@proxy.example",
                                "http://u:secret@/", "http://proxy.example/path"}) {
    const Result<ProxyUrl> refused = ParseProxy(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
  }
}

// RFC 6797, 6.1 and 6.2: its own examples, and what breaks the grammar.
TEST(Hsts, HeadersAreReadByTheGrammar) {
  EXPECT_EQ(ParseHsts("max-age=31536000"), (HstsDirective{31'536'000, false}));
  EXPECT_EQ(ParseHsts("max-age=15768000 ; includeSubDomains"), (HstsDirective{15'768'000, true}));
  EXPECT_EQ(ParseHsts("max-age=\"31536000\""), (HstsDirective{31'536'000, false}));
  EXPECT_EQ(ParseHsts("max-age=0; includeSubDomains"), (HstsDirective{0, true}));
  EXPECT_EQ(ParseHsts("preload; MAX-AGE=5;;INCLUDESUBDOMAINS"), (HstsDirective{5, true, true}));
  EXPECT_TRUE(ParseHsts("max-age=999999999999999999999"));
  for (const char* const bad :
       {"", "includeSubDomains", "max-age", "max-age=", "max-age=-1", "max-age=1; max-age=2",
        "max-age=1x", "max-age=\"1", "max-age=1; includeSubDomains=1"}) {
    EXPECT_FALSE(ParseHsts(bad)) << bad;
  }
}

TEST(Hsts, KnowsHostsAndTheirSubdomainsUntilTheirEnd) {
  const auto host = [](const char* text) { return HostName::Parse(text).value(); };
  HstsStore store;
  store.Note(host("example.com"), {100, true}, Time{1000});
  store.Note(host("only.test"), {100, false}, Time{1000});
  store.Note(host("127.0.0.1"), {100, true}, Time{1000});
  EXPECT_TRUE(store.Knows(host("a.b.example.com"), Time{1099}));
  EXPECT_FALSE(store.Knows(host("example.com"), Time{1100}));
  EXPECT_FALSE(store.Knows(host("notexample.com"), Time{1000}));
  EXPECT_TRUE(store.Knows(host("only.test"), Time{1000}));
  EXPECT_FALSE(store.Knows(host("a.only.test"), Time{1000}));
  EXPECT_FALSE(store.Knows(host("127.0.0.1"), Time{1000}));

  HstsStore again;
  ASSERT_TRUE(again.Read(store.Write(Time{1000})));
  EXPECT_EQ(again.Write(Time{1000}), store.Write(Time{1000}));
  store.Note(host("example.com"), {0, true}, Time{1001});
  EXPECT_FALSE(store.Knows(host("example.com"), Time{1001}));
}

TEST(Hsts, RefusesEveryCutOfItsFile) {
  HstsStore store;
  store.Note(HostName::Parse("example.com").value(), {100, true}, Time{1'800'000'000});
  const std::string text = store.Write(Time{1'800'000'000});
  const std::size_t first_line = text.find('\n') + 1;
  for (std::size_t size = 0; size < text.size(); ++size) {
    if (size == first_line) continue;  // an empty store
    HstsStore cut;
    EXPECT_FALSE(cut.Read(text.substr(0, size))) << size;
    EXPECT_EQ(cut.size(), 0U);
  }
}

// S1-36: files survive, are their owner's alone, and a damaged one is an error that names its line.
TEST(Storage, KeepsCookiesInAFile_S1_36) {
  const test::TempDir folder;
  const std::string jar = folder.path() + "/cookies.txt";
  lab::ServerOptions setting = Serving({"leaf"});
  setting.response =
      "HTTP/1.1 200 OK\r\nSet-Cookie: kept=yes; Max-Age=1000; Path=/\r\nContent-Length: "
      "2\r\n\r\nok";
  const lab::Server server = StartServer(std::move(setting));
  Options options = Meeting(server, PinnedTo("leaf"));
  options.cookies = Storage{jar};
  options.hsts = Storage{folder.path() + "/hsts"};
  {
    const Result<Client> client = Client::Create(options);
    ASSERT_TRUE(client) << client.error().message;
    ASSERT_TRUE(client->Get(UrlOf(kHost, server)));
    ASSERT_TRUE(client->Save());
  }
  struct stat info {};
  ASSERT_EQ(::stat(jar.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  {
    const Result<Client> client = Client::Create(options);
    ASSERT_TRUE(client->Get(UrlOf(kHost, server)));
  }
  EXPECT_NE(Settled(server, 2).details[1].application_data.find("Cookie: kept=yes"),
            std::string::npos);

  std::ofstream(jar, std::ios::app) << "half a li";
  const Result<Client> damaged = Client::Create(options);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kFormatMalformed);

  options.cookies = Storage{folder.path()};
  EXPECT_EQ(Client::Create(options).error().code, Code::kFileUnreadable);
}

// S1-24: a trace keeps what no secret can hide in.
TEST(Redact, LinesLoseTheirSecrets_S1_24) {
  EXPECT_EQ(RedactedLine("GET /a?token=secret HTTP/1.1"), "GET /a?[redacted] HTTP/1.1");
  EXPECT_EQ(RedactedLine("authorization: Bearer secret").find("secret"), std::string::npos);
  EXPECT_EQ(RedactedLine("Cookie: a=secret").find("secret"), std::string::npos);
  EXPECT_EQ(RedactedLine("X-Anything: secret").find("secret"), std::string::npos);
  EXPECT_EQ(RedactedLine("Content-Type: text/html"), "Content-Type: text/html");
}

}  // namespace
}  // namespace cotter::client
