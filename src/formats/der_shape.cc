// SPDX-License-Identifier: Apache-2.0
#include "formats/der_shape.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "core/der.h"
#include <cotter/certificate.h>

namespace cotter::formats {
namespace {

using der::Element;
using der::Reader;

// ContentInfo begins with an OBJECT IDENTIFIER below 1.2.840.113549.1.7 (RFC 5652, 4). Its lengths
// may be BER's.
bool IsCms(ByteView der) {
  constexpr std::array<std::uint8_t, 10> kPkcs7 = {0x06, 0x09, 0x2A, 0x86, 0x48,
                                                   0x86, 0xF7, 0x0D, 0x01, 0x07};
  if (der.size() < 2 || der[0] != der::kSequence) return false;
  const std::size_t length_octets = der[1] <= 0x80 ? 1U : 1U + (der[1] & 0x7FU);
  if (der.size() < 1 + length_octets + kPkcs7.size()) return false;
  return std::ranges::equal(der.subspan(1 + length_octets, kPkcs7.size()), kPkcs7);
}

// A SEQUENCE that begins with an INTEGER: keys of every kind, and PKCS #12.
DerShape ShapeOfVersioned(Reader parts, ByteView content) {
  constexpr std::uint8_t kPkcs12Version = 3;
  const std::optional<Element> second = parts.Next();
  if (!second) return DerShape::kUnknown;
  const std::optional<Element> third = parts.at_end() ? std::nullopt : parts.Next();
  if (second->tag == der::kOctetString) return DerShape::kTraditionalKey;
  if (second->tag == der::kInteger) {
    return third ? DerShape::kTraditionalKey : DerShape::kRsaPublicKey;
  }
  if (second->tag != der::kSequence) return DerShape::kUnknown;
  if (third && third->tag == der::kOctetString) return DerShape::kPrivateKey;
  const std::optional<Element> version = Reader(content).Next();
  const bool is_pkcs12 = version && version->content.size() == 1 &&
                         version->content[0] == kPkcs12Version && IsCms(second->whole);
  return is_pkcs12 ? DerShape::kPkcs12 : DerShape::kUnknown;
}

// SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING }: a certificate, a request or a CRL.
DerShape ShapeOfSigned(ByteView der, ByteView signed_part) {
  if (FindSpki(der)) return DerShape::kCertificate;
  if (FindRequestSpki(der)) return DerShape::kRequest;
  // RFC 5280, 5.1: a TBSCertList is [version,] algorithm, issuer, thisUpdate. In a certificate a
  // Name stands where the date does.
  Reader parts(signed_part);
  const bool crl_so_far =
      parts.SkipOptional(der::kInteger) && parts.Take(der::kSequence) && parts.Take(der::kSequence);
  const bool dated = crl_so_far && (parts.Peek(der::kUtcTime) || parts.Peek(der::kGeneralizedTime));
  return dated ? DerShape::kCrl : DerShape::kCertificate;
}

}  // namespace

DerShape ShapeOf(ByteView der) noexcept {
  if (IsCms(der)) return DerShape::kCms;
  const std::optional<ByteView> content = der::TakeOnly(der, der::kSequence);
  if (!content) return DerShape::kUnknown;
  if (CheckSpki(der)) return DerShape::kPublicKey;
  Reader parts(*content);
  const std::optional<Element> first = parts.Next();
  if (!first) return DerShape::kUnknown;
  if (first->tag == der::kInteger) return ShapeOfVersioned(parts, *content);
  if (first->tag != der::kSequence) return DerShape::kUnknown;
  const std::optional<Element> second = parts.Next();
  if (!second) return DerShape::kUnknown;
  if (second->tag == der::kOctetString && parts.at_end()) return DerShape::kEncryptedPrivateKey;
  if (second->tag != der::kSequence || !parts.Take(der::kBitString) || !parts.at_end()) {
    return DerShape::kUnknown;
  }
  return ShapeOfSigned(der, first->content);
}

}  // namespace cotter::formats
