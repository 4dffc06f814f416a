// SPDX-License-Identifier: Apache-2.0
//
// The certificates in a PKCS #7 or CMS SignedData (RFC 5652, 5), the .p7b that CAs hand out,
// decoded by OpenSSL because it may be BER. No signature is verified. Safe from any thread.
#pragma once

#include <vector>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::formats {

// CmsCertificates is the DER of each certificate in `input`, in its order; none where it holds
// none. Fails with kDerMalformed where it is not a SignedData that OpenSSL reads.
[[nodiscard]] Result<std::vector<Bytes>> CmsCertificates(ByteView input);

}  // namespace cotter::formats
