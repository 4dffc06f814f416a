// SPDX-License-Identifier: Apache-2.0
//
// A root that somebody added to the machine, in the handshake: pins decide about it, or it is left
// out altogether.
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"
#include "tests/tls/context_program.h"

namespace cotter::tls {
namespace {

std::shared_ptr<const PolicyIndex> PinsOfBoth(LocalAnchors local_anchors) {
  Policy policy;
  policy.name = "test";
  policy.version = 1;
  HostRule rule{.pattern = HostPattern::Parse("api.example.com").value()};
  rule.local_anchors = local_anchors;
  for (const char* name : {"leaf", "rogue-leaf"}) {
    Pin pin;
    pin.digest = SpkiDigest(World().Get(name));
    rule.pins.push_back(PolicyPin{.pin = pin, .label = name});
  }
  policy.hosts.push_back(std::move(rule));
  return std::make_shared<const PolicyIndex>(PolicyIndex::Build(policy).value());
}

// S2-01: also for connections that are open when the rule comes.
TEST(LocalAnchor, IsLeftOutWhereTheRuleSaysSo_S2_01) {
  const test::TempDir shipped;
  shipped.Write("root.crt", World().Get("root").certificate.Pem());
  TrustOptions trusted;
  trusted.system_roots = SystemRoots::kNone;
  trusted.public_roots = shipped.path();
  trusted.certificates = {World().Get("root").certificate.der,
                          World().Get("rogue-root").certificate.der};
  const auto trust = LoadTrustStore(trusted).value();
  const struct {
    const char* identity;
    LocalAnchors local_anchors;
    std::optional<Code> code;
  } table[] = {{"leaf", LocalAnchors::kRefuse, std::nullopt},
               {"rogue-leaf", LocalAnchors::kEnforce, std::nullopt},
               {"rogue-leaf", LocalAnchors::kRefuse, Code::kLocalAnchorRefused}};
  for (const auto& row : table) {
    lab::ServerOptions options;
    options.identities = {World().Get(row.identity)};
    const lab::Server server = StartServer(std::move(options));
    Records records;
    const auto source = HoldPolicy(PinsOfBoth(row.local_anchors));
    ContextProgram program(EnforcerOptions{.policy = source, .trust = trust, .now = {}},
                           KeepIn(records));
    program.Open(server);
    EXPECT_EQ(program.Shake(), !row.code.has_value()) << row.identity;
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].code, row.code);
    if (row.code || row.local_anchors == LocalAnchors::kRefuse) continue;
    source->Set(PinsOfBoth(LocalAnchors::kRefuse));
    EXPECT_FALSE(CheckUse(program.ssl()));
  }
}

}  // namespace
}  // namespace cotter::tls
