// SPDX-License-Identifier: Apache-2.0
//
// The reference host, made canonical once, and the patterns that policies name hosts by. Both are
// immutable values; const members may be called from any thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter {

// IdnaMapper is the seam to a UTS #46 implementation, so that the core needs no Unicode tables.
// cotter's own is cotter::base::Idna(), on libidn2.
class IdnaMapper {
 public:
  virtual ~IdnaMapper() = default;

  // ToAscii maps `utf8` (untrusted, at most kMaxHostTextLength bytes) to A-labels by UTS #46,
  // nontransitional. Fails with kHostInvalid. The caller checks the result again by the rules for
  // ASCII names.
  [[nodiscard]] virtual Result<std::string> ToAscii(std::string_view utf8) const = 0;
};

// Text longer than this is refused before it is looked at: a name has at most 253 octets (RFC
// 1035, 2.3.4), and four bytes of UTF-8 for each leaves ample room.
inline constexpr std::size_t kMaxHostTextLength = 1024;

// HostName is a reference host in canonical form: a lower-case ASCII DNS name without a trailing
// dot, a dotted-quad IPv4 address, or an IPv6 address as RFC 5952 writes it (no brackets, no zone).
class HostName {
 public:
  enum class Kind : std::uint8_t { kDnsName, kIpv4, kIpv6 };

  // Parse makes `text` canonical. ASCII names keep their own rules: letters, digits, hyphen and
  // underscore, labels of 1 to 63, 253 in all, one trailing dot dropped. Others go through `idna`;
  // with a null mapper they are refused. A name whose last label is a number must be a plain dotted
  // quad (WHATWG URL, 3.5 "ends in a number"). IPv6 may stand in brackets; a zone id is dropped.
  // Fails with kHostInvalid. Allocates the canonical text.
  [[nodiscard]] static Result<HostName> Parse(std::string_view text,
                                              const IdnaMapper* idna = nullptr);

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] bool is_ip() const noexcept { return kind_ != Kind::kDnsName; }

  // text is the canonical form. Borrowed from this object.
  [[nodiscard]] std::string_view text() const noexcept COTTER_LIFETIME_BOUND { return text_; }

  friend bool operator==(const HostName&, const HostName&) = default;

 private:
  HostName(Kind kind, std::string text) : text_(std::move(text)), kind_(kind) {}

  std::string text_;
  Kind kind_;
};

// HostPattern names the hosts of a rule: exactly one name or address, "*.base" for one label below
// the base, or
// "**.base" for the base and every depth below it. Wildcards never match IP addresses.
class HostPattern {
 public:
  enum class Kind : std::uint8_t {
    kExact,
    kOneLabel,
    kAllDepths
  };  // the order is the precedence at one suffix

  // Parse reads a pattern; the base goes through HostName::Parse. Fails with kPatternInvalid: a
  // star anywhere but as the whole first label, a wildcard over an IP address, an empty base.
  // Allocates.
  [[nodiscard]] static Result<HostPattern> Parse(std::string_view text,
                                                 const IdnaMapper* idna = nullptr);

  [[nodiscard]] Kind kind() const noexcept { return kind_; }

  // base is the name without its stars.
  [[nodiscard]] const HostName& base() const noexcept COTTER_LIFETIME_BOUND { return base_; }

  // ToString is the canonical spelling ("*.example.com"). Allocates.
  [[nodiscard]] std::string ToString() const;

  // Matches reports whether `host` is covered. Both sides are canonical already, so it cannot fail.
  [[nodiscard]] bool Matches(const HostName& host) const noexcept;

  friend bool operator==(const HostPattern&, const HostPattern&) = default;

 private:
  HostPattern(Kind kind, HostName base) : base_(std::move(base)), kind_(kind) {}

  HostName base_;
  Kind kind_;
};

// Endpoint is what a connection was asked for: the reference host and the port.
struct Endpoint {
  HostName host;
  std::uint16_t port;  // 1 to 65535
};

// ParsePort reads a decimal port, 1 to 65535, no sign, no leading zero, no space. Fails with
// kPortInvalid.
[[nodiscard]] Result<std::uint16_t> ParsePort(std::string_view text);

}  // namespace cotter
