// SPDX-License-Identifier: Apache-2.0
#include "formats/x509_extension.h"

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <openssl/asn1.h>
#include <openssl/ct.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "formats/asn1_text.h"
#include <cotter/time.h>

namespace cotter::formats {
namespace {

// Decoded owns what OpenSSL's decoder for an extension made.
class Decoded {
 public:
  // The decoder has to take every byte: OpenSSL's own X509V3_EXT_d2i lets garbage follow.
  Decoded(const X509V3_EXT_METHOD* method, ByteView der) : method_(method) {
    const unsigned char* at = der.data();
    const long size = static_cast<long>(der.size());
    value_ = method->it != nullptr ? ASN1_item_d2i(nullptr, &at, size, ASN1_ITEM_ptr(method->it))
                                   : method->d2i(nullptr, &at, size);
    complete_ = value_ != nullptr && at == der.data() + der.size();
    ERR_clear_error();
  }
  Decoded(const Decoded&) = delete;
  Decoded& operator=(const Decoded&) = delete;
  ~Decoded() {
    if (value_ == nullptr) return;
    if (method_->it != nullptr) {
      ASN1_item_free(static_cast<ASN1_VALUE*>(value_), ASN1_ITEM_ptr(method_->it));
    } else {
      method_->ext_free(value_);
    }
  }

  [[nodiscard]] bool complete() const noexcept { return complete_; }
  [[nodiscard]] const void* value() const noexcept { return value_; }

 private:
  const X509V3_EXT_METHOD* method_;
  void* value_ = nullptr;
  bool complete_ = false;
};

DecodedValue Text(std::string text) { return DecodedValue(std::move(text)); }

DecodedValue Number(const ASN1_INTEGER* integer) {
  const std::optional<std::int64_t> small = SmallInteger(integer);
  return small ? DecodedValue(*small) : Text("0x" + HexInteger(integer));
}

DecodedValue Flags(const ASN1_BIT_STRING* bits, std::span<const std::string_view> names) {
  DecodedList list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (ASN1_BIT_STRING_get_bit(bits, static_cast<int>(i)) == 1) {
      list.push_back(Text(std::string(names[i])));
    }
  }
  return DecodedValue(std::move(list));
}

DecodedValue BasicConstraints(const void* decoded) {
  const auto* value = static_cast<const BASIC_CONSTRAINTS*>(decoded);
  DecodedRecord record;
  record.emplace_back("ca", DecodedValue(value->ca != 0));
  if (value->pathlen != nullptr) {
    record.emplace_back("path_len_constraint", Number(value->pathlen));
  }
  return DecodedValue(std::move(record));
}

DecodedValue KeyUsage(const void* decoded) {
  // RFC 5280, 4.2.1.3, in the order of the bits.
  constexpr std::array<std::string_view, 9> kNames = {
      "digital_signature", "non_repudiation", "key_encipherment",
      "data_encipherment", "key_agreement",   "key_cert_sign",
      "crl_sign",          "encipher_only",   "decipher_only"};
  return Flags(static_cast<const ASN1_BIT_STRING*>(decoded), kNames);
}

// PurposeOf names the key purposes of RFC 5280, 4.2.1.12; others are OIDs.
std::string PurposeOf(const ASN1_OBJECT* purpose) {
  switch (OBJ_obj2nid(purpose)) {
    case NID_anyExtendedKeyUsage:
      return "any_extended_key_usage";
    case NID_server_auth:
      return "server_auth";
    case NID_client_auth:
      return "client_auth";
    case NID_code_sign:
      return "code_signing";
    case NID_email_protect:
      return "email_protection";
    case NID_time_stamp:
      return "time_stamping";
    case NID_OCSP_sign:
      return "ocsp_signing";
    default:
      return OidOf(purpose);
  }
}

DecodedValue ExtendedKeyUsage(const void* decoded) {
  const auto* purposes = static_cast<const EXTENDED_KEY_USAGE*>(decoded);
  DecodedList list;
  for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); ++i) {
    list.push_back(Text(PurposeOf(sk_ASN1_OBJECT_value(purposes, i))));
  }
  return DecodedValue(std::move(list));
}

DecodedValue KeyIdentifier(const void* decoded) {
  return Text(EncodeHex(BytesOf(static_cast<const ASN1_OCTET_STRING*>(decoded))));
}

DecodedValue AuthorityKeyIdentifier(const void* decoded) {
  const auto* value = static_cast<const AUTHORITY_KEYID*>(decoded);
  DecodedRecord record;
  if (value->keyid != nullptr) record.emplace_back("key_identifier", KeyIdentifier(value->keyid));
  if (value->issuer != nullptr) {
    record.emplace_back("authority_cert_issuer", ToValue(DescribeGeneralNames(value->issuer)));
  }
  if (value->serial != nullptr) {
    record.emplace_back("authority_cert_serial_number", Text(HexInteger(value->serial)));
  }
  return DecodedValue(std::move(record));
}

DecodedValue GeneralNames(const void* decoded) {
  return ToValue(DescribeGeneralNames(static_cast<const GENERAL_NAMES*>(decoded)));
}

DecodedValue InfoAccess(const void* decoded) {
  const auto* descriptions = static_cast<const AUTHORITY_INFO_ACCESS*>(decoded);
  DecodedList list;
  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(descriptions); ++i) {
    const ACCESS_DESCRIPTION* description = sk_ACCESS_DESCRIPTION_value(descriptions, i);
    const int nid = OBJ_obj2nid(description->method);
    const std::string method = nid == NID_ad_OCSP         ? "ocsp"
                               : nid == NID_ad_ca_issuers ? "ca_issuers"
                                                          : OidOf(description->method);
    DecodedRecord record;
    record.emplace_back("access_method", Text(method));
    record.emplace_back("access_location", ToValue(DescribeGeneralName(description->location)));
    list.emplace_back(std::move(record));
  }
  return DecodedValue(std::move(list));
}

DecodedValue RelativeName(const STACK_OF(X509_NAME_ENTRY) * entries) {
  DecodedList list;
  for (int i = 0; i < sk_X509_NAME_ENTRY_num(entries); ++i) {
    const X509_NAME_ENTRY* entry = sk_X509_NAME_ENTRY_value(entries, i);
    DecodedRecord record;
    record.emplace_back("type", Text(OidOf(X509_NAME_ENTRY_get_object(entry))));
    record.emplace_back("value", Text(TextOf(X509_NAME_ENTRY_get_data(entry))));
    list.emplace_back(std::move(record));
  }
  return DecodedValue(std::move(list));
}

DecodedValue DistributionPoints(const void* decoded) {
  // RFC 5280, 4.2.1.13, in the order of the bits.
  constexpr std::array<std::string_view, 9> kReasons = {
      "unused",       "key_compromise",         "ca_compromise",    "affiliation_changed",
      "superseded",   "cessation_of_operation", "certificate_hold", "privilege_withdrawn",
      "aa_compromise"};
  const auto* points = static_cast<const CRL_DIST_POINTS*>(decoded);
  DecodedList list;
  for (int i = 0; i < sk_DIST_POINT_num(points); ++i) {
    const DIST_POINT* point = sk_DIST_POINT_value(points, i);
    DecodedRecord record;
    if (point->distpoint != nullptr && point->distpoint->type == 0) {
      record.emplace_back("full_name",
                          ToValue(DescribeGeneralNames(point->distpoint->name.fullname)));
    } else if (point->distpoint != nullptr) {
      record.emplace_back("name_relative_to_crl_issuer",
                          RelativeName(point->distpoint->name.relativename));
    }
    if (point->reasons != nullptr) record.emplace_back("reasons", Flags(point->reasons, kReasons));
    if (point->CRLissuer != nullptr) {
      record.emplace_back("crl_issuer", ToValue(DescribeGeneralNames(point->CRLissuer)));
    }
    list.emplace_back(std::move(record));
  }
  return DecodedValue(std::move(list));
}

DecodedValue UserNotice(const USERNOTICE* notice) {
  DecodedRecord record;
  if (notice->noticeref != nullptr) {
    DecodedList numbers;
    for (int i = 0; i < sk_ASN1_INTEGER_num(notice->noticeref->noticenos); ++i) {
      numbers.push_back(Number(sk_ASN1_INTEGER_value(notice->noticeref->noticenos, i)));
    }
    record.emplace_back("organization", Text(TextOf(notice->noticeref->organization)));
    record.emplace_back("notice_numbers", DecodedValue(std::move(numbers)));
  }
  if (notice->exptext != nullptr) {
    record.emplace_back("explicit_text", Text(TextOf(notice->exptext)));
  }
  return DecodedValue(std::move(record));
}

DecodedValue PolicyQualifier(const POLICYQUALINFO* qualifier) {
  DecodedRecord record;
  const int nid = OBJ_obj2nid(qualifier->pqualid);
  if (nid == NID_id_qt_cps) {
    record.emplace_back("cps_uri", Text(Utf8Of(BytesOf(qualifier->d.cpsuri))));
  } else if (nid == NID_id_qt_unotice) {
    record.emplace_back("user_notice", UserNotice(qualifier->d.usernotice));
  } else {
    record.emplace_back("policy_qualifier_id", Text(OidOf(qualifier->pqualid)));
  }
  return DecodedValue(std::move(record));
}

DecodedValue CertificatePolicies(const void* decoded) {
  const auto* policies = static_cast<const CERTIFICATEPOLICIES*>(decoded);
  DecodedList list;
  for (int i = 0; i < sk_POLICYINFO_num(policies); ++i) {
    const POLICYINFO* policy = sk_POLICYINFO_value(policies, i);
    DecodedRecord record;
    record.emplace_back("policy_identifier", Text(OidOf(policy->policyid)));
    DecodedList qualifiers;
    for (int j = 0; j < sk_POLICYQUALINFO_num(policy->qualifiers); ++j) {
      qualifiers.push_back(PolicyQualifier(sk_POLICYQUALINFO_value(policy->qualifiers, j)));
    }
    if (!qualifiers.empty()) {
      record.emplace_back("policy_qualifiers", DecodedValue(std::move(qualifiers)));
    }
    list.emplace_back(std::move(record));
  }
  return DecodedValue(std::move(list));
}

DecodedValue PolicyMappings(const void* decoded) {
  const auto* mappings = static_cast<const POLICY_MAPPINGS*>(decoded);
  DecodedList list;
  for (int i = 0; i < sk_POLICY_MAPPING_num(mappings); ++i) {
    const POLICY_MAPPING* mapping = sk_POLICY_MAPPING_value(mappings, i);
    DecodedRecord record;
    record.emplace_back("issuer_domain_policy", Text(OidOf(mapping->issuerDomainPolicy)));
    record.emplace_back("subject_domain_policy", Text(OidOf(mapping->subjectDomainPolicy)));
    list.emplace_back(std::move(record));
  }
  return DecodedValue(std::move(list));
}

DecodedValue PolicyConstraints(const void* decoded) {
  const auto* value = static_cast<const POLICY_CONSTRAINTS*>(decoded);
  DecodedRecord record;
  if (value->requireExplicitPolicy != nullptr) {
    record.emplace_back("require_explicit_policy", Number(value->requireExplicitPolicy));
  }
  if (value->inhibitPolicyMapping != nullptr) {
    record.emplace_back("inhibit_policy_mapping", Number(value->inhibitPolicyMapping));
  }
  return DecodedValue(std::move(record));
}

DecodedValue InhibitAnyPolicy(const void* decoded) {
  return Number(static_cast<const ASN1_INTEGER*>(decoded));
}

DecodedValue Subtrees(const STACK_OF(GENERAL_SUBTREE) * subtrees) {
  DecodedList list;
  for (int i = 0; i < sk_GENERAL_SUBTREE_num(subtrees); ++i) {
    list.push_back(ToValue(DescribeGeneralName(sk_GENERAL_SUBTREE_value(subtrees, i)->base)));
  }
  return DecodedValue(std::move(list));
}

DecodedValue NameConstraints(const void* decoded) {
  const auto* value = static_cast<const NAME_CONSTRAINTS*>(decoded);
  DecodedRecord record;
  if (value->permittedSubtrees != nullptr) {
    record.emplace_back("permitted_subtrees", Subtrees(value->permittedSubtrees));
  }
  if (value->excludedSubtrees != nullptr) {
    record.emplace_back("excluded_subtrees", Subtrees(value->excludedSubtrees));
  }
  return DecodedValue(std::move(record));
}

// TimestampText is RFC 3339 with the milliseconds that RFC 6962, 3.2 counts in.
std::string TimestampText(std::uint64_t milliseconds) {
  constexpr std::uint64_t kMaxSeconds = 253'402'300'799;  // 9999-12-31T23:59:59Z
  const std::uint64_t seconds = milliseconds / 1000;
  if (seconds > kMaxSeconds) return std::to_string(milliseconds) + " ms since 1970";
  std::string text = FormatTime(Time{static_cast<std::int64_t>(seconds)});
  const std::string fraction = std::to_string(1000 + milliseconds % 1000).substr(1);
  return text.insert(text.size() - 1, "." + fraction);
}

DecodedValue SignedCertificateTimestamps(const void* decoded) {
  const auto* timestamps = static_cast<const STACK_OF(SCT)*>(decoded);
  DecodedList list;
  for (int i = 0; i < sk_SCT_num(timestamps); ++i) {
    const SCT* sct = sk_SCT_value(timestamps, i);
    DecodedRecord record;
    record.emplace_back("version",
                        DecodedValue(static_cast<std::int64_t>(SCT_get_version(sct)) + 1));
    unsigned char* log_id = nullptr;
    const std::size_t log_id_size = SCT_get0_log_id(sct, &log_id);
    record.emplace_back("log_id", Text(EncodeHex(ByteView(log_id, log_id_size))));
    record.emplace_back("timestamp", Text(TimestampText(SCT_get_timestamp(sct))));
    const int algorithm = SCT_get_signature_nid(sct);
    if (algorithm != NID_undef) {
      record.emplace_back("signature_algorithm", Text(OBJ_nid2ln(algorithm)));
    }
    unsigned char* signature = nullptr;
    const std::size_t signature_size = SCT_get0_signature(sct, &signature);
    record.emplace_back("signature", Text(EncodeHex(ByteView(signature, signature_size))));
    list.emplace_back(std::move(record));
  }
  return DecodedValue(std::move(list));
}

DecodedValue TlsFeature(const void* decoded) {
  const auto* features = static_cast<const TLS_FEATURE*>(decoded);
  // RFC 7633, 4.2.3: the numbers are those of TLS extensions; RFC 6066, 8 and RFC 6961, 2.2.
  constexpr std::int64_t kStatusRequest = 5;
  constexpr std::int64_t kStatusRequestV2 = 17;
  DecodedList list;
  for (int i = 0; i < sk_ASN1_INTEGER_num(features); ++i) {
    const ASN1_INTEGER* feature = sk_ASN1_INTEGER_value(features, i);
    const std::optional<std::int64_t> number = SmallInteger(feature);
    list.push_back(number == kStatusRequest     ? Text("status_request")
                   : number == kStatusRequestV2 ? Text("status_request_v2")
                                                : Number(feature));
  }
  return DecodedValue(std::move(list));
}

DecodedValue Nothing(const void* /*decoded*/) { return DecodedValue(); }

DecodedValue Comment(const void* decoded) {
  return Text(Utf8Of(BytesOf(static_cast<const ASN1_IA5STRING*>(decoded))));
}

struct Decoder {
  int nid;
  std::string_view name;  // RFC 5280, 4.2; RFC 7633; RFC 6962, 3.1 and 3.3
  DecodedValue (*describe)(const void* decoded);
};

constexpr Decoder kDecoders[] = {
    {NID_authority_key_identifier, "authority_key_identifier", AuthorityKeyIdentifier},
    {NID_subject_key_identifier, "subject_key_identifier", KeyIdentifier},
    {NID_key_usage, "key_usage", KeyUsage},
    {NID_certificate_policies, "certificate_policies", CertificatePolicies},
    {NID_policy_mappings, "policy_mappings", PolicyMappings},
    {NID_subject_alt_name, "subject_alt_name", GeneralNames},
    {NID_issuer_alt_name, "issuer_alt_name", GeneralNames},
    {NID_basic_constraints, "basic_constraints", BasicConstraints},
    {NID_name_constraints, "name_constraints", NameConstraints},
    {NID_policy_constraints, "policy_constraints", PolicyConstraints},
    {NID_ext_key_usage, "ext_key_usage", ExtendedKeyUsage},
    {NID_crl_distribution_points, "crl_distribution_points", DistributionPoints},
    {NID_inhibit_any_policy, "inhibit_any_policy", InhibitAnyPolicy},
    {NID_freshest_crl, "freshest_crl", DistributionPoints},
    {NID_info_access, "authority_info_access", InfoAccess},
    {NID_sinfo_access, "subject_info_access", InfoAccess},
    {NID_tlsfeature, "tls_feature", TlsFeature},
    {NID_ct_precert_scts, "signed_certificate_timestamps", SignedCertificateTimestamps},
    {NID_ct_precert_poison, "ct_poison", Nothing},
    {NID_id_pkix_OCSP_noCheck, "ocsp_no_check", Nothing},
    {NID_netscape_comment, "netscape_comment", Comment},
};

}  // namespace

std::string_view NameOf(ExtensionState state) noexcept {
  switch (state) {
    case ExtensionState::kDecoded:
      return "decoded";
    case ExtensionState::kUnknown:
      return "unknown";
    case ExtensionState::kBroken:
      return "broken";
  }
  return "";
}

ExtensionDescription DescribeExtension(X509_EXTENSION* extension) {
  ExtensionDescription described;
  const ASN1_OBJECT* object = X509_EXTENSION_get_object(extension);
  const int nid = OBJ_obj2nid(object);
  described.oid = OidOf(object);
  if (nid != NID_undef) described.name = SnakeOf(OBJ_nid2sn(nid));
  if (X509_EXTENSION_get_critical(extension) != 0) described.criticality = Criticality::kCritical;
  const ByteView der = BytesOf(X509_EXTENSION_get_data(extension));
  described.der.assign(der.begin(), der.end());
  for (const Decoder& decoder : kDecoders) {
    if (decoder.nid != nid) continue;
    described.name = decoder.name;
    const X509V3_EXT_METHOD* method = X509V3_EXT_get_nid(nid);
    if (method == nullptr) return described;
    const Decoded decoded(method, der);
    described.state = decoded.complete() ? ExtensionState::kDecoded : ExtensionState::kBroken;
    if (!decoded.complete()) return described;
    described.value = decoder.describe(decoded.value());
    if (nid == NID_subject_alt_name) {
      described.general_names =
          DescribeGeneralNames(static_cast<const GENERAL_NAMES*>(decoded.value()));
    }
    return described;
  }
  return described;
}

}  // namespace cotter::formats
