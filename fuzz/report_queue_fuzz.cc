// SPDX-License-Identifier: Apache-2.0
//
// Target: an agent's queue, for any order of reports and answers, and what it writes for them.
// Property: a batch is read again as reports, each server is in it once; the queue holds one report
// a server and no more; what is taken or dropped is gone, and what is put off comes again.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "watch/observation.h"
#include "watch/report_queue.h"

namespace watch = cotter::watch;

namespace {

constexpr std::size_t kServers = 16;
constexpr int kStatuses[] = {200, 400, 413, 422, 429, 503, 401, 0};

watch::ServerFacts Facts(std::uint8_t byte) {
  watch::ServerFacts facts;
  facts.target = "h" + std::to_string(byte % kServers) + ".example.com:443";
  facts.at.unix_seconds = byte;
  facts.message.assign(byte, 'm');
  return facts;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  watch::ReportQueue queue([data, size, at = std::size_t{0}]() mutable -> std::uint64_t {
    return size == 0 ? 0 : data[at++ % size];
  });
  auto now = watch::ReportQueue::SteadyTime{std::chrono::hours(1)};
  std::set<std::string> inside;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint8_t byte = data[i];
    if (byte % 3 != 0) {
      watch::ServerFacts facts = Facts(byte);
      inside.insert(facts.target);
      queue.Add(std::move(facts));
      continue;
    }
    now += std::chrono::seconds(byte);
    const auto json = queue.Next(now);
    if (!json) continue;
    const auto reports = watch::ParseReports(*json);
    COTTER_CHECK(reports && !reports->empty());
    std::set<std::string> sent;
    for (const watch::ServerFacts& facts : *reports) {
      COTTER_CHECK(sent.insert(facts.target).second && inside.contains(facts.target));
    }
    COTTER_CHECK(!queue.Next(now));
    const watch::Answer answer{.status = kStatuses[byte / 3 % std::size(kStatuses)]};
    const auto outcome = queue.Answered(answer, now);
    COTTER_CHECK(outcome.taken == (answer.status == 200));
    COTTER_CHECK(!outcome.dropped || (sent.size() == 1 && sent.contains(*outcome.dropped)));
  }
  COTTER_CHECK(queue.size() <= 2 * kServers);  // a newer one of each may wait behind a part
  // Whatever happened, a collector that takes everything gets all that is left.
  for (int i = 0; queue.size() != 0; ++i) {
    COTTER_CHECK(i < 1000);
    now += watch::kLongestAsked;
    if (queue.Next(now)) static_cast<void>(queue.Answered({.status = 200}, now));
  }
  return 0;
}
