// SPDX-License-Identifier: Apache-2.0
#include "probe/diagnose.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

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

// A refused server of whose rule only leaf keys are pinned, as a path that verifies shows it.
class LeafPins : public testing::Test {
 protected:
  static SeenName Of(const std::string& organization) {
    return {"O=" + organization, organization, organization, {}};
  }

  static Digest Key(std::uint8_t number) {
    Digest digest;
    digest.bytes[0] = number;
    return digest;
  }

  // Leaf and root, the leaf's key `key`, of the CA `ca`, whose key is 100 times its length.
  static SeenChain Chain(std::uint8_t key, const std::string& ca, const std::string& peer) {
    SeenCertificate leaf;
    leaf.spki = leaf.cert = Key(key);
    leaf.subject = Of("Example");
    leaf.issuer = Of(ca);
    leaf.names = {"api.example.com"};
    leaf.not_before = Time{1'000'000};
    SeenCertificate root;
    root.spki = root.cert = Key(static_cast<std::uint8_t>(100 + ca.size()));
    root.subject = root.issuer = Of(ca);
    root.is_ca = root.is_self_issued = true;
    SeenChain chain;
    chain.peers = {peer};
    chain.presented = chain.path = {leaf, root};
    chain.anchor = AnchorKind::kDeclared;
    chain.verdict.outcome = key == 1 ? Outcome::kPinnedOk : Outcome::kPinMismatch;
    if (key != 1) chain.code = Code::kPinMismatch;
    return chain;
  }

  LeafPins() {
    PolicyPin pin;
    pin.pin.digest = Key(1);
    pin.pin.place = PinPlace::kLeaf;
    rule_.pins = {pin};
    situation_.rule = &rule_;
    situation_.chains = {Chain(2, "Alpha", "192.0.2.1:443")};
  }

  const Cause* Find(Code code) {
    causes_ = Diagnose(situation_);
    for (const Cause& cause : causes_) {
      if (cause.code == code) return &cause;
    }
    return nullptr;
  }

  double ConfidenceIn(Code code) {
    const Cause* const cause = Find(code);
    return cause == nullptr ? 0 : cause->confidence;
  }

  static bool Tells(const Cause& cause, const std::string& words) {
    return std::any_of(cause.evidence.begin(), cause.evidence.end(), [&](const std::string& one) {
      return one.find(words) != std::string::npos;
    });
  }

  HostRule rule_{.pattern = *HostPattern::Parse("api.example.com")};
  Situation situation_{.endpoint = Endpoint{*HostName::Parse("api.example.com"), 443},
                       .now = Time{2'000'000}};
  std::vector<Cause> causes_;
};

// The owner's new key and a certificate that somebody else was given look the same here, and
// whoever is called at night must know that before a pin is added.
TEST_F(LeafPins, WarnOfAnotherHolderWhereNothingSpeaksForTheIssuer_S0_13) {
  const Cause* const rotated = Find(Code::kKeyRotated);
  ASSERT_NE(rotated, nullptr);
  EXPECT_EQ(causes_.front().code, Code::kKeyRotated);
  EXPECT_LT(rotated->confidence, 0.55);
  EXPECT_TRUE(Tells(*rotated, "would look the same"));
  EXPECT_NE(rotated->fix.find("by another way than this server"), std::string::npos);
  EXPECT_NE(rotated->fix.find("which Alpha has to revoke"), std::string::npos);
}

TEST_F(LeafPins, KeyIsRotatedWhereTheOwnersOtherCertificatesAreFromTheSameIssuer) {
  const double alone = ConfidenceIn(Code::kKeyRotated);
  situation_.site_cas = {{Key(105), "www.example.com", "Alpha"}};
  const Cause* const rotated = Find(Code::kKeyRotated);
  ASSERT_NE(rotated, nullptr);
  EXPECT_GT(rotated->confidence, alone + 0.2);
  EXPECT_FALSE(Tells(*rotated, "would look the same"));
  EXPECT_TRUE(Tells(*rotated, "for www.example.com"));
}

TEST_F(LeafPins, AnotherCaThanTheOwnersIsToldBeforeARotation) {
  situation_.site_cas = {{Key(104), "www.example.com", "Beta"}};
  EXPECT_GT(ConfidenceIn(Code::kCaChanged), ConfidenceIn(Code::kKeyRotated));
  EXPECT_EQ(causes_.front().code, Code::kCaChanged);
  EXPECT_TRUE(Tells(causes_.front(), "pins \"Beta\" for www.example.com"));
  EXPECT_NE(causes_.front().fix.find("has to revoke"), std::string::npos);
}

TEST_F(LeafPins, AnAddressOfAnotherCaIsNotPinnedWithoutAWarning) {
  situation_.chains.push_back(Chain(1, "Beta", "192.0.2.2:443"));
  const Cause* const difference = Find(Code::kCdnDifference);
  ASSERT_NE(difference, nullptr);
  EXPECT_EQ(causes_.front().code, Code::kCdnDifference);
  EXPECT_TRUE(Tells(*difference, "make sure that the address is the owner's"));
  EXPECT_GT(ConfidenceIn(Code::kCaChanged), ConfidenceIn(Code::kKeyRotated));
  // The same CA at both needs none.
  situation_.chains[1] = Chain(1, "Alpha", "192.0.2.2:443");
  EXPECT_FALSE(Tells(*Find(Code::kCdnDifference), "make sure"));
}

TEST_F(LeafPins, PublicCertificateOutsideTheLogsIsTold) {
  situation_.chains[0].anchor = AnchorKind::kPublic;
  EXPECT_TRUE(Tells(*Find(Code::kKeyRotated), "public log"));
  situation_.chains[0].path.front().has_scts = true;
  EXPECT_FALSE(Tells(*Find(Code::kKeyRotated), "public log"));
}

TEST_F(LeafPins, CertificateOlderThanTheRuleIsHardlyARotation) {
  const double alone = ConfidenceIn(Code::kKeyRotated);
  rule_.updated = Time{1'500'000};
  EXPECT_LT(ConfidenceIn(Code::kKeyRotated), alone);
}

}  // namespace
}  // namespace cotter::probe
