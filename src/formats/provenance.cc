// SPDX-License-Identifier: Apache-2.0
#include "formats/provenance.h"

#include <charconv>

namespace cotter::formats {
namespace {

constexpr std::string_view kMark = "cotter-policy: ";

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '@' || c == ' ';
}

// Plain keeps what is harmless in the comments of every language.
std::string Plain(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    const bool lone_hyphen = c == '-' && !plain.empty() && plain.back() != '-';
    plain += IsPlain(c) || lone_hyphen ? c : '_';
  }
  if (plain.ends_with('-')) plain.back() = '_';
  return plain;
}

// Field takes what stands before the next "; " off `rest`.
std::string_view Field(std::string_view& rest) {
  const std::size_t end = rest.find("; ");
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
  return field;
}

}  // namespace

std::vector<std::string> ProvenanceLines(const Policy& policy, std::string_view digest,
                                         std::string_view format) {
  return {"Made by: cotter export, format " + std::string(format) +
              ". Change the policy and export again.",
          std::string(kMark) + Plain(policy.name) + "; version " + std::to_string(policy.version) +
              "; environment " + Plain(policy.environment) + "; sha256:" + Plain(digest)};
}

std::optional<Provenance> ReadProvenance(std::string_view text) {
  text = text.substr(0, 4096);
  const std::size_t at = text.find(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view line = text.substr(at + kMark.size());
  line = line.substr(0, line.find_first_of("\r\n\""));
  Provenance origin;
  origin.name = Plain(Field(line));
  std::string_view version = Field(line);
  if (!version.starts_with("version ")) return std::nullopt;
  version.remove_prefix(8);
  std::int64_t number = 0;  // TOML has no larger one
  const auto [end, error] =
      std::from_chars(version.data(), version.data() + version.size(), number);
  if (error != std::errc{} || end != version.data() + version.size() || number < 0) {
    return std::nullopt;
  }
  origin.version = static_cast<std::uint64_t>(number);
  const std::string_view environment = Field(line);
  for (const std::string_view known : {"development", "staging", "production"}) {
    if (environment == "environment " + std::string(known)) origin.environment = known;
  }
  return origin;
}

}  // namespace cotter::formats
