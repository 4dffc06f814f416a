// SPDX-License-Identifier: Apache-2.0
//
// What a client does with the four files of a repository in which two of three sign: read, verify,
// compare. And a whole poll that brings nothing new, without the network: of a program that polls
// every six hours, and of one that is started for it. Google Benchmark; bench/run makes the table.
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <variant>

#include <benchmark/benchmark.h>

#include "base/sha256.h"
#include "tests/support/temp_dir.h"
#include "tests/update/signed_repository.h"
#include "update/metadata.h"
#include "update/policy_update.h"
#include "update/verify.h"

namespace cotter::update {
namespace {

std::string ReadData(const std::string& name) {
  std::ifstream file(std::string(COTTER_SOURCE_DIR) + "/tests/update/data/" + name);
  COTTER_CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

void VerifyChain(benchmark::State& state) {
  const std::string root_file = ReadData("2.root.json");
  const std::string timestamp_file = ReadData("timestamp.json");
  const std::string snapshot_file = ReadData("2.snapshot.json");
  const std::string targets_file = ReadData("1.targets.json");
  for (auto _ : state) {
    const Result<Root> root = ReadRoot(root_file);
    const Result<Timestamp> timestamp = ReadTimestamp(timestamp_file);
    const Result<Snapshot> snapshot = ReadSnapshot(snapshot_file);
    const Result<Targets> targets = ReadTargets(targets_file);
    COTTER_CHECK(VerifySignatures(*root, root->root, root->keys));
    COTTER_CHECK(VerifySignatures(*timestamp, root->timestamp, root->keys));
    COTTER_CHECK(VerifyContent(snapshot_file, timestamp->snapshot));
    COTTER_CHECK(VerifySignatures(*snapshot, root->snapshot, root->keys));
    COTTER_CHECK(VerifyContent(targets_file, snapshot->meta.at("targets.json")));
    COTTER_CHECK(VerifySignatures(*targets, root->targets, root->keys));
  }
}
BENCHMARK(VerifyChain)->Unit(benchmark::kMillisecond);

// Polled is a client whose state is up to date with a repository in memory; its policy has 20
// hosts.
class Polled {
 public:
  Polled() {
    std::string hosts;
    for (int i = 0; i < 20; ++i) {
      hosts += std::string(i == 0 ? "" : ",") + R"({"pattern":"h)" + std::to_string(i) +
               R"(.example.com","pins":[)";
      for (int pin = 0; pin < 4; ++pin) {
        const Digest digest = base::Sha256(AsBytes(std::to_string(i * 4 + pin)));
        hosts += std::string(pin == 0 ? "" : ",") + R"({"pin":")" + FormatPin(digest) + R"("})";
      }
      hosts += "]}";
    }
    repository_.Publish(
        R"({"policy":{"name":"acme","environment":"production","version":1},"host":[)" + hosts +
        "]}");
    options_.remotes = {"memory://here"};
    options_.state = folder_.File("state");
    options_.root = repository_.root();
    Poll(kept_.emplace(options_));
  }

  void PollAgain() { Poll(*kept_); }
  void PollAnew() {
    PolicyUpdate update(options_);
    Poll(update);
  }

 private:
  void Poll(PolicyUpdate& update) {
    const auto fetcher = repository_.NewFetcher();
    const auto done = update.Run(*fetcher, Time{1'800'000'000});
    COTTER_CHECK(std::holds_alternative<PolicyUpdated>(done));
  }

  test::TempDir folder_;
  test::SignedRepository repository_{Time{4'102'444'800}, 2};
  RemoteOptions options_;
  std::optional<PolicyUpdate> kept_;
};

void PollOfAProgramThatRuns(benchmark::State& state) {
  Polled polled;
  for (auto _ : state) polled.PollAgain();
}
BENCHMARK(PollOfAProgramThatRuns)->Unit(benchmark::kMillisecond);

void PollOfAProgramThatStarts(benchmark::State& state) {
  Polled polled;
  for (auto _ : state) polled.PollAnew();
}
BENCHMARK(PollOfAProgramThatStarts)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cotter::update

BENCHMARK_MAIN();
