// SPDX-License-Identifier: Apache-2.0
//
// The judge, by number of rules: matching alone for one hot host and for random hosts, the same
// with the hashing of the three public keys, and the opening of the compiled cache. Google
// Benchmark; bench/run makes the table.
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/file.h"
#include "base/sha256.h"
#include "tests/core/fake_paths.h"
#include <cotter/evaluate.h>
#include <cotter/policy_index.h>

namespace cotter {
namespace {

using testing::KeyDigest;

constexpr Time kNow{1'800'000'000};

std::string HostOf(std::size_t i) { return "api" + std::to_string(i) + ".region.example.com"; }

// PolicyOf has `rules` exact rules, each with a leaf, a backup and a CA pin of its own.
Policy PolicyOf(std::size_t rules) {
  Policy policy;
  policy.name = "bench";
  policy.hosts.reserve(rules);
  for (std::size_t i = 0; i < rules; ++i) {
    HostRule rule{.pattern = *HostPattern::Parse(HostOf(i))};
    const auto key = static_cast<unsigned>(i * 3);
    rule.pins = {{.pin = {.digest = KeyDigest(key)}, .label = ""},
                 {.pin = {.digest = KeyDigest(key + 1), .use = PinUse::kBackup}, .label = ""},
                 {.pin = {.digest = KeyDigest(key + 2), .place = PinPlace::kCa}, .label = ""}};
    policy.hosts.push_back(std::move(rule));
  }
  return policy;
}

const PolicyIndex& IndexOf(std::size_t rules) {
  static std::vector<std::pair<std::size_t, PolicyIndex>> made;
  for (const auto& [size, index] : made) {
    if (size == rules) return index;
  }
  return made.emplace_back(rules, *PolicyIndex::Build(PolicyOf(rules))).second;
}

// Connection is a host and a path that satisfies its rule by its leaf.
struct Connection {
  Endpoint endpoint;
  VerifiedPath path;
};

Connection ConnectionTo(std::size_t i) {
  const auto key = static_cast<unsigned>(i * 3);
  return {{*HostName::Parse(HostOf(i)), 443},
          testing::PathOf({key, 4'000'000'001U, 4'000'000'002U})};
}

void Judge(benchmark::State& state, std::size_t hosts) {
  const auto rules = static_cast<std::size_t>(state.range(0));
  const PolicyIndex& index = IndexOf(rules);
  std::mt19937 random(20261120);
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < hosts; ++i) connections.push_back(ConnectionTo(random() % rules));
  std::size_t next = 0;
  for (auto _ : state) {
    const Connection& connection = connections[next];
    next = next + 1 == connections.size() ? 0 : next + 1;
    const Verdict verdict =
        Evaluate(index, connection.endpoint, {&connection.path, 1}, SearchEnd::kDefaultOnly, kNow);
    if (verdict.outcome != Outcome::kPinnedOk) state.SkipWithError("not pinned_ok");
  }
}

void HotHost(benchmark::State& state) { Judge(state, 1); }

// 4,096 connections, so that neither their rules nor their paths stay in the first cache.
void RandomHosts(benchmark::State& state) { Judge(state, 4096); }

// A P-256 leaf and two RSA CAs, as public chains often are.
void HashAndJudge(benchmark::State& state) {
  const auto rules = static_cast<std::size_t>(state.range(0));
  const PolicyIndex& index = IndexOf(rules);
  const Connection connection = ConnectionTo(rules / 2);
  const Bytes leaf(91, 1);
  const Bytes ca(294, 2);
  for (auto _ : state) {
    benchmark::DoNotOptimize(base::Sha256(leaf));
    benchmark::DoNotOptimize(base::Sha256(ca));
    benchmark::DoNotOptimize(base::Sha256(ca));
    const Verdict verdict =
        Evaluate(index, connection.endpoint, {&connection.path, 1}, SearchEnd::kDefaultOnly, kNow);
    if (verdict.outcome != Outcome::kPinnedOk) state.SkipWithError("not pinned_ok");
  }
}

void OpenCache(benchmark::State& state) {
  const std::string path = "/tmp/cotter-bench-" + std::to_string(state.range(0)) + ".cache";
  const PolicyIndex& index = IndexOf(static_cast<std::size_t>(state.range(0)));
  if (!base::WriteFileAtomically(path, index.image())) state.SkipWithError("cannot write");
  for (auto _ : state) {
    const Result<base::FileImage> file = base::ReadFile(path);
    const Result<PolicyIndex> opened = PolicyIndex::Open(file->bytes(), file->owner());
    if (!opened) state.SkipWithError("cannot open");
  }
  std::remove(path.c_str());
}

BENCHMARK(HotHost)->Arg(1)->Arg(1'000)->Arg(100'000);
BENCHMARK(RandomHosts)->Arg(1)->Arg(1'000)->Arg(100'000);
BENCHMARK(HashAndJudge)->Arg(1)->Arg(1'000)->Arg(100'000);
BENCHMARK(OpenCache)->Arg(100'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace cotter

BENCHMARK_MAIN();
