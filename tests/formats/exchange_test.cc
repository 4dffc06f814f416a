// SPDX-License-Identifier: Apache-2.0
//
// Properties of every format that is both written and read, over generated policies: what comes
// back decides as the losses say, and is the same model where nothing was lost.
#include "formats/exchange.h"

#include <algorithm>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "policy/policy_file.h"
#include "policy/policy_text.h"
#include "tests/core/fake_paths.h"
#include <cotter/evaluate.h>
#include <cotter/policy_index.h>

namespace cotter::formats {

// PrintTo makes a format's name the name of its test.
void PrintTo(const Format* format, std::ostream* out) { *out << format->name; }

namespace {

using testing::KeyDigest;
using testing::PathOf;

// Keys below 20 are of leaves, those from 20 of CAs, and pins say so: a pin never names another.
constexpr unsigned kFirstCa = 20;
constexpr unsigned kKeys = 8;

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  unsigned Below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  bool OneIn(unsigned n) { return Below(n) == 0; }

  Policy Make() {
    Policy policy;
    policy.name = "generated";
    policy.environment = "staging";
    policy.version = Below(1000);
    policy.unlisted = OneIn(6) ? Unlisted::kRefuse : Unlisted::kPki;
    if (OneIn(6)) policy.revoked.push_back(KeyDigest(kFirstCa + Below(kKeys)));
    const unsigned count = 1 + Below(4);
    while (policy.hosts.size() < count) {
      HostRule rule = Rule();
      const bool taken = std::ranges::any_of(
          policy.hosts, [&](const HostRule& other) { return other.pattern == rule.pattern; });
      if (!taken) policy.hosts.push_back(std::move(rule));
    }
    return policy;
  }

 private:
  HostRule Rule() {
    static const char* const kPatterns[] = {
        "a.test",     "*.a.test",   "**.a.test",  "b.a.test",      "**.b.a.test",
        "c.b.a.test", "*.b.a.test", "other.test", "**.other.test", "d.c.b.a.test"};
    HostRule rule{.pattern = *HostPattern::Parse(kPatterns[Below(10)])};
    if (OneIn(6)) rule.mode = Mode::kReport;
    if (OneIn(6)) rule.mode = Mode::kOff;
    if (OneIn(5)) rule.ports = {443};
    if (OneIn(6)) rule.require = Require::kLeafAndCa;
    if (OneIn(5)) rule.expires = Time{86'400 * std::int64_t{20'000 + Below(3)}};
    if (OneIn(3)) rule.on_expiry = OnExpiry::kPki;
    const unsigned pins = 1 + Below(3);
    for (unsigned i = 0; i < pins; ++i) AddPin(rule, OneIn(2));
    if (rule.require == Require::kLeafAndCa) {
      AddPin(rule, true);
      AddPin(rule, false);
    }
    if (rule.mode == Mode::kOff) {
      rule.pins.clear();
      rule.require = Require::kAny;
    }
    return rule;
  }

  void AddPin(HostRule& rule, bool leaf) {
    PolicyPin pin;
    pin.pin.digest = KeyDigest((leaf ? 0 : kFirstCa) + Below(kKeys));
    pin.pin.place = leaf ? PinPlace::kLeaf : PinPlace::kCa;
    if (OneIn(4)) pin.pin.use = PinUse::kBackup;
    const bool known = std::ranges::any_of(
        rule.pins, [&](const PolicyPin& other) { return other.pin.digest == pin.pin.digest; });
    if (!known) rule.pins.push_back(std::move(pin));
  }

  std::mt19937 random_;
};

bool Allowed(const PolicyIndex& index, const std::string& host, std::uint16_t port, unsigned leaf,
             unsigned ca) {
  const std::vector<VerifiedPath> paths = {PathOf({leaf, ca, 100})};
  const Endpoint endpoint{*HostName::Parse(host), port};
  return Evaluate(index, endpoint, paths, SearchEnd::kComplete, Time{86'400 * 10'000}).allowed();
}

bool Has(const std::vector<Loss>& losses, Severity severity) {
  return std::ranges::any_of(losses, [&](const Loss& loss) { return loss.severity == severity; });
}

// Decisions compares what both policies say to every host, port and path of the small world.
void CompareDecisions(const Policy& policy, const Policy& back, const std::vector<Loss>& losses,
                      const std::string& trace) {
  const Result<PolicyIndex> before = PolicyIndex::Build(policy);
  const Result<PolicyIndex> after = PolicyIndex::Build(back);
  ASSERT_TRUE(before && after) << trace;
  for (const char* host : {"a.test", "b.a.test", "c.b.a.test", "d.c.b.a.test", "x.d.c.b.a.test",
                           "z.a.test", "y.z.a.test", "other.test", "q.other.test", "none.test"}) {
    for (const std::uint16_t port : {std::uint16_t{443}, std::uint16_t{8443}}) {
      for (unsigned key = 0; key < kKeys * kKeys; ++key) {
        const unsigned leaf = key % kKeys;
        const unsigned ca = kFirstCa + key / kKeys;
        const bool was = Allowed(*before, host, port, leaf, ca);
        const bool is = Allowed(*after, host, port, leaf, ca);
        if (was == is) continue;
        const Severity told = is ? Severity::kEnforcement : Severity::kStricter;
        ASSERT_TRUE(Has(losses, told))
            << host << ":" << port << " leaf " << leaf << " ca " << ca
            << (is ? " passes" : " fails") << " unlike before, and no loss says so\n"
            << trace;
      }
    }
  }
}

std::string Traced(const Policy& policy, const Exported& exported, const Policy& back) {
  std::string text = policy::WritePolicy(policy) + "\n---\n" + exported.text + "\n---\n" +
                     policy::WritePolicy(back) + "\n---\n";
  for (const Loss& loss : exported.losses) {
    text += std::string(NameOf(loss.severity)) + " " + loss.rule + " " + loss.what + "\n";
  }
  return text;
}

ExportOptions OptionsFor(const Format& format) {
  ExportOptions options;
  options.policy_digest = std::string(64, '0');
  if (format.name == "hpkp") options.dead_standard = DeadStandard::kWrite;
  if (format.name == "okhttp") options.okhttp_version = 4012;
  return options;
}

class Exchange : public ::testing::TestWithParam<const Format*> {};

std::vector<const Format*> TwoWayFormats() {
  std::vector<const Format*> formats;
  for (const Format* format : AllFormats()) {
    if (format->read != nullptr && format->write != nullptr) formats.push_back(format);
  }
  return formats;
}

// S0-19, S2-19: import after export decides as before, or a loss says how it does not.
TEST_P(Exchange, LossesTellEveryOtherDecision_S0_19_S2_19) {
  const Format& format = *GetParam();
  unsigned carried = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Policy policy = Generator(seed).Make();
    if (!PolicyIndex::Build(policy)) continue;
    const Result<Exported> exported = Export(policy, format, OptionsFor(format));
    if (!exported) {
      EXPECT_EQ(exported.error().code, Code::kPinsMissing) << exported.error().message;
      continue;
    }
    const Result<Exported> again = Export(policy, format, OptionsFor(format));
    ASSERT_TRUE(again && again->text == exported->text) << "an export is repeatable";
    const InputFile file{"exported", AsBytes(exported->text)};
    ASSERT_EQ(Recognize({&file, 1}), &format) << exported->text;
    const Result<ImportedPolicy> back = Import({&file, 1});
    ASSERT_TRUE(back) << back.error().message << "\n" << exported->text;
    EXPECT_EQ(back->policy.name, policy.name);
    EXPECT_EQ(back->policy.version, policy.version);
    const std::string trace = Traced(policy, *exported, back->policy);
    std::vector<Loss> losses = exported->losses;
    losses.insert(losses.end(), back->losses.begin(), back->losses.end());
    CompareDecisions(policy, back->policy, losses, trace);
    if (HasFatalFailure()) return;
    ++carried;
  }
  EXPECT_GT(carried, 50U);
}

INSTANTIATE_TEST_SUITE_P(Formats, Exchange, ::testing::ValuesIn(TwoWayFormats()));

// The formats that carry the whole policy give the same model back, byte for byte as TOML.
TEST(ExchangeTable, GivesTheSameModelBack_S0_19) {
  for (const char* name : {"go", "node", "python"}) {
    unsigned same = 0;
    for (unsigned seed = 0; seed < 300; ++seed) {
      Policy policy = Generator(seed).Make();
      if (!PolicyIndex::Build(policy)) continue;
      for (HostRule& rule : policy.hosts) {
        if (rule.on_expiry == OnExpiry::kPki) rule.on_expiry = OnExpiry::kEnforce;
        if (rule.mode == Mode::kOff) rule.expires.reset();
        std::erase_if(rule.pins, [&](const PolicyPin& pin) {
          return std::ranges::find(policy.revoked, pin.pin.digest) != policy.revoked.end();
        });
      }
      const Result<Exported> exported = Export(policy, *FindFormat(name), {});
      if (!exported) continue;
      const InputFile file{"exported", AsBytes(exported->text)};
      const Result<ImportedPolicy> back = Import({&file, 1});
      ASSERT_TRUE(back);
      ASSERT_EQ(policy::WritePolicy(back->policy), policy::WritePolicy(policy)) << exported->text;
      ++same;
    }
    EXPECT_GT(same, 100U);
  }
}

// TOML that is written is read back as the same policy.
TEST(PolicyText, IsReadBackAsTheSamePolicy) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    Policy policy = Generator(seed).Make();
    policy.hosts.front().owner = "a \"b\" \\ \n \x01 \xC3\xA9";
    policy.hosts.front().pins.resize(std::max<std::size_t>(policy.hosts.front().pins.size(), 1));
    policy.hosts.front().pins.front().label = "label'#]";
    if (policy.hosts.front().pins.front().pin.digest == Digest{}) {
      policy.hosts.front().pins.front().pin.digest = KeyDigest(7);
    }
    const std::string text = policy::WritePolicy(policy, {.head = {"head \x01"}, .hosts = {{"x"}}});
    const Result<Policy> back = policy::ReadPolicy(text, "written");
    ASSERT_TRUE(back) << back.error().message << "\n" << text;
    EXPECT_EQ(policy::WritePolicy(*back), policy::WritePolicy(policy));
  }
}

}  // namespace
}  // namespace cotter::formats
