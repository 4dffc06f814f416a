// SPDX-License-Identifier: Apache-2.0
//
// Baselines, written, read back and broken.
#include "probe/scan/baseline.h"

#include <string>

#include <gtest/gtest.h>

namespace cotter::probe {
namespace {

SeenCertificate Ca(std::uint8_t number, std::string subject) {
  SeenCertificate ca;
  ca.spki.bytes[0] = number;
  ca.subject.text = std::move(subject);
  ca.is_ca = true;
  return ca;
}

HostFacts Facts(std::vector<SeenCertificate> path) {
  auto chain = std::make_shared<ChainFacts>();
  chain->seen.path = std::move(path);
  LookFacts look;
  look.chain = chain;
  AddressFacts address;
  address.looks.push_back(look);
  HostFacts facts{.target = *net::ParseTarget("a.example.com", 443),
                  .settings = nullptr,
                  .at = {},
                  .failure = {},
                  .addresses = {},
                  .resolving = {}};
  facts.addresses.push_back(std::move(address));
  return facts;
}

TEST(Baseline, ReadsWhatItWrote_S3_49) {
  Baseline baseline;
  baseline.Add(
      Facts({SeenCertificate{}, Ca(1, "CN=One, \xe2\x80\xae"), Ca(2, ""), Ca(3, "CN=Root")}));
  const std::string text = baseline.Write();
  const Result<Baseline> read = Baseline::Read(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->Write(), text);
  EXPECT_TRUE(read->Expects("a.example.com:443", Ca(1, "").spki));
  EXPECT_TRUE(read->Expects("a.example.com:443", Ca(2, "").spki));
  // The anchor is no intermediate.
  EXPECT_FALSE(read->Expects("a.example.com:443", Ca(3, "").spki));
  EXPECT_FALSE(read->Knows("b.example.com:443"));
}

TEST(Baseline, KnowsHostsWithoutIntermediates) {
  Baseline baseline;
  baseline.Add(Facts({SeenCertificate{}, Ca(3, "CN=Root")}));
  const Result<Baseline> read = Baseline::Read(baseline.Write());
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->Knows("a.example.com:443"));
}

TEST(Baseline, NamesTheLineThatIsWrong) {
  const std::string good = Baseline().Write();
  for (const std::string& bad : {std::string("a.example.com:443"), std::string("a b"),
                                 std::string("a:1 sha256/AAAA CN=x"), std::string(" x")}) {
    const Result<Baseline> read = Baseline::Read(good + bad + "\n");
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, Code::kFormatMalformed);
    EXPECT_NE(read.error().message.find("line 2"), std::string::npos);
  }
  EXPECT_FALSE(Baseline::Read("something else\n"));
}

}  // namespace
}  // namespace cotter::probe
