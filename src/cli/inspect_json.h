// SPDX-License-Identifier: Apache-2.0
//
// What `cotter inspect --json` says of one certificate, request or key: the names of RFC 5280 in
// snake case. Pure functions that allocate their result.
#pragma once

#include <boost/json/object.hpp>

#include "formats/x509_description.h"
#include "formats/x509_key.h"
#include "formats/x509_request.h"
#include <cotter/time.h>

namespace cotter::cli {

// CertificateJson is every field of `certificate`, with the warnings that it deserves at `now`.
[[nodiscard]] boost::json::object CertificateJson(
    const formats::CertificateDescription& certificate, Time now);

// RequestJson is every field of `request`.
[[nodiscard]] boost::json::object RequestJson(const formats::RequestDescription& request);

// KeyJson is a public key.
[[nodiscard]] boost::json::object KeyJson(const formats::KeyDescription& key);

}  // namespace cotter::cli
