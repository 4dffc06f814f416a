// SPDX-License-Identifier: Apache-2.0
#include "formats/x509_description.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <utility>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/sha256.h"
#include "formats/asn1_text.h"
#include "formats/openssl_free.h"
#include <cotter/certificate.h>

namespace cotter::formats {
namespace {

using Certificate = std::unique_ptr<X509, Free<X509_free>>;

DateDescription DescribeDate(const ASN1_TIME* date) {
  DateDescription described;
  described.text = Utf8Of(BytesOf(date));
  std::tm civil{};
  const bool sound = ASN1_TIME_to_tm(date, &civil) == 1;
  ERR_clear_error();
  if (!sound) return described;
  const Result<Time> time = FromCivil({.year = civil.tm_year + 1900,
                                       .month = static_cast<unsigned>(civil.tm_mon + 1),
                                       .day = static_cast<unsigned>(civil.tm_mday),
                                       .hour = static_cast<unsigned>(civil.tm_hour),
                                       .minute = static_cast<unsigned>(civil.tm_min),
                                       .second = static_cast<unsigned>(civil.tm_sec)});
  if (time) described.time = *time;
  return described;
}

SelfSigned DescribeSelfSigned(X509* certificate) {
  const unsigned char* issuer = nullptr;
  const unsigned char* subject = nullptr;
  std::size_t issuer_size = 0;
  std::size_t subject_size = 0;
  X509_NAME_get0_der(X509_get_issuer_name(certificate), &issuer, &issuer_size);
  X509_NAME_get0_der(X509_get_subject_name(certificate), &subject, &subject_size);
  if (!SameBytes({issuer, issuer_size}, {subject, subject_size})) return SelfSigned::kNo;
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  const bool verifies = key != nullptr && X509_verify(certificate, key) == 1;
  ERR_clear_error();
  return verifies ? SelfSigned::kYes : SelfSigned::kClaimed;
}

std::string Sha1Hex(ByteView bytes) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    ERR_clear_error();
    return "";
  }
  return EncodeHex(ByteView(digest).first(size));
}

Result<Certificate> Decode(ByteView der) {
  const unsigned char* at = der.data();
  Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (!certificate || at != der.data() + der.size()) {
    const char* reason = ERR_reason_error_string(error);
    return Error{Code::kDerMalformed, std::string("OpenSSL cannot decode the certificate") +
                                          (reason == nullptr ? "" : std::string(": ") + reason)};
  }
  return certificate;
}

}  // namespace

Result<CertificateDescription> DescribeCertificate(ByteView der) {
  if (der.size() > kMaxDescribed) {
    return Error{Code::kFileTooLarge, "a certificate longer than 1 MiB"};
  }
  const Result<ByteView> spki = FindSpki(der);
  if (!spki) return spki.error();
  const Result<Certificate> decoded = Decode(der);
  if (!decoded) return decoded.error();
  X509* x509 = decoded->get();
  const ASN1_BIT_STRING* signature = nullptr;
  const X509_ALGOR* algorithm = nullptr;
  X509_get0_signature(&signature, &algorithm, x509);
  const ASN1_BIT_STRING* issuer_id = nullptr;
  const ASN1_BIT_STRING* subject_id = nullptr;
  X509_get0_uids(x509, &issuer_id, &subject_id);

  CertificateDescription described;
  described.version = X509_get_version(x509) + 1;
  described.serial_number = HexInteger(X509_get0_serialNumber(x509));
  described.signature_algorithm = DescribeAlgorithm(algorithm);
  described.signed_algorithm = DescribeAlgorithm(X509_get0_tbs_sigalg(x509));
  described.issuer = DescribeName(X509_get_issuer_name(x509));
  described.subject = DescribeName(X509_get_subject_name(x509));
  described.not_before = DescribeDate(X509_get0_notBefore(x509));
  described.not_after = DescribeDate(X509_get0_notAfter(x509));
  described.key = DescribeKey(*spki);
  described.issuer_unique_id = EncodeHex(BytesOf(issuer_id));
  described.subject_unique_id = EncodeHex(BytesOf(subject_id));
  for (int i = 0; i < X509_get_ext_count(x509); ++i) {
    described.extensions.push_back(DescribeExtension(X509_get_ext(x509, i)));
  }
  const ByteView signature_bytes = BytesOf(signature);
  described.signature.assign(signature_bytes.begin(), signature_bytes.end());
  described.self_signed = DescribeSelfSigned(x509);
  described.sha256 = base::Sha256(der);
  described.sha1 = Sha1Hex(der);
  described.der.assign(der.begin(), der.end());
  return described;
}

const ExtensionDescription* FindExtension(const CertificateDescription& certificate,
                                          std::string_view name) noexcept {
  const auto found = std::ranges::find(certificate.extensions, name, &ExtensionDescription::name);
  return found == certificate.extensions.end() ? nullptr : &*found;
}

bool IsCa(const CertificateDescription& certificate) noexcept {
  const ExtensionDescription* constraints = FindExtension(certificate, "basic_constraints");
  const DecodedValue* ca = constraints == nullptr ? nullptr : FindField(constraints->value, "ca");
  const bool* flag = ca == nullptr ? nullptr : std::get_if<bool>(&ca->value);
  return flag != nullptr && *flag;
}

namespace {

// HasText reports that a decoded list holds the string `text`.
bool HasText(const DecodedValue& value, std::string_view text) {
  const auto* list = std::get_if<DecodedList>(&value.value);
  return list != nullptr && std::ranges::any_of(*list, [&](const DecodedValue& item) {
           const auto* string = std::get_if<std::string>(&item.value);
           return string != nullptr && *string == text;
         });
}

}  // namespace

bool IsServerLeaf(const CertificateDescription& certificate) noexcept {
  if (IsCa(certificate)) return false;
  const ExtensionDescription* usage = FindExtension(certificate, "ext_key_usage");
  return usage == nullptr || HasText(usage->value, "server_auth") ||
         HasText(usage->value, "any_extended_key_usage");
}

bool MustStaple(const CertificateDescription& certificate) noexcept {
  const ExtensionDescription* feature = FindExtension(certificate, "tls_feature");
  return feature != nullptr && HasText(feature->value, "status_request");
}

}  // namespace cotter::formats
