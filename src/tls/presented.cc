// SPDX-License-Identifier: Apache-2.0
//
// Chains that come as bytes: parsed strictly, then verified as every other.
#include <string>
#include <utility>

#include <openssl/err.h>

#include "tls/path_verifier.h"

namespace cotter::tls {
namespace {

// ParseExactly reads `der` if it is one certificate and encodes to the same bytes again.
X509Ptr ParseExactly(const Bytes& der) {
  const unsigned char* at = der.data();
  X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!certificate || at != der.data() + der.size()) return nullptr;
  unsigned char* raw = nullptr;
  const int size = i2d_X509(certificate.get(), &raw);
  const OpensslBytesPtr again(raw);
  if (size <= 0 || !SameBytes(der, ByteView(again.get(), static_cast<std::size_t>(size)))) {
    return nullptr;
  }
  return certificate;
}

}  // namespace

Result<ParsedChain> ParseChain(const PresentedChain& presented) {
  const std::size_t count = presented.certificates.size();
  if (count == 0) return Error{Code::kInputUnknown, "the chain holds no certificate"};
  if (count > kMaxPathLength) {
    return Error{Code::kChainTooLong, "the server presented " + std::to_string(count) +
                                          " certificates, at most " +
                                          std::to_string(kMaxPathLength) + " are looked at"};
  }
  ParsedChain parsed;
  parsed.rest.reset(sk_X509_new_null());
  for (std::size_t i = 0; i < count; ++i) {
    X509Ptr certificate = ParseExactly(presented.certificates[i]);
    if (!certificate) {
      return Error{Code::kDerMalformed,
                   "certificate " + std::to_string(i) + ": not one certificate in DER"};
    }
    if (i == 0) {
      parsed.leaf = std::move(certificate);
    } else if (!parsed.rest || sk_X509_push(parsed.rest.get(), certificate.get()) == 0) {
      return Error{Code::kInternal, "out of memory for the presented chain"};
    } else {
      (void)certificate.release();  // the stack owns it now
    }
  }
  return parsed;
}

Verification VerifyChain(const PresentedChain& presented, const TrustStore& trust,
                         const HostName& host, Time now, PathNeeds needs, SearchMode mode) {
  const Result<ParsedChain> chain = ParseChain(presented);
  if (!chain) return Verification::Failed(chain.error());
  const PathVerifier verifier(trust, host, now, needs);
  Verification found = verifier.VerifyDefault(chain->leaf.get(), chain->rest.get());
  if (mode == SearchMode::kAlways || found.failure()) {
    verifier.Search(chain->leaf.get(), chain->rest.get(), found);
  }
  return found;
}

}  // namespace cotter::tls
