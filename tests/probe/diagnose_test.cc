// SPDX-License-Identifier: Apache-2.0
#include "probe/diagnose.h"

#include <string>

#include <gtest/gtest.h>

#include "probe/known_issuers.h"
#include "probe/small_http.h"
#include "probe/suspicion.h"

namespace cotter::probe {
namespace {

TEST(SmallHttp, ReadsStatusLocationDateAndBody) {
  const auto answer = ParseSmallAnswer(
      "HTTP/1.1 302 Found\r\nDATE: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      "location:\thttp://login.example/ \r\nX: y\r\n\r\nbody");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(answer->location, "http://login.example/");
  ASSERT_TRUE(answer->date);
  EXPECT_EQ(answer->date->unix_seconds, 784111777);  // RFC 9110, 5.6.7: its own example
  EXPECT_EQ(answer->body, "body");
}

TEST(SmallHttp, TakesNothingElseForHttp) {
  for (const std::string text : {"", "HTTP/1.1", "HTTP/2 200 OK", "220 smtp ready", "HTTP/1.1 20",
                                 "HTTP/1.1 999 x\r\n\r\n", "HTTP/1.1 -20 x"}) {
    EXPECT_FALSE(ParseSmallAnswer(text)) << text;
  }
}

TEST(SmallHttp, RefusesDatesOfOtherForms) {
  for (const std::string text :
       {"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:60 GMT", "Sun, +6 Nov 1994 08:49:37 GMT"}) {
    EXPECT_FALSE(ParseHttpDate(text)) << text;
  }
}

TEST(SmallHttp, FetchesNothingButPlainUrls) {
  const auto url = ParseHttpUrl("http://ca.example:8080/issuer.cer");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->target.host.text(), "ca.example");
  EXPECT_EQ(url->target.port, 8080);
  EXPECT_EQ(url->path, "/issuer.cer");
  for (const std::string text :
       {"https://ca.example/", "ldap://ca.example/", "file:///etc/passwd", "http://", "http://a b/",
        "http://ca.example/\r\nHost: other", "http://user@ca.example/", "http://ca.example:0/"}) {
    EXPECT_FALSE(ParseHttpUrl(text)) << text;
  }
}

// S0-14: inspection products are known by their issuers, and public CAs are not taken for them.
TEST(KnownIssuers, TellsProductsFromPublicCas) {
  const auto name_of = [](std::string common, std::string organization, std::string unit = {}) {
    const auto known = FindKnownIssuer({{}, std::move(common), std::move(organization), unit});
    return known ? std::string(known->name) : std::string();
  };
  EXPECT_EQ(name_of("mitmproxy", "mitmproxy"), "mitmproxy");
  EXPECT_EQ(name_of("FORTIGATE CA", "fortinet"), "Fortinet FortiGate");
  EXPECT_EQ(name_of("Sophos SSL CA_C01001", "Sophos"), "Sophos");
  EXPECT_EQ(name_of("", "CloudFlare, Inc.", "CloudFlare Origin SSL Certificate Authority"),
            "Cloudflare Origin CA");
  EXPECT_EQ(name_of("Cloudflare Inc ECC CA-3", "Cloudflare, Inc."), "");
  EXPECT_EQ(name_of("R11", "Let's Encrypt"), "");
  EXPECT_EQ(name_of("WR2", "Google Trust Services"), "");
  EXPECT_EQ(name_of("", ""), "");
}

TEST(KnownIssuers, KnowsTheKeysOfCaptivePortals) {
  // Chromium's ssl_error_assistant.asciipb: captive-portal.badssl.com.
  const auto pin = ParsePin("fjZPHewEHTrMDX3I1ecEIeoy3WFxHyGplOLv28kIbtI=");
  ASSERT_TRUE(pin);
  EXPECT_NE(CaptivePortalOf(*pin).find("badssl"), std::string::npos);
  EXPECT_TRUE(CaptivePortalOf(Digest{}).empty());
}

TEST(Suspicion, EvidenceTakesAwayDoubtAndContradictionConfidence) {
  std::vector<Cause> causes;
  Suspicion(Code::kKeyRotated).For(0.5, "a").For(0.5, "b").Tell("fix", causes);
  Suspicion(Code::kStalePin).For(0.5, "a").Against(0.6).Tell("fix", causes);
  Suspicion(Code::kCaChanged).Tell("fix", causes);
  Suspicion(Code::kClockSkew).For(1, "a").Tell("fix", causes);
  ASSERT_EQ(causes.size(), 2U);
  EXPECT_DOUBLE_EQ(causes[0].confidence, 0.75);
  EXPECT_LT(causes[1].confidence, 1);
}

// S0-18: a place counts for what a certificate is marked with.
TEST(PinnedBy, HeedsPlaceKindAndUse) {
  SeenCertificate certificate;
  certificate.spki.bytes[0] = 1;
  certificate.cert.bytes[0] = 2;
  const auto pattern = HostPattern::Parse("api.example.com");
  ASSERT_TRUE(pattern);
  HostRule rule{.pattern = *pattern};
  const auto pinned = [&](Pin pin, std::size_t index) {
    rule.pins = {PolicyPin{.pin = pin}};
    return PinnedBy(rule, certificate, index);
  };
  const Digest spki = certificate.spki;
  EXPECT_TRUE(pinned({.digest = spki}, 0));
  EXPECT_TRUE(pinned({.digest = spki}, 1));
  EXPECT_FALSE(pinned({.digest = spki, .place = PinPlace::kLeaf}, 1));
  EXPECT_FALSE(pinned({.digest = spki, .place = PinPlace::kCa}, 0));
  EXPECT_FALSE(pinned({.digest = spki, .use = PinUse::kRevoked}, 0));
  EXPECT_TRUE(pinned({.digest = certificate.cert, .kind = PinKind::kCert}, 0));
  EXPECT_FALSE(pinned({.digest = certificate.cert}, 0));
}

}  // namespace
}  // namespace cotter::probe
