// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes what a collector reads from agents: an envelope that opens is made of its parts, and
// reports that are accepted are written and read again as the same.
#include <cstddef>
#include <cstdint>

#include "watch/messages.h"
#include "watch/observation.h"

namespace watch = cotter::watch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = cotter::AsText({data, size});
  std::string_view json = text;
  if (const auto envelope = watch::OpenEnvelope(text)) {
    COTTER_CHECK(envelope->signature.size() == 64);
    COTTER_CHECK(text.starts_with(envelope->signed_head) && text.ends_with(envelope->json));
    COTTER_CHECK(envelope->time.unix_seconds >= 0);
    json = envelope->json;
  }
  if (const auto reports = watch::ParseReports(json)) {
    COTTER_CHECK(reports->size() <= watch::kMaxReports);
    const auto again = watch::ParseReports(watch::FormatReports(*reports));
    COTTER_CHECK(again && *again == *reports);
    for (const auto& server : *reports) {
      for (const auto& peer : server.peers) {
        for (const std::size_t index : peer.chains) COTTER_CHECK(index < server.chains.size());
      }
    }
  }
  if (const auto alert = watch::ParseNotification(json)) {
    COTTER_CHECK(watch::ParseNotification(watch::GenericJson(*alert)).has_value());
  }
  return 0;
}
