// SPDX-License-Identifier: Apache-2.0
//
// Target: PemReader, EncodePem, HasPemBlock, and beneath them DecodeBase64 and DecodeBase64Groups.
// Property: a block that was read, written and read again is the same; line ends of either kind
// give the same blocks; a block is found only where HasPemBlock says so.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/pem.h"

namespace {

using namespace cotter;

using Blocks = std::vector<std::pair<std::string, std::string>>;

// ReadAll is the label and the content of each block; nullopt where the input is refused.
std::optional<Blocks> ReadAll(std::string_view text) {
  formats::PemReader reader(AsBytes(text));
  Blocks blocks;
  while (true) {
    const auto next = reader.Next();
    if (!next) {
      COTTER_CHECK(next.error().code == Code::kPemMalformed);
      return std::nullopt;
    }
    if (!*next) return blocks;
    COTTER_CHECK(!(*next)->der.empty() && (*next)->offset < text.size());
    blocks.emplace_back((*next)->label, AsText((*next)->der));
  }
}

std::string WithCrLf(std::string_view text) {
  std::string changed;
  for (const char c : text) {
    if (c == '\n') changed += '\r';
    changed += c;
  }
  return changed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(ByteView(data, size));
  const std::optional<Blocks> blocks = ReadAll(text);
  COTTER_CHECK(ReadAll(WithCrLf(text)) == blocks);
  if (!blocks || blocks->empty()) return 0;
  COTTER_CHECK(formats::HasPemBlock(AsBytes(text)));
  std::string written;
  for (const auto& [label, content] : *blocks) {
    written += formats::EncodePem(label, AsBytes(content));
  }
  COTTER_CHECK(ReadAll(written) == blocks);
  return 0;
}
