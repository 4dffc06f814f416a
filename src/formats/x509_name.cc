// SPDX-License-Identifier: Apache-2.0
#include "formats/x509_name.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "formats/asn1_text.h"
#include <cotter/bytes.h>
#include <cotter/certificate.h>
#include <cotter/host.h>

namespace cotter::formats {
namespace {

constexpr std::size_t kIpv4 = 4;
constexpr std::size_t kIpv6 = 16;

std::string AddressText(ByteView address) {
  std::string text;
  if (address.size() == kIpv4) {
    for (const std::uint8_t octet : address)
      text += (text.empty() ? "" : ".") + std::to_string(octet);
    return text;
  }
  for (std::size_t i = 0; i < address.size(); i += 2) {
    text += (text.empty() ? "" : ":") + EncodeHex(address.subspan(i, 2));
  }
  const Result<HostName> canonical = HostName::Parse(text);
  return canonical ? std::string(canonical->text()) : text;
}

// PrefixLength is the number of one bits of `mask`, if they all stand in front.
std::optional<int> PrefixLength(ByteView mask) {
  int length = 0;
  bool ended = false;
  for (const std::uint8_t octet : mask) {
    const int ones = std::countl_one(octet);
    if ((ended && octet != 0) || std::popcount(octet) != ones) return std::nullopt;
    length += ones;
    ended = ended || ones < 8;
  }
  return length;
}

// RFC 5280, 4.2.1.6 and 4.2.1.10: an address, or in name constraints an address and its mask.
std::string IpText(ByteView bytes) {
  if (bytes.size() == kIpv4 || bytes.size() == kIpv6) return AddressText(bytes);
  if (bytes.size() != 2 * kIpv4 && bytes.size() != 2 * kIpv6) return "#" + EncodeHex(bytes);
  const ByteView mask = bytes.subspan(bytes.size() / 2);
  const std::optional<int> prefix = PrefixLength(mask);
  return AddressText(bytes.first(bytes.size() / 2)) + "/" +
         (prefix ? std::to_string(*prefix) : AddressText(mask));
}

// HexOf is "#" and the DER of a value.
template <typename T>
std::string HexOf(const T* value, int (*encode)(const T*, unsigned char**)) {
  struct FreeBytes {
    void operator()(unsigned char* bytes) const noexcept { OPENSSL_free(bytes); }
  };
  unsigned char* der = nullptr;
  const int size = encode(value, &der);
  const std::unique_ptr<unsigned char, FreeBytes> owned(der);
  ERR_clear_error();
  return "#" + (size > 0 ? EncodeHex(ByteView(der, static_cast<std::size_t>(size))) : "");
}

std::string OtherNameText(const OTHERNAME* other) {
  const std::string oid = OidOf(other->type_id);
  const int type = ASN1_TYPE_get(other->value);
  const bool is_string = type == V_ASN1_UTF8STRING || type == V_ASN1_IA5STRING ||
                         type == V_ASN1_PRINTABLESTRING || type == V_ASN1_BMPSTRING;
  return oid + ":" +
         (is_string ? TextOf(other->value->value.asn1_string)
                    : HexOf<ASN1_TYPE>(other->value, i2d_ASN1_TYPE));
}

ByteView EncodedName(const X509_NAME* name) {
  const unsigned char* der = nullptr;
  std::size_t size = 0;
  if (X509_NAME_get0_der(name, &der, &size) != 1) return {};
  return {der, size};
}

}  // namespace

DistinguishedName DescribeName(const X509_NAME* name) {
  DistinguishedName described;
  described.text = FormatName(EncodedName(name));
  int last_set = -1;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const ASN1_OBJECT* type = X509_NAME_ENTRY_get_object(entry);
    const int nid = OBJ_obj2nid(type);
    if (X509_NAME_ENTRY_set(entry) != last_set) described.rdn_sequence.emplace_back();
    last_set = X509_NAME_ENTRY_set(entry);
    described.rdn_sequence.back().push_back({OidOf(type),
                                             nid == NID_undef ? "" : SnakeOf(OBJ_nid2ln(nid)),
                                             TextOf(X509_NAME_ENTRY_get_data(entry))});
  }
  return described;
}

std::string_view NameOf(GeneralNameKind kind) noexcept {
  switch (kind) {
    case GeneralNameKind::kOtherName:
      return "other_name";
    case GeneralNameKind::kEmail:
      return "rfc822_name";
    case GeneralNameKind::kDns:
      return "dns_name";
    case GeneralNameKind::kX400:
      return "x400_address";
    case GeneralNameKind::kDirectory:
      return "directory_name";
    case GeneralNameKind::kEdiParty:
      return "edi_party_name";
    case GeneralNameKind::kUri:
      return "uniform_resource_identifier";
    case GeneralNameKind::kIp:
      return "ip_address";
    case GeneralNameKind::kRegisteredId:
      return "registered_id";
  }
  return "";
}

GeneralName DescribeGeneralName(const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_EMAIL:
      return {GeneralNameKind::kEmail, Utf8Of(BytesOf(name->d.rfc822Name))};
    case GEN_DNS:
      return {GeneralNameKind::kDns, Utf8Of(BytesOf(name->d.dNSName))};
    case GEN_URI:
      return {GeneralNameKind::kUri, Utf8Of(BytesOf(name->d.uniformResourceIdentifier))};
    case GEN_IPADD:
      return {GeneralNameKind::kIp, IpText(BytesOf(name->d.iPAddress))};
    case GEN_DIRNAME:
      return {GeneralNameKind::kDirectory, FormatName(EncodedName(name->d.directoryName))};
    case GEN_RID:
      return {GeneralNameKind::kRegisteredId, OidOf(name->d.registeredID)};
    case GEN_OTHERNAME:
      return {GeneralNameKind::kOtherName, OtherNameText(name->d.otherName)};
    case GEN_X400:
      return {GeneralNameKind::kX400, HexOf<GENERAL_NAME>(name, i2d_GENERAL_NAME)};
    default:
      return {GeneralNameKind::kEdiParty, HexOf<GENERAL_NAME>(name, i2d_GENERAL_NAME)};
  }
}

std::vector<GeneralName> DescribeGeneralNames(const GENERAL_NAMES* names) {
  std::vector<GeneralName> described;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    described.push_back(DescribeGeneralName(sk_GENERAL_NAME_value(names, i)));
  }
  return described;
}

DecodedValue ToValue(const GeneralName& name) {
  DecodedRecord record;
  record.emplace_back(NameOf(name.kind), DecodedValue(name.text));
  return DecodedValue(std::move(record));
}

DecodedValue ToValue(const std::vector<GeneralName>& names) {
  DecodedList list;
  for (const GeneralName& name : names) list.push_back(ToValue(name));
  return DecodedValue(std::move(list));
}

}  // namespace cotter::formats
