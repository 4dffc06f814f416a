// SPDX-License-Identifier: Apache-2.0
#include "formats/x509_request.h"

#include <memory>

#include <openssl/err.h>
#include <openssl/x509.h>

#include <cotter/certificate.h>

namespace cotter::formats {
namespace {

struct FreeRequest {
  void operator()(X509_REQ* request) const noexcept { X509_REQ_free(request); }
};
struct FreeExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * list) const noexcept {
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
  }
};

}  // namespace

Result<RequestDescription> DescribeRequest(ByteView der) {
  const Result<ByteView> spki = FindRequestSpki(der);
  if (!spki) return spki.error();
  const unsigned char* at = der.data();
  const std::unique_ptr<X509_REQ, FreeRequest> request(
      d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!request || at != der.data() + der.size()) {
    return Error{Code::kDerMalformed, "OpenSSL cannot decode the request"};
  }
  RequestDescription described;
  described.subject = DescribeName(X509_REQ_get_subject_name(request.get()));
  described.key = DescribeKey(*spki);
  const X509_ALGOR* algorithm = nullptr;
  X509_REQ_get0_signature(request.get(), nullptr, &algorithm);
  described.signature_algorithm = DescribeAlgorithm(algorithm);
  const std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions> extensions(
      X509_REQ_get_extensions(request.get()));
  for (int i = 0; i < sk_X509_EXTENSION_num(extensions.get()); ++i) {
    described.extensions.push_back(DescribeExtension(sk_X509_EXTENSION_value(extensions.get(), i)));
  }
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key != nullptr && X509_REQ_verify(request.get(), key) == 1) {
    described.signature = RequestSignature::kValid;
  }
  ERR_clear_error();
  described.der.assign(der.begin(), der.end());
  return described;
}

}  // namespace cotter::formats
