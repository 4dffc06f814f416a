// SPDX-License-Identifier: Apache-2.0
//
// The loop over tests/chains/cases: one directory a case, each with a file `case` that says what a
// server presents, what is trusted, what is pinned, and what must come of it. README.md in that
// folder describes the format; a new case needs no C++.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "tls/judge.h"

namespace cotter::tls {
namespace {

namespace fs = std::filesystem;

const fs::path kCertificates = COTTER_CHAIN_CERTIFICATES;
const fs::path kCases = COTTER_CHAIN_CASES;

using Fields = std::map<std::string, std::string>;

Fields ReadCase(const fs::path& path) {
  std::ifstream file(path);
  Fields fields;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t colon = line.find(':');
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    fields[line.substr(0, colon)] = value == std::string::npos ? "" : line.substr(value);
  }
  return fields;
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Bytes ReadCertificate(const std::string& name) {
  const std::string pem = ReadText(kCertificates / (name + ".pem"));
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  unsigned char* raw = nullptr;
  long size = 0;
  EXPECT_EQ(PEM_bytes_read_bio(&raw, &size, nullptr, PEM_STRING_X509, bio.get(), nullptr, nullptr),
            1)
      << name;
  const OpensslBytesPtr der(raw);
  return Bytes(raw, raw + size);
}

// ReadChain is the certificates that `names` lists; "mesh4_*" is all whose names begin like that.
std::vector<Bytes> ReadChain(const std::string& names) {
  std::vector<Bytes> chain;
  for (const std::string& name : Words(names)) {
    if (name.back() != '*') {
      chain.push_back(ReadCertificate(name));
      continue;
    }
    std::vector<std::string> matches;
    for (const fs::directory_entry& entry : fs::directory_iterator(kCertificates)) {
      const std::string stem = entry.path().stem().string();
      if (entry.path().extension() == ".pem" && stem.starts_with(name.substr(0, name.size() - 1))) {
        matches.push_back(stem);
      }
    }
    std::ranges::sort(matches);
    for (const std::string& match : matches) chain.push_back(ReadCertificate(match));
  }
  return chain;
}

// ReadPin reads "place/NAME", "use/NAME" or "cert/NAME".
PolicyPin ReadPin(const std::string& word) {
  const std::size_t slash = word.find('/');
  const std::string kind = word.substr(0, slash);
  const std::string name = word.substr(slash + 1);
  Pin pin;
  if (kind == "leaf") pin.place = PinPlace::kLeaf;
  if (kind == "ca") pin.place = PinPlace::kCa;
  if (kind == "backup") pin.use = PinUse::kBackup;
  if (kind == "cert") pin.kind = PinKind::kCert;
  const char* const suffix = kind == "cert" ? ".certpin" : ".pin";
  pin.digest = ParsePin(ReadText(kCertificates / (name + suffix))).value();
  return PolicyPin{.pin = pin, .label = name};
}

Policy MakePolicy(const Fields& fields) {
  const auto field = [&fields](const std::string& key) {
    const auto at = fields.find(key);
    return at == fields.end() ? std::string() : at->second;
  };
  const auto has = [&](const std::string& option) {
    const std::vector<std::string> options = Words(field("options"));
    return std::ranges::find(options, option) != options.end();
  };
  Policy policy;
  policy.name = "case";
  policy.version = 1;
  policy.partial_chain = has("partial_chain");
  for (const std::string& name : Words(field("revoked"))) {
    policy.revoked.push_back(ReadPin("any/" + name).pin.digest);
  }
  if (field("pins").empty()) return policy;
  HostRule rule{.pattern = HostPattern::Parse("api.example.test").value()};
  if (has("report")) rule.mode = Mode::kReport;
  if (has("leaf+ca")) rule.require = Require::kLeafAndCa;
  if (has("local_anchors=refuse")) rule.local_anchors = LocalAnchors::kRefuse;
  for (const std::string& word : Words(field("pins"))) rule.pins.push_back(ReadPin(word));
  policy.hosts.push_back(std::move(rule));
  return policy;
}

// Describe writes a judgement as `expect` has it.
std::string Describe(const Judgement& judgement) {
  std::string text(NameOf(judgement.verdict.outcome));
  if (judgement.verdict.outcome == Outcome::kPkiError) {
    text += " " + std::string(NameOf(judgement.code().value()));
  }
  if (judgement.verdict.match) {
    text += " index=" + std::to_string(judgement.verdict.match->cert_index);
  }
  return text;
}

// AllCases is the names of the directories, sorted.
std::vector<std::string> AllCases() {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(kCases)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

class Chains : public testing::TestWithParam<std::string> {};

TEST_P(Chains, AreJudgedAsTheirCaseSays) {
  const Fields fields = ReadCase(kCases / GetParam() / "case");
  const Result<PolicyIndex> policy = PolicyIndex::Build(MakePolicy(fields));
  ASSERT_TRUE(policy);
  TrustOptions options;
  options.system_roots = SystemRoots::kNone;
  options.certificates = ReadChain(fields.at("trust"));
  const auto trust = LoadTrustStore(options);
  ASSERT_TRUE(trust);
  const Endpoint endpoint{HostName::Parse(fields.at("host")).value(), 443};
  const Time now = ParseTime(fields.at("now")).value();
  const PresentedChain presented{ReadChain(fields.at("chain"))};
  const Judgement judgement = JudgeChain(*policy, endpoint, **trust, now, presented);
  EXPECT_EQ(Describe(judgement), fields.at("expect")) << judgement.message();
  if (judgement.verdict.outcome == Outcome::kSearchBound) {
    EXPECT_NE(judgement.message().find("limit"), std::string::npos) << judgement.message();
  }
  if (fields.contains("paths")) {
    const Verification all = VerifyChain(
        presented, **trust, endpoint.host, now,
        {.anchors = policy->partial_chain() ? AnchorRule::kPartialChain : AnchorRule::kSelfSigned},
        SearchMode::kAlways);
    EXPECT_EQ(std::to_string(all.paths().size()), fields.at("paths"));
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Chains, testing::ValuesIn(AllCases()), [](const auto& each) {
  std::string name = each.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace cotter::tls
