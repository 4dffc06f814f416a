// SPDX-License-Identifier: Apache-2.0
#include "formats/cms.h"

#include <memory>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509.h>

namespace cotter::formats {
namespace {

struct FreeCms {
  void operator()(CMS_ContentInfo* cms) const noexcept { CMS_ContentInfo_free(cms); }
};
struct FreeCertificates {
  void operator()(STACK_OF(X509) * list) const noexcept { sk_X509_pop_free(list, X509_free); }
};
struct FreeBytes {
  void operator()(unsigned char* bytes) const noexcept { OPENSSL_free(bytes); }
};

}  // namespace

Result<std::vector<Bytes>> CmsCertificates(ByteView input) {
  const unsigned char* in = input.data();
  const std::unique_ptr<CMS_ContentInfo, FreeCms> cms(
      d2i_CMS_ContentInfo(nullptr, &in, static_cast<long>(input.size())));
  ERR_clear_error();
  if (!cms) return Error{Code::kDerMalformed, "a PKCS #7 file that OpenSSL cannot read"};
  if (in != input.data() + input.size()) {
    return Error{Code::kDerMalformed, "bytes after the end of a PKCS #7 file"};
  }
  if (OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed) {
    return Error{Code::kDerMalformed,
                 "a PKCS #7 file of another kind than SignedData, which holds no certificates"};
  }
  const std::unique_ptr<STACK_OF(X509), FreeCertificates> list(CMS_get1_certs(cms.get()));
  std::vector<Bytes> certificates;
  for (int i = 0; i < sk_X509_num(list.get()); ++i) {
    // OpenSSL keeps the signed part as it read it, so the SPKI in it is the one that was sent.
    unsigned char* out = nullptr;
    const int size = i2d_X509(sk_X509_value(list.get(), i), &out);
    const std::unique_ptr<unsigned char, FreeBytes> owned(out);
    if (size <= 0) return Error{Code::kDerMalformed, "a certificate in PKCS #7 without encoding"};
    certificates.emplace_back(out, out + size);
  }
  ERR_clear_error();
  return certificates;
}

}  // namespace cotter::formats
