// SPDX-License-Identifier: Apache-2.0
//
// Certificate extensions (RFC 5280, 4.2), each by itself and never dropped: one that is unknown, or
// breaks its own syntax, keeps its bytes and says so. Safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/types.h>

#include "formats/decoded_value.h"
#include "formats/x509_name.h"
#include <cotter/bytes.h>

namespace cotter::formats {

// How far an extension was understood.
enum class ExtensionState : std::uint8_t {
  kDecoded,  // `value` is its content
  kUnknown,  // no decoder; the bytes alone
  kBroken,   // a decoder, but the bytes are not what the OID promises
};

// NameOf is "decoded", "unknown" or "broken".
[[nodiscard]] std::string_view NameOf(ExtensionState state) noexcept;

// Whether a verifier that does not know the extension must refuse (RFC 5280, 4.2).
enum class Criticality : std::uint8_t { kNonCritical, kCritical };

// ExtensionDescription is one extension.
struct ExtensionDescription {
  std::string oid;
  std::string name;  // RFC 5280's in snake case, as "subject_alt_name"; empty where there is none
  Criticality criticality = Criticality::kNonCritical;
  ExtensionState state = ExtensionState::kUnknown;
  DecodedValue value;
  Bytes der;                               // the content of extnValue, as it stands
  std::vector<GeneralName> general_names;  // those of a subject_alt_name
};

// DescribeExtension decodes `extension`.
[[nodiscard]] ExtensionDescription DescribeExtension(X509_EXTENSION* extension);

}  // namespace cotter::formats
