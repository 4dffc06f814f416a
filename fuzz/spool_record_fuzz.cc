// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes report::ParseRecord and ParseState: what is accepted is written again byte for byte, has a
// key, and makes reports.
#include <cstddef>
#include <cstdint>

#include "report/spool_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = cotter::AsText({data, size});
  if (const auto record = cotter::report::ParseRecord(text)) {
    COTTER_CHECK(cotter::report::FormatRecord(*record) == text);
    COTTER_CHECK(cotter::report::KeyOf(*record).size() == 32);
    COTTER_CHECK(!cotter::report::FullReport(*record, 1.0).empty());
    COTTER_CHECK(!cotter::report::CountReport(*record, 1.0).empty());
  }
  if (const auto state = cotter::report::ParseState(text)) {
    COTTER_CHECK(cotter::report::FormatState(*state) == text);
  }
  return 0;
}
