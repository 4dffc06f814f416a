// SPDX-License-Identifier: Apache-2.0
//
// What readers of foreign formats do with files that are wrong in places: each mistake is told
// where it stands, and none hides the next.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "formats/exchange.h"
#include "policy/policy_text.h"

namespace cotter::formats {
namespace {

const std::string kPinA = "xQ0kpmiTHBRHBfEZAqGFYV9eRmhqEhMDLRnJAVjYDOo=";
const std::string kPinB = "C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M=";

Result<ImportedPolicy> Read(const std::string& text, std::string_view format, bool leniently) {
  const InputFile file{"f", AsBytes(text)};
  const Format* reader = FindFormat(format);
  return leniently ? ImportLeniently({&file, 1}, reader) : Import({&file, 1}, reader);
}

struct Case {
  const char* format;
  std::string text;  // with @A, a sound pin, and the pins "short" and "QUJD", which are none
  std::vector<std::string> positions;
};

// S1-09: 32 bytes or an error, with its position, for every pin of a file and not the first alone.
TEST(ExchangeFaults, EveryMalformedPinIsToldWithItsPosition_S1_09) {
  const Case cases[] = {
      {"android",
       "<network-security-config><domain-config><domain>a.example</domain><pin-set>\n"
       "<pin digest=\"SHA-256\">short</pin>\n<pin digest=\"SHA-256\">@A</pin>\n"
       "<pin digest=\"SHA-256\">QUJD</pin></pin-set></domain-config></network-security-config>",
       {"f:2:2", "f:4:2"}},
      {"json",
       "{\"a.example\": [\"short\",\n \"@A\"], \"b.example\": [\n  \"QUJD\"]}",
       {"f:1:16", "f:3:3"}},
      {"okhttp",
       "CertificatePinner.Builder()\n .add(\"a.example\", \"sha256/short\", \"sha256/@A\")\n"
       " .add(\"b.example\", \"sha256/QUJD\")",
       {"f:2:20", "f:3:20"}},
      {"hpkp",
       "# a.example\nPublic-Key-Pins: max-age=9; pin-sha256=\"short\"; pin-sha256=\"@A\"; "
       "pin-sha256=\"QUJD\"\n",
       {"f:2:41", "f:2:120"}},
      {"curl",
       "url = https://a.example/\npinnedpubkey = \"sha256//short;sha256//QUJD\"\n",
       {"f:2:17", "f:2:31"}},
      {"trustkit",
       "<plist><dict><key>TSKPinnedDomains</key><dict><key>a.example</key><dict>\n"
       "<key>TSKPublicKeyHashes</key><array>\n<string>short</string>\n<string>@A</string>\n"
       "<string>QUJD</string></array></dict></dict></dict></plist>",
       {"f:3:9", "f:5:9"}},
      {"ios",
       "<plist><dict><key>NSPinnedDomains</key><dict><key>a.example</key><dict>\n"
       "<key>NSPinnedLeafIdentities</key><array>\n"
       "<dict><key>SPKI-SHA256-BASE64</key><string>short</string></dict>\n"
       "<dict><key>SPKI-SHA256-BASE64</key><string>QUJD</string></dict>\n"
       "</array></dict></dict></dict></plist>",
       {"f:3:44", "f:4:44"}},
      {"tls-client",
       "map[string][]string{\n\"a.example\": {\"short\", \"@A\"},\n\"b.example\": {\"QUJD\"}}",
       {"f:2:15", "f:3:15"}},
      {"tlsa",
       "_443._tcp.a.example. IN TLSA 3 1 1 00ff\n_443._tcp.a.example. IN TLSA 3 1 1 abc\n",
       {"f:1:36", "f:2:36"}},
  };
  for (Case each : cases) {
    for (std::size_t at = each.text.find("@A"); at != std::string::npos;
         at = each.text.find("@A")) {
      each.text.replace(at, 2, kPinA);
    }
    const Result<ImportedPolicy> read = Read(each.text, each.format, true);
    ASSERT_TRUE(read) << each.format << ": " << read.error().message;
    std::vector<std::string> found;
    for (const Loss& loss : read->losses) {
      if (!loss.breaks_at.empty()) found.push_back(loss.breaks_at);
    }
    EXPECT_EQ(found, each.positions) << each.format;
    const Result<ImportedPolicy> strict = Read(each.text, each.format, false);
    ASSERT_FALSE(strict) << each.format;
    EXPECT_EQ(strict.error().message, Broken(*read).front().message);
  }
}

// A wrong date once hid the wrong pin beside it: CodeQL's own test file has both.
TEST(ExchangeFaults, ADateAndAPinAreBothTold) {
  const Result<ImportedPolicy> read = Read(
      "<network-security-config><domain-config><domain>a.example</domain>\n"
      "<pin-set expiration=\"2038/1/19\"><pin digest=\"SHA-256\">...</pin></pin-set>"
      "</domain-config></network-security-config>",
      "android", true);
  ASSERT_TRUE(read) << read.error().message;
  const std::vector<Error> broken = Broken(*read);
  ASSERT_EQ(broken.size(), 2U);
  EXPECT_EQ(broken[0].code, Code::kPinMalformed);
  EXPECT_EQ(broken[1].code, Code::kTimeInvalid);
}

// Fuzzing found it: keys that begin with "_" were taken for comments, and underscores begin names.
TEST(ExchangeFaults, AMapKeepsNamesThatBeginWithAnUnderscore) {
  for (const char* name : {"_dmarc.example.com", "_sip", "**._tcp.example.com"}) {
    Policy policy;
    HostRule rule{.pattern = *HostPattern::Parse(name)};
    PolicyPin pin;
    pin.pin.digest = *ParsePin(kPinA);
    rule.pins.push_back(pin);
    policy.hosts.push_back(rule);
    const Result<Exported> exported = Export(policy, *FindFormat("json"), {});
    ASSERT_TRUE(exported) << name;
    const Result<ImportedPolicy> back = Read(exported->text, "json", false);
    ASSERT_TRUE(back) << name << back.error().message;
    ASSERT_EQ(back->policy.hosts.size(), 1U);
    EXPECT_EQ(back->policy.hosts.front().pattern.ToString(), name);
  }
  const Result<ImportedPolicy> noted =
      Read("{\"_comment\": [\"ours\"], \"a.example\": [\"" + kPinA + "\"]}", "json", false);
  ASSERT_TRUE(noted);
  EXPECT_EQ(noted->policy.hosts.size(), 1U);
}

// A pin that stands in an exported table twice once gave its place to the pin before it, so that a
// leaf's pin was accepted anywhere.
TEST(ExchangeFaults, APinThatComesTwiceChangesNoOther) {
  const std::string pin_a = "{\"pin\": \"sha256/" + kPinA + "\", \"place\": \"any\"}";
  const std::string pin_b = "{\"pin\": \"sha256/" + kPinB + "\", \"place\": \"leaf\"}";
  const Result<ImportedPolicy> read =
      Read("// cotter-rules for swift:\n{\"rules\": [{\"pattern\": \"a.example\", \"pins\": [" +
               pin_a + ", " + pin_b + ", " + pin_a + "]}]}",
           "swift", false);
  ASSERT_TRUE(read) << read.error().message;
  const std::vector<PolicyPin>& pins = read->policy.hosts.front().pins;
  ASSERT_EQ(pins.size(), 2U);
  EXPECT_EQ(pins[1].pin.place, PinPlace::kLeaf);
}

// RFC 7469: the first header alone counts, max-age=0 takes pins back, and a host may have an
// enforced and a report-only header at once.
TEST(ExchangeFaults, HeadersCountAsClientsCountedThem_S0_10) {
  const std::string a = "pin-sha256=\"" + kPinA + "\"; ";
  const std::string b = "pin-sha256=\"" + kPinB + "\"; ";
  const Result<ImportedPolicy> read =
      Read("# a.example\nPublic-Key-Pins: " + a + b +
               "max-age=9\nPublic-Key-Pins: pin-sha256=\"bad "
               "header\"; max-age=1\nPublic-Key-Pins-Report-Only: " +
               b +
               "\n# b.example\n"
               "Public-Key-Pins: " +
               a + b + "max-age=0\n# c.example\nPublic-Key-Pins-Report-Only: " + a + b +
               "\nPublic-Key-Pins: " + a + b + "max-age=9\n",
           "hpkp", false);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->policy.hosts.size(), 2U);
  EXPECT_EQ(read->policy.hosts[0].pattern.ToString(), "a.example");
  EXPECT_EQ(read->policy.hosts[0].pins.size(), 2U);
  for (const HostRule& rule : read->policy.hosts) EXPECT_EQ(rule.mode, Mode::kEnforce);
  const Result<ImportedPolicy> odd =
      Read("# a.example\nPublic-Key-Pins: " + a + "max-age=soon\n", "hpkp", false);
  ASSERT_FALSE(odd);
  EXPECT_TRUE(odd.error().message.starts_with("f:2:")) << odd.error().message;
}

}  // namespace
}  // namespace cotter::formats
