// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <cotter/host.h>

namespace cotter {
namespace {

constexpr std::size_t kMaxNameLength = 253;  // RFC 1035, 2.3.4: 255 octets with the length octets
constexpr std::size_t kMaxLabelLength = 63;  // RFC 1035, 2.3.4

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-' || c == '_';
}

std::string_view LastLabel(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

// LooksLikeNumber is the WHATWG URL test "ends in a number": decimal digits, or 0x and hexadecimal
// digits.
bool LooksLikeNumber(std::string_view label) {
  if (!label.empty() && std::ranges::all_of(label, IsDigit)) return true;
  if (!label.starts_with("0x")) return false;
  return std::ranges::all_of(label.substr(2),
                             [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); });
}

// ReadIpv4 reads a plain dotted quad: four decimal numbers, no leading zeros, which some readers
// take for octal.
std::optional<std::array<std::uint8_t, 4>> ReadIpv4(std::string_view text) {
  std::array<std::uint8_t, 4> address{};
  for (std::size_t part = 0; part < 4; ++part) {
    std::size_t digits = 0;
    unsigned value = 0;
    while (digits < text.size() && digits < 3 && IsDigit(text[digits])) {
      value = value * 10 + static_cast<unsigned>(text[digits++] - '0');
    }
    if (digits == 0 || value > 255 || (digits > 1 && text[0] == '0')) return std::nullopt;
    address[part] = static_cast<std::uint8_t>(value);
    text.remove_prefix(digits);
    if (part == 3) break;
    if (text.empty() || text[0] != '.') return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return address;
}

using Ipv6 = std::array<std::uint16_t, 8>;

std::optional<std::uint16_t> ReadGroup(std::string_view& text) {
  std::size_t digits = 0;
  unsigned value = 0;
  for (; digits < text.size() && digits < 4; ++digits) {
    const char c = ToLower(text[digits]);
    if (IsDigit(c)) {
      value = value * 16 + static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value * 16 + static_cast<unsigned>(c - 'a' + 10);
    } else {
      break;
    }
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<std::uint16_t>(value);
}

// ReadIpv6 reads RFC 4291, 2.2: groups, one "::", and a dotted quad for the last two groups.
std::optional<Ipv6> ReadIpv6(std::string_view text) {
  Ipv6 groups{};
  std::size_t count = 0;
  std::optional<std::size_t> gap;
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    if (count == 8) return std::nullopt;
    if (count <= 6 && text.find(':') == std::string_view::npos) {
      if (const auto quad = ReadIpv4(text)) {
        groups[count] = static_cast<std::uint16_t>((*quad)[0] << 8 | (*quad)[1]);
        groups[count + 1] = static_cast<std::uint16_t>((*quad)[2] << 8 | (*quad)[3]);
        count += 2;
        break;
      }
    }
    const auto group = ReadGroup(text);
    if (!group) return std::nullopt;
    groups[count++] = *group;
    if (text.empty()) break;
    if (text.starts_with("::")) {
      if (gap) return std::nullopt;
      gap = count;
      text.remove_prefix(2);
    } else if (text.size() >= 2 && text[0] == ':') {
      text.remove_prefix(1);
    } else {
      return std::nullopt;
    }
  }
  if (!gap) return count == 8 ? std::optional(groups) : std::nullopt;
  if (count == 8) return std::nullopt;
  std::move_backward(groups.begin() + static_cast<std::ptrdiff_t>(*gap),
                     groups.begin() + static_cast<std::ptrdiff_t>(count), groups.end());
  std::fill(groups.begin() + static_cast<std::ptrdiff_t>(*gap),
            groups.end() - static_cast<std::ptrdiff_t>(count - *gap), std::uint16_t{0});
  return groups;
}

// FormatIpv6 writes RFC 5952: lower case, no leading zeros, the first longest run of zero groups as
// "::".
std::string FormatIpv6(const Ipv6& groups) {
  std::size_t run_start = 8;
  std::size_t run_length = 1;  // RFC 5952, 4.2.2: "::" must not shorten just one group
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > run_length) {
      run_start = i;
      run_length = end - i;
    }
    if (end > i) i = end - 1;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == run_start) {
      text += "::";
      i += run_length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
      const unsigned digit = groups[i] >> shift & 15U;
      started = started || digit != 0 || shift == 0;
      if (started) text += kDigits[digit];
    }
  }
  return text;
}

Error Invalid(std::string_view text, std::string_view why) {
  // The text is hostile: only what is harmless on a terminal is repeated.
  constexpr std::size_t kShown = 80;
  std::string shown;
  for (const char c : text.substr(0, kShown)) shown += c > ' ' && c < 0x7F ? c : '?';
  return Error{Code::kHostInvalid, "\"" + shown + "\" is not a host name: " + std::string(why)};
}

}  // namespace

Result<HostName> HostName::Parse(std::string_view text, const IdnaMapper* idna) {
  if (text.empty()) return Invalid(text, "it is empty");
  if (text.size() > kMaxHostTextLength) return Invalid(text, "it is too long");
  const bool bracketed = text.front() == '[' && text.back() == ']' && text.size() > 2;
  if (bracketed || text.find(':') != std::string_view::npos) {
    std::string_view address = bracketed ? text.substr(1, text.size() - 2) : text;
    const std::size_t zone = address.find('%');  // RFC 4007, 11: a zone is of one machine alone
    if (zone != std::string_view::npos && zone + 1 == address.size()) {
      return Invalid(text, "its zone id is empty");
    }
    const std::optional<Ipv6> groups = ReadIpv6(address.substr(0, zone));
    if (!groups && text.find("://") != std::string_view::npos) {
      return Invalid(text, "it is a URL, and a host alone was expected");
    }
    if (!groups) return Invalid(text, "it has a colon, and is not an IPv6 address");
    return HostName(Kind::kIpv6, FormatIpv6(*groups));
  }
  std::string name(text);
  if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    if (idna == nullptr) return Invalid(text, "expected ASCII");
    Result<std::string> mapped = idna->ToAscii(text);
    if (!mapped) return std::move(mapped).error();
    name = *std::move(mapped);
  }
  if (name.ends_with('.')) name.pop_back();
  std::ranges::transform(name, name.begin(), ToLower);
  if (name.empty() || name.size() > kMaxNameLength) {
    return Invalid(text, "expected 1 to 253 characters");
  }
  std::size_t label_length = 0;
  for (const char c : name + ".") {
    if (c == '.') {
      if (label_length == 0) return Invalid(text, "it has an empty label");
      if (label_length > kMaxLabelLength) return Invalid(text, "a label is over 63 characters");
      label_length = 0;
      continue;
    }
    if (!IsNameCharacter(c)) {
      return Invalid(text, "expected letters, digits, hyphens, underscores and dots");
    }
    ++label_length;
  }
  if (!LooksLikeNumber(LastLabel(name))) return HostName(Kind::kDnsName, std::move(name));
  if (!ReadIpv4(name)) {
    return Invalid(text, "its last label is a number, so it must be a plain IPv4 address");
  }
  return HostName(Kind::kIpv4, std::move(name));
}

Result<HostPattern> HostPattern::Parse(std::string_view text, const IdnaMapper* idna) {
  Kind kind = Kind::kExact;
  std::string_view base = text;
  if (text.starts_with("**.")) {
    kind = Kind::kAllDepths;
    base.remove_prefix(3);
  } else if (text.starts_with("*.")) {
    kind = Kind::kOneLabel;
    base.remove_prefix(2);
  }
  if (base.find('*') != std::string_view::npos) {
    return Error{Code::kPatternInvalid,
                 "a star stands for whole labels, and only at the front: expected NAME, *.NAME or "
                 "**.NAME"};
  }
  Result<HostName> host = HostName::Parse(base, idna);
  if (!host) return Error{Code::kPatternInvalid, host.error().message};
  if (kind != Kind::kExact && host->is_ip()) {
    return Error{Code::kPatternInvalid, "a wildcard never matches an IP address"};
  }
  return HostPattern(kind, *std::move(host));
}

std::string HostPattern::ToString() const {
  constexpr std::array<std::string_view, 3> kPrefix = {"", "*.", "**."};
  return std::string(kPrefix[static_cast<std::size_t>(kind_)]) + std::string(base_.text());
}

bool HostPattern::Matches(const HostName& host) const noexcept {
  const std::string_view name = host.text();
  const std::string_view base = base_.text();
  if (kind_ == Kind::kExact) return name == base;
  if (host.is_ip()) return false;
  if (name == base) return kind_ == Kind::kAllDepths;
  if (name.size() < base.size() + 2 || !name.ends_with(base)) return false;
  const std::string_view above = name.substr(0, name.size() - base.size());
  if (!above.ends_with('.')) return false;
  return kind_ == Kind::kAllDepths || above.find('.') == above.size() - 1;
}

Result<std::uint16_t> ParsePort(std::string_view text) {
  unsigned value = 0;
  const bool plausible =
      !text.empty() && text.size() <= 5 && text[0] != '0' && std::ranges::all_of(text, IsDigit);
  if (plausible) {
    for (const char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value == 0 || value > 65535) {
    return Error{Code::kPortInvalid, "expected a port from 1 to 65535"};
  }
  return static_cast<std::uint16_t>(value);
}

}  // namespace cotter
