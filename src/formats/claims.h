// SPDX-License-Identifier: Apache-2.0
//
// What a certificate or a request says about itself, for display. Nothing here is verified, so no
// decision may rest on it. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include <cotter/bytes.h>
#include <cotter/certificate.h>
#include <cotter/result.h>

namespace cotter::formats {

// ClaimedRole is what a certificate looks made for.
enum class ClaimedRole : std::uint8_t {
  kLeaf,          // no CA, by its basic constraints or their absence
  kIntermediate,  // a CA with another issuer
  kRoot,          // a CA that names itself as issuer
  kUnknown,       // names itself as issuer and has no basic constraints, as old roots do, or cannot
                  // be read
};

// NameOf is "leaf", "intermediate", "root" or "unknown", as JSON has it.
[[nodiscard]] std::string_view NameOf(ClaimedRole role) noexcept;

// RoleOf reads the basic constraints (RFC 5280, 4.2.1.9). About 50 ns.
[[nodiscard]] ClaimedRole RoleOf(const CertificateView& certificate) noexcept;

// RequestSubject is the subject of the PKCS #10 request `der` (RFC 2986, 4.1), a whole Name. Fails
// with kDerMalformed. Borrowed.
[[nodiscard]] Result<ByteView> RequestSubject(ByteView der COTTER_LIFETIME_BOUND);

}  // namespace cotter::formats
