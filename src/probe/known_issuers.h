// SPDX-License-Identifier: Apache-2.0
//
// What diagnosis knows of the outside: products that inspect TLS, CAs that certify origins to their
// CDN alone, and the keys of captive portals. The data stands in data/known_issuers.txt and
// data/captive_portals.txt, is built in, and grows by a line. Safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "probe/seen_certificate.h"
#include <cotter/pin.h>

namespace cotter::probe {

enum class IssuerKind : std::uint8_t {
  kInspection,  // a product that reads TLS on its way
  kOrigin,      // a CA whose certificates only a CDN accepts
};

// KnownIssuer is who issued a certificate. `name` has static storage.
struct KnownIssuer {
  IssuerKind kind = IssuerKind::kInspection;
  std::string_view name;
};

// FindKnownIssuer is whom the data knows `name` as; nullopt where it knows nobody. A name is a
// claim that anybody can make: it is evidence only where the path does not end at a public root.
[[nodiscard]] std::optional<KnownIssuer> FindKnownIssuer(const SeenName& name);

// CaptivePortalOf is whose captive portal has the key `spki`; empty where none is known.
[[nodiscard]] std::string_view CaptivePortalOf(const Digest& spki);

}  // namespace cotter::probe
