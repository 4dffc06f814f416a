// SPDX-License-Identifier: Apache-2.0
//
// poll_bench URL ROOT CA STATE ROUNDS: what a poll that brings nothing new costs besides TLS and
// HTTP. It polls the repository at URL, and has plain libcurl make the same two requests, in turn,
// each on a connection of its own, and prints the medians of CPU time (getrusage), and how much
// heap of its own, without that of libcurl and OpenSSL, a client holds and has at most. bench/run
// has nginx serve it.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <variant>
#include <vector>

#include <malloc.h>
#include <sys/resource.h>

#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>

#include "base/clock.h"
#include "update/curl_fetcher.h"
#include "update/policy_update.h"

namespace {

std::atomic<std::size_t> held{0};
std::atomic<std::size_t> most{0};

void* Take(std::size_t size) {
  constexpr std::size_t kUnit = alignof(std::max_align_t);
  void* const memory = std::aligned_alloc(kUnit, (size + kUnit) / kUnit * kUnit);
  if (memory == nullptr) std::abort();
  const std::size_t now = held += malloc_usable_size(memory);
  if (now > most) most = now;
  return memory;
}

void GiveBack(void* memory) {
  if (memory != nullptr) held -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return Take(size); }
void operator delete(void* memory) noexcept { GiveBack(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { GiveBack(memory); }

namespace cotter::update {
namespace {

double CpuMilliseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

std::size_t Append(const char* data, std::size_t size, std::size_t count, void* into) {
  static_cast<std::string*>(into)->append(data, size * count);
  return size * count;
}

void FetchPlainly(const std::vector<std::string>& urls, const std::string& roots) {
  CURL* const curl = curl_easy_init();
  for (const std::string& url : urls) {
    std::string body;
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_CAINFO, roots.c_str());
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, static_cast<void*>(&body));
    COTTER_CHECK(curl_easy_perform(curl) == CURLE_OK);
  }
  curl_easy_cleanup(curl);
}

void Poll(PolicyUpdate& update, const std::string& roots) {
  CurlFetcher fetcher(Cleartext::kRefuse, roots);
  const auto done = update.Run(fetcher, base::Now());
  COTTER_CHECK(std::holds_alternative<PolicyUpdated>(done));
}

int Main(const std::vector<std::string>& words) {
  int rounds = 0;
  if (words.size() != 6 ||
      std::from_chars(words[5].data(), words[5].data() + words[5].size(), rounds).ptr !=
          words[5].data() + words[5].size() ||
      rounds < 1) {
    std::fputs("poll_bench URL ROOT CA STATE ROUNDS\n", stderr);
    return 2;
  }
  const std::string& url = words[1];
  const std::string& roots = words[3];
  RemoteOptions options;
  options.remotes = {url};
  options.root_file = words[2];
  options.state = words[4];
  const std::vector<std::string> urls{url + "/metadata/2.root.json",
                                      url + "/metadata/timestamp.json"};
  const std::size_t before = held;
  most = before;
  PolicyUpdate update(options);
  Poll(update, roots);
  const std::size_t first = most - before;
  FetchPlainly(urls, roots);
  std::vector<double> plain;
  std::vector<double> fetching;
  std::vector<double> ours;
  most = held.load();
  for (int round = 0; round < rounds; ++round) {
    const double begin = CpuMilliseconds();
    FetchPlainly(urls, roots);
    const double middle = CpuMilliseconds();
    Poll(update, roots);
    plain.push_back(middle - begin);
    ours.push_back(CpuMilliseconds() - middle);
    const double end = CpuMilliseconds();
    CurlFetcher fetcher(Cleartext::kRefuse, roots);
    for (const std::string& each : urls) COTTER_CHECK(fetcher.Fetch(each, kMaxTimestampSize));
    fetching.push_back(CpuMilliseconds() - end);
  }
  std::printf(
      "plain_ms %.3f\nfetcher_ms %.3f\nours_ms %.3f\nheap_held %zu\nheap_first %zu\nheap_most "
      "%zu\n",
      Median(plain), Median(fetching), Median(ours), held - before, first, most - before);
  return 0;
}

}  // namespace
}  // namespace cotter::update

int main(int argc, char** argv) { return cotter::update::Main({argv, argv + argc}); }
