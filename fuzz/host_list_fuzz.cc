// SPDX-License-Identifier: Apache-2.0
//
// probe::ReadHostList, ReadZoneFile, Baseline::Read and ReadHttpFacts: texts that people and
// servers hand over. What is read is bounded, line numbers are those of the text, and a baseline
// that is accepted is written and read back the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/target.h"
#include "probe/engine/http_facts.h"
#include "probe/scan/baseline.h"
#include "probe/scan/host_list.h"
#include <cotter/bytes.h>

namespace {

void Check(const cotter::probe::HostList& list, std::size_t lines) {
  if (list.targets.size() > lines || list.bad_lines.size() > lines + 1) std::abort();
  for (const auto& bad : list.bad_lines) {
    if (bad.line == 0 || bad.line > lines || bad.what.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cotter;
  const std::string_view text = AsText(ByteView(data, size));
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  const probe::TargetParser parse = [](std::string_view name) {
    return net::ParseTarget(name, 443);
  };
  Check(probe::ReadHostList(text, parse), lines);
  Check(probe::ReadZoneFile(text, "example.com", parse), lines);
  if (const auto baseline = probe::Baseline::Read(text)) {
    const std::string written = baseline->Write();
    const auto again = probe::Baseline::Read(written);
    if (!again || again->Write() != written) std::abort();
  }
  if (const auto facts = probe::ReadHttpFacts(text)) {
    if (facts->status < 100 || facts->status > 599) std::abort();
    if (facts->hsts && facts->hsts->size() > probe::kMaxFieldKept) std::abort();
    if (facts->hpkp && facts->hpkp->size() > probe::kMaxFieldKept) std::abort();
  }
  return 0;
}
