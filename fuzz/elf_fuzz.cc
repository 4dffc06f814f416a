// SPDX-License-Identifier: Apache-2.0
//
// Target: ElfImage. Property: it comes back, and what it says lies inside the input.
#include <cstdint>
#include <functional>
#include <string_view>

#include "coverage/elf_image.h"
#include <cotter/result.h>

namespace {

using namespace cotter;

// IsInside reports that `text` is empty or a part of `bytes`.
bool IsInside(std::string_view text, ByteView bytes) {
  const std::string_view whole = AsText(bytes);
  const std::less_equal<const char*> before;
  return text.empty() || (before(whole.data(), text.data()) &&
                          before(text.data() + text.size(), whole.data() + whole.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const auto image = coverage::ElfImage::Read(bytes);
  if (!image) return 0;
  COTTER_CHECK(IsInside(image->RunPath(), bytes));
  for (std::size_t i = 0; i < coverage::kMaxDynamicEntries; ++i) {
    const std::string_view needed = image->Needed(i);
    if (needed.empty()) break;
    COTTER_CHECK(IsInside(needed, bytes));
  }
  // The fuzzer reads constants out of this program, and puts them into its inputs.
  constexpr std::string_view kName = "a symbol that nobody defines";
  COTTER_CHECK(!image->Defines(kName) || AsText(bytes).find(kName) != std::string_view::npos);
  return 0;
}
