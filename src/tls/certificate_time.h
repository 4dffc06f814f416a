// SPDX-License-Identifier: Apache-2.0
//
// The dates of certificates as numbers. libcrypto's own comparison makes a calendar of each date
// and of the present, which costs as much as two hashes. For the OpenSSL door; safe from any
// thread.
#pragma once

#include <optional>

#include <openssl/asn1.h>

#include <cotter/time.h>

namespace cotter::tls {

// TimeOf reads a date as RFC 5280, 4.1.2.5 wants it: UTCTime as YYMMDDHHMMSSZ, of the years 1950 to
// 2049, or GeneralizedTime as YYYYMMDDHHMMSSZ. Nullopt for every other form, and for days and hours
// that there are none of. X509_cmp_time takes exactly the same ones.
[[nodiscard]] std::optional<Time> TimeOf(const ASN1_TIME& date) noexcept;

}  // namespace cotter::tls
