// SPDX-License-Identifier: Apache-2.0
#include "watch/observation.h"

#include <gtest/gtest.h>

namespace cotter::watch {
namespace {

Digest DigestOf(std::size_t number) {
  Digest digest;
  digest.bytes[0] = static_cast<std::uint8_t>(number);
  digest.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  digest.bytes[2] = 1;
  return digest;
}

// A server that has `peers` addresses and shows a long chain of its own at each.
ServerFacts Server(const std::string& name, std::size_t peers) {
  ServerFacts facts;
  facts.target = name;
  for (std::size_t i = 0; i < peers; ++i) {
    SeenChainFacts chain;
    chain.leaf = DigestOf(i);
    chain.presented.assign(kMaxPath, DigestOf(i));
    chain.path.assign(kMaxPath, DigestOf(i));
    chain.issuer = std::string(400, 'i');
    chain.message = std::string(400, 'm');
    facts.chains.push_back(std::move(chain));
    PeerFacts peer;
    peer.peer = "192.0.2.1:" + std::to_string(i);
    peer.chains = {i};
    facts.peers.push_back(std::move(peer));
  }
  return facts;
}

// Servers choose how much there is to report: one batch after the other goes through all the same.
TEST(Observation, EveryBatchFitsIntoAnEnvelope) {
  std::map<std::string, ServerFacts> waiting;
  std::map<std::string, ServerFacts> all;
  for (int i = 0; i < 20; ++i) {
    const std::string name = "host" + std::to_string(i) + ".example.com:443";
    waiting[name] = Server(name, i % 2 == 0 ? kMaxPeers : 1);
  }
  all = waiting;
  std::size_t batches = 0;
  while (!waiting.empty()) {
    std::map<std::string, ServerFacts> batch;
    const std::string json = FormatBatch(waiting, batch);
    EXPECT_LT(json.size(), kMaxEnvelope - 1024);
    const auto read = ParseReports(json);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_FALSE(read->empty());
    ASSERT_EQ(read->size(), batch.size());
    for (const ServerFacts& facts : *read) {
      EXPECT_EQ(facts, all.at(facts.target));
      EXPECT_EQ(batch.count(facts.target), 1U);
      all.erase(facts.target);
    }
    ++batches;
  }
  EXPECT_TRUE(all.empty());
  EXPECT_GT(batches, 4U);
}

TEST(Observation, ABatchHasNoMoreReportsThanACollectorTakes) {
  std::map<std::string, ServerFacts> waiting;
  for (std::size_t i = 0; i <= kMaxReports; ++i) {
    const std::string name = std::to_string(i) + ".example.com:443";
    waiting[name] = Server(name, 0);
  }
  while (!waiting.empty()) {
    std::map<std::string, ServerFacts> batch;
    EXPECT_TRUE(ParseReports(FormatBatch(waiting, batch)));
    EXPECT_FALSE(batch.empty());
  }
}

}  // namespace
}  // namespace cotter::watch
