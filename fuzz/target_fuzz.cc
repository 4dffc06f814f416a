// SPDX-License-Identifier: Apache-2.0
//
// Target: ParseTarget, ParseResolve, ParseConnectTo, ParseProxy.
// Property: a target that is read is written in one form, which reads back as the same target. What
// the options hold is in range, and no name holds a byte that could end a line of a protocol.
#include <algorithm>

#include "net/target.h"

namespace {

void CheckName(std::string_view name) {
  COTTER_CHECK(std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f'; }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cotter;
  const std::string_view text = AsText({data, size});
  if (const Result<net::Target> target = net::ParseTarget(text, 443)) {
    COTTER_CHECK(target->port != 0);
    CheckName(target->lookup_name);
    const Result<net::Target> again = net::ParseTarget(net::FormatTarget(*target), 1);
    COTTER_CHECK(again && again->host == target->host && again->port == target->port &&
                 again->lookup_name == target->lookup_name);
  }
  if (const Result<net::ResolveOverride> entry = net::ParseResolve(text)) {
    COTTER_CHECK(entry->port != 0 && !entry->addresses.empty());
    for (const std::string& address : entry->addresses) CheckName(address);
  }
  if (const Result<net::ConnectTo> entry = net::ParseConnectTo(text)) {
    CheckName(entry->to_host);
    COTTER_CHECK(entry->from_port != 0 && entry->to_port != 0);
  }
  if (const Result<net::Proxy> proxy = net::ParseProxy(text)) {
    COTTER_CHECK(proxy->port != 0 && !proxy->host.empty());
    CheckName(proxy->host);
  }
  return 0;
}
