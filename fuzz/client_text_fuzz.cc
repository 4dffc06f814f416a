// SPDX-License-Identifier: Apache-2.0
//
// Target: what a client reads that its servers or its disk wrote: Url::Parse and Resolve,
// ParseHsts, HstsStore::Read, CheckCookies, ParseProxy, RedactedLine. Property: a canonical URL is
// its own canonical form, with a canonical host, and so is what a Location leads to; a store that
// was read writes what it read; a redacted line holds no query.
#include <string>

#include "client/curl_library.h"
#include "client/hsts.h"
#include "client/redact.h"
#include "client/settings.h"
#include "client/storage.h"
#include "client/url.h"

namespace {

using namespace cotter;          // a program of its own
using namespace cotter::client;  // likewise

void CheckUrl(const Url& url) {
  const Result<Url> again = Url::Parse(url.text());
  COTTER_CHECK(again.has_value() && again->text() == url.text());
  COTTER_CHECK(again->SameOrigin(url) && !again->credentials());
  const Result<HostName> host = HostName::Parse(url.endpoint().host.text());
  COTTER_CHECK(host.has_value() && *host == url.endpoint().host);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  COTTER_CHECK(LoadCurl().has_value());
  const std::string_view text = AsText({data, size});
  const Result<Url> parsed = Url::Parse(text);
  const Result<Url> by_library = Url::ParseByLibrary(text);
  COTTER_CHECK(parsed.has_value() == by_library.has_value());
  if (parsed) {
    CheckUrl(*parsed);
    COTTER_CHECK(parsed->text() == by_library->text() && parsed->SameOrigin(*by_library));
  }
  static const Url base = Url::Parse("https://api.example.com:8443/a/b?c").value();
  if (const Result<Url> url = base.Resolve(text)) CheckUrl(*url);
  if (const auto directive = ParseHsts(text)) COTTER_CHECK(directive->max_age >= 0);
  HstsStore store;
  if (store.Read(text)) {
    HstsStore again;
    const std::string written = store.Write(Time{0});
    COTTER_CHECK(again.Read(written).has_value() && again.Write(Time{0}) == written);
  }
  static_cast<void>(CheckCookies(text).has_value());
  if (const Result<ProxyUrl> proxy = ParseProxy(text)) COTTER_CHECK(proxy->endpoint.port != 0);
  const std::string line = RedactedLine(text);
  COTTER_CHECK(line.size() <= size + 16);
  return 0;
}
