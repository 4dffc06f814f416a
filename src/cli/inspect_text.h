// SPDX-License-Identifier: Apache-2.0
//
// What `cotter inspect` shows people of one certificate, request or key. Writes to the output only;
// used by one thread.
#pragma once

#include <cstdint>

#include "cli/output.h"
#include "formats/x509_description.h"
#include "formats/x509_key.h"
#include "formats/x509_request.h"
#include <cotter/time.h>

namespace cotter::cli {

// DaysLeft is the whole days from `now` to `end`, below zero where it has passed.
[[nodiscard]] std::int64_t DaysLeft(Time end, Time now) noexcept;

// PrintCertificate writes every field, the warnings at `now` first.
void PrintCertificate(Output& output, const formats::CertificateDescription& certificate, Time now);

// PrintRequest writes every field.
void PrintRequest(Output& output, const formats::RequestDescription& request);

// PrintKey writes a public key.
void PrintKey(Output& output, const formats::KeyDescription& key);

}  // namespace cotter::cli
