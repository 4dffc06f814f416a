// SPDX-License-Identifier: Apache-2.0
//
// The main() of a fuzz target where libFuzzer is not: runs every file of the folders given, whole,
// and with each single byte changed, and cut short at each length. So every seed is a test of its
// neighbours too, the same on every run.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// Inputs that are tried around one seed, so that a long seed does not take minutes.
constexpr std::size_t kMaxNeighbours = 512;

using Input = std::vector<std::uint8_t>;

void Run(const Input& input) {
  // A copy of the exact size, so that a sanitizer sees a read past the end.
  const Input exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

void RunWithNeighbours(Input input) {
  Run(input);
  const std::size_t step = input.size() / kMaxNeighbours + 1;
  for (std::size_t at = 0; at < input.size(); at += step) {
    const std::uint8_t kept = input[at];
    for (const unsigned flip : {0x01U, 0x80U, 0xFFU}) {
      input[at] = static_cast<std::uint8_t>(kept ^ flip);
      Run(input);
    }
    input[at] = kept;
    Run(Input(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(at)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  RunWithNeighbours({});
  int seeds = 0;
  for (const char* folder : std::vector<const char*>(argv + std::min(argc, 1), argv + argc)) {
    if (!std::filesystem::is_directory(folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      RunWithNeighbours(Input(std::istreambuf_iterator<char>(file), {}));
      ++seeds;
    }
  }
  std::printf("%d seeds\n", seeds);
  if (seeds == 0)
    std::fputs("a fuzz target without seeds starts from nothing: give it some\n", stderr);
  return seeds == 0 ? 1 : 0;
}
