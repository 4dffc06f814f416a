// SPDX-License-Identifier: Apache-2.0
#include "formats/x509_key.h"

#include <algorithm>
#include <array>
#include <memory>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/sha256.h"
#include "formats/asn1_text.h"
#include "formats/openssl_free.h"

namespace cotter::formats {
namespace {

std::string DigestName(int nid) { return nid == NID_undef ? "" : SnakeOf(OBJ_nid2ln(nid)); }

// RSASSA-PSS keeps its hash in the parameters; SHA-1 where they name none (RFC 4055, 3.1).
std::string PssHash(const ASN1_TYPE* parameter) {
  const std::unique_ptr<RSA_PSS_PARAMS, Free<RSA_PSS_PARAMS_free>> pss(static_cast<RSA_PSS_PARAMS*>(
      ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), parameter)));
  ERR_clear_error();
  if (!pss) return "";
  if (pss->hashAlgorithm == nullptr) return "sha1";
  const ASN1_OBJECT* hash = nullptr;
  X509_ALGOR_get0(&hash, nullptr, nullptr, pss->hashAlgorithm);
  return DigestName(OBJ_obj2nid(hash));
}

// RFC 5480, 2.1.1: a curve is named by its OID; parameters spelled out are a SEQUENCE, which
// OpenSSL would give the name of the curve that they happen to be.
std::string CurveOf(const EVP_PKEY* key, const X509_ALGOR* algorithm) {
  int parameter = V_ASN1_UNDEF;
  X509_ALGOR_get0(nullptr, &parameter, nullptr, algorithm);
  if (parameter == V_ASN1_SEQUENCE) return "explicit";
  std::array<char, 80> name{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1) return "unknown";
  const char* nist = EC_curve_nid2nist(OBJ_sn2nid(name.data()));
  return nist != nullptr ? nist : name.data();
}

std::string ExponentOf(const EVP_PKEY* key) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &number) != 1) return "";
  const std::unique_ptr<BIGNUM, Free<BN_free>> owned(number);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, bytes.data());
  return EncodeHex(bytes);
}

}  // namespace

AlgorithmDescription DescribeAlgorithm(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  const int nid = OBJ_obj2nid(object);
  AlgorithmDescription described{OidOf(object), nid == NID_undef ? "" : OBJ_nid2ln(nid), ""};
  int hash = NID_undef;
  int key = NID_undef;
  if (nid == NID_rsassaPss) {
    described.hash = PssHash(algorithm->parameter);
  } else if (OBJ_find_sigid_algs(nid, &hash, &key) == 1) {
    described.hash = DigestName(hash);
  }
  return described;
}

KeyDescription DescribeKey(ByteView spki) {
  KeyDescription described;
  described.spki.assign(spki.begin(), spki.end());
  described.spki_sha256 = base::Sha256(spki);
  const unsigned char* at = spki.data();
  const std::unique_ptr<X509_PUBKEY, Free<X509_PUBKEY_free>> info(
      d2i_X509_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  if (info) {
    X509_ALGOR* algorithm = nullptr;
    X509_PUBKEY_get0_param(nullptr, nullptr, nullptr, &algorithm, info.get());
    described.algorithm = DescribeAlgorithm(algorithm);
    described.algorithm.hash.clear();
    if (const EVP_PKEY* key = X509_PUBKEY_get0(info.get())) {
      described.bits = static_cast<std::size_t>(std::max(EVP_PKEY_get_bits(key), 0));
      described.security_bits =
          static_cast<std::size_t>(std::max(EVP_PKEY_get_security_bits(key), 0));
      const int type = EVP_PKEY_get_base_id(key);
      if (type == EVP_PKEY_EC) described.curve = CurveOf(key, algorithm);
      if (type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS) described.exponent = ExponentOf(key);
    }
  }
  ERR_clear_error();
  return described;
}

}  // namespace cotter::formats
