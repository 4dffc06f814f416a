// SPDX-License-Identifier: Apache-2.0
//
// probe::ParseSmallAnswer, ParseHttpDate and ParseHttpUrl: whatever a server answers and whatever a
// certificate names as its issuer's place. What comes out is within what was promised, and a URL
// that is accepted cannot break out of the request line that is made of it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "probe/small_http.h"
#include <cotter/bytes.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = cotter::AsText(cotter::ByteView(data, size));
  if (const auto answer = cotter::probe::ParseSmallAnswer(text)) {
    if (answer->status < 100 || answer->status > 599) std::abort();
    if (answer->body.size() > text.size() || answer->location.size() > text.size()) std::abort();
  }
  (void)cotter::probe::ParseHttpDate(text);
  if (const auto url = cotter::probe::ParseHttpUrl(text)) {
    if (url->path.empty() || url->path.front() != '/') std::abort();
    for (const char c : url->path) {
      if (c <= ' ' || c > '~') std::abort();
    }
    if (url->target.port == 0) std::abort();
  }
  return 0;
}
