// SPDX-License-Identifier: Apache-2.0
//
// Target: HostName::Parse, base::Idna, ParsePort, ParseTime.
// Property: a canonical form is printable ASCII and its own canonical form.
#include <algorithm>

#include "base/idna.h"
#include <cotter/host.h>
#include <cotter/time.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cotter;
  const std::string_view text = AsText({data, size});
  if (const Result<HostName> host = HostName::Parse(text, &base::Idna())) {
    COTTER_CHECK(std::ranges::all_of(host->text(), [](char c) { return c > ' ' && c < 0x7F; }));
    const Result<HostName> again = HostName::Parse(host->text());
    COTTER_CHECK(again.has_value() && *again == *host);
  }
  if (const Result<std::uint16_t> port = ParsePort(text)) {
    COTTER_CHECK(std::to_string(*port) == text);
  }
  if (const Result<Time> time = ParseTime(text)) {
    const Result<Time> again = ParseTime(FormatTime(*time));
    // An offset can move the first and last hours of the calendar out of it.
    COTTER_CHECK(!again || *again == *time);
  }
  return 0;
}
