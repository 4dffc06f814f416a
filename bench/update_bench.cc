// SPDX-License-Identifier: Apache-2.0
//
// What a client does with the four files of a repository in which two of three sign: read, verify,
// compare. Google Benchmark; bench/run makes the table.
#include <fstream>
#include <iterator>
#include <string>

#include <benchmark/benchmark.h>

#include "update/metadata.h"
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

}  // namespace
}  // namespace cotter::update

BENCHMARK_MAIN();
