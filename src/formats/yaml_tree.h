// SPDX-License-Identifier: Apache-2.0
//
// YAML as a plain tree with positions, by libyaml's events. Aliases and anchors, with which a small
// file can be a large one, and keys that come twice are refused. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/source_text.h"
#include <cotter/result.h>

namespace cotter::formats {

inline constexpr std::size_t kMaxYamlDepth = 64;         // Envoy's configurations nest 25 deep
inline constexpr std::size_t kMaxYamlNodes = 1'000'000;  // and have some ten thousand values

// YamlNode is one value. Scalars are text, whatever their type.
struct YamlNode {
  enum class Kind : std::uint8_t { kScalar, kSequence, kMap };

  Kind kind = Kind::kScalar;
  std::string text;
  std::vector<YamlNode> items;
  std::vector<std::pair<std::string, YamlNode>> members;
  std::size_t offset = 0;

  // Defined in the .cc file: clang 14 would take the members' own type for incomplete here.
  YamlNode();
  YamlNode(const YamlNode& other);
  YamlNode(YamlNode&& other) noexcept;
  YamlNode& operator=(const YamlNode& other);
  YamlNode& operator=(YamlNode&& other) noexcept;
  ~YamlNode();

  // Find is the member called `key`, or null.
  [[nodiscard]] const YamlNode* Find(std::string_view key) const noexcept;
};

// ParseYaml reads the first document of `source`. Fails with kFormatMalformed and the position.
[[nodiscard]] Result<YamlNode> ParseYaml(const SourceText& source);

}  // namespace cotter::formats
