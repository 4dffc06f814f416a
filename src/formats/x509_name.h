// SPDX-License-Identifier: Apache-2.0
//
// Names in certificates, decoded in full: distinguished names (RFC 5280, 4.1.2.4) and general names
// (4.2.1.6). Plain values; every function is safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/types.h>
#include <openssl/x509v3.h>

#include "formats/decoded_value.h"

namespace cotter::formats {

// NameAttribute is one AttributeTypeAndValue.
struct NameAttribute {
  std::string oid;
  std::string name;   // "common_name"; empty where OpenSSL knows none
  std::string value;  // UTF-8; "#" and hex where it is no character string
};

// DistinguishedName is a Name in the certificate's order, which begins with the country. The
// attributes of one set stand together.
struct DistinguishedName {
  std::string text;  // as FormatName of <cotter/certificate.h> writes it; safe to print
  std::vector<std::vector<NameAttribute>> rdn_sequence;
};

// DescribeName decodes `name`.
[[nodiscard]] DistinguishedName DescribeName(const X509_NAME* name);

enum class GeneralNameKind : std::uint8_t {
  kOtherName,
  kEmail,
  kDns,
  kX400,
  kDirectory,
  kEdiParty,
  kUri,
  kIp,
  kRegisteredId,
};

// NameOf is the field of RFC 5280's CHOICE in snake case: "dns_name", "rfc822_name".
[[nodiscard]] std::string_view NameOf(GeneralNameKind kind) noexcept;

// GeneralName is one GeneralName as text: an address as RFC 5952 writes it, or with its prefix
// length in name constraints; a directory name as RFC 4514; what has no text in hex.
struct GeneralName {
  GeneralNameKind kind = GeneralNameKind::kOtherName;
  std::string text;
};

[[nodiscard]] GeneralName DescribeGeneralName(const GENERAL_NAME* name);
[[nodiscard]] std::vector<GeneralName> DescribeGeneralNames(const GENERAL_NAMES* names);

// ToValue is { "dns_name": "..." }.
[[nodiscard]] DecodedValue ToValue(const GeneralName& name);
[[nodiscard]] DecodedValue ToValue(const std::vector<GeneralName>& names);

}  // namespace cotter::formats
