// SPDX-License-Identifier: Apache-2.0
//
// Target: ParsePin, FormatPin, DecodeBase64, EncodeBase64.
// Property: what is read is written in one canonical form, which reads back as the same digest;
// base64 that decodes encodes to the same text.
#include "core/base64.h"
#include <cotter/pin.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cotter;
  const std::string_view text = AsText({data, size});
  if (const Result<Digest> digest = ParsePin(text)) {
    const std::string canonical = FormatPin(*digest);
    COTTER_CHECK(canonical.size() == 51);
    const Result<Digest> again = ParsePin(canonical);
    COTTER_CHECK(again.has_value() && *again == *digest);
  }
  Bytes out(size);
  if (const auto written = DecodeBase64(text, out)) {
    COTTER_CHECK(EncodeBase64(ByteView(out).first(*written)) == text);
  }
  return 0;
}
