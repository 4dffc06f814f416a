// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>

#include "core/der.h"
#include <cotter/certificate.h>

namespace cotter {
namespace {

using der::Element;
using der::Reader;

Error Malformed(std::string what) { return Error{Code::kDerMalformed, std::move(what)}; }

// TbsReader opens SEQUENCE { SEQUENCE { ... } ... } and returns a reader of the inner one: the
// shape that certificates and requests share. The outer element must span the input.
std::optional<Reader> OpenSigned(ByteView input) {
  const std::optional<ByteView> outer = der::TakeOnly(input, der::kSequence);
  if (!outer) return std::nullopt;
  Reader parts(*outer);
  const std::optional<Element> tbs = parts.Take(der::kSequence);
  const std::optional<Element> algorithm = parts.Take(der::kSequence);
  const std::optional<Element> signature = parts.Take(der::kBitString);
  if (!tbs || !algorithm || !signature || !parts.at_end()) return std::nullopt;
  return Reader(tbs->content);
}

// A two- or four-digit year, then month to second, then "Z": the only forms that RFC 5280, 4.1.2.5
// allows.
Result<Time> ReadTime(ByteView whole) {
  Reader reader(whole);
  const std::optional<Element> element = reader.Next();
  if (!element) return Error{Code::kTimeInvalid, "the certificate has no date there"};
  const std::string_view text = AsText(element->content);
  const bool utc = element->tag == der::kUtcTime;
  const std::size_t year_digits = utc ? 2 : 4;
  if (text.size() != year_digits + 11 || text.back() != 'Z') {
    return Error{Code::kTimeInvalid, "the certificate's date is not in the form of RFC 5280"};
  }
  bool digits = true;
  const auto number = [&](std::size_t at, std::size_t count) {
    unsigned value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
      digits = digits && text[i] >= '0' && text[i] <= '9';
      value = value * 10 + static_cast<unsigned char>(text[i] - '0');
    }
    return value;
  };
  CivilTime civil{.year = number(0, year_digits),
                  .month = number(year_digits, 2),
                  .day = number(year_digits + 2, 2),
                  .hour = number(year_digits + 4, 2),
                  .minute = number(year_digits + 6, 2),
                  .second = number(year_digits + 8, 2)};
  if (!digits) return Error{Code::kTimeInvalid, "the certificate's date has a letter for a digit"};
  // RFC 5280, 4.1.2.5.1: "Where YY is greater than or equal to 50, the year SHALL be interpreted as
  // 19YY".
  if (utc) civil.year += civil.year >= 50 ? 1900 : 2000;
  return FromCivil(civil);
}

}  // namespace

Result<CertificateView> CertificateView::Parse(ByteView der) {
  std::optional<Reader> tbs = OpenSigned(der);
  if (!tbs)
    return Malformed(
        "not a certificate: expected SEQUENCE { tbsCertificate, algorithm, signature }");
  if (!tbs->SkipOptional(der::ContextTag(0))) return Malformed("broken version of a certificate");
  const std::optional<Element> serial = tbs->Take(der::kInteger);
  if (!serial || serial->content.empty()) return Malformed("a certificate without a serial number");
  if (!tbs->Take(der::kSequence)) return Malformed("a certificate without a signature algorithm");
  const std::optional<Element> issuer = tbs->Take(der::kSequence);
  const std::optional<Element> validity = issuer ? tbs->Take(der::kSequence) : std::nullopt;
  const std::optional<Element> subject = validity ? tbs->Take(der::kSequence) : std::nullopt;
  const std::optional<Element> spki = subject ? tbs->Take(der::kSequence) : std::nullopt;
  if (!spki)
    return Malformed("a certificate without issuer, validity, subject and public key in order");
  if (const Result<void> sound = CheckSpki(spki->whole); !sound) return sound.error();
  Reader dates(validity->content);
  const std::optional<Element> not_before = dates.Next();
  const std::optional<Element> not_after = dates.Next();
  if (!not_before || !not_after || !dates.at_end())
    return Malformed("a certificate whose validity is not two dates");
  // RFC 5280, 4.1: issuerUniqueID [1] and subjectUniqueID [2] are IMPLICIT BIT STRINGs, extensions
  // [3] is explicit.
  constexpr std::uint8_t kIssuerUniqueId = 0x81;
  constexpr std::uint8_t kSubjectUniqueId = 0x82;
  const bool tail = tbs->SkipOptional(kIssuerUniqueId) && tbs->SkipOptional(kSubjectUniqueId) &&
                    tbs->SkipOptional(der::ContextTag(3)) && tbs->at_end();
  if (!tail) return Malformed("a certificate with something unknown after its public key");
  CertificateView view;
  view.der_ = der;
  view.serial_ = serial->content;
  view.issuer_ = issuer->whole;
  view.not_before_ = not_before->whole;
  view.not_after_ = not_after->whole;
  view.subject_ = subject->whole;
  view.spki_ = spki->whole;
  return view;
}

Result<Time> CertificateView::not_before() const { return ReadTime(not_before_); }
Result<Time> CertificateView::not_after() const { return ReadTime(not_after_); }

Result<ByteView> FindSpki(ByteView der) {
  std::optional<Reader> tbs = OpenSigned(der);
  if (!tbs)
    return Malformed(
        "not a certificate: expected SEQUENCE { tbsCertificate, algorithm, signature }");
  const bool reached = tbs->SkipOptional(der::ContextTag(0)) && tbs->Take(der::kInteger) &&
                       tbs->Take(der::kSequence) && tbs->Take(der::kSequence) &&
                       tbs->Take(der::kSequence) && tbs->Take(der::kSequence);
  const std::optional<Element> spki = reached ? tbs->Take(der::kSequence) : std::nullopt;
  if (!spki)
    return Malformed("a certificate without issuer, validity, subject and public key in order");
  if (const Result<void> sound = CheckSpki(spki->whole); !sound) return sound.error();
  return spki->whole;
}

Result<ByteView> FindRequestSpki(ByteView der) {
  std::optional<Reader> info = OpenSigned(der);
  if (!info)
    return Malformed(
        "not a certification request: expected SEQUENCE { info, algorithm, signature }");
  const bool reached = info->Take(der::kInteger) && info->Take(der::kSequence);
  const std::optional<Element> spki = reached ? info->Take(der::kSequence) : std::nullopt;
  if (!spki)
    return Malformed("a certification request without version, subject and public key in order");
  if (const Result<void> sound = CheckSpki(spki->whole); !sound) return sound.error();
  return spki->whole;
}

Result<void> CheckSpki(ByteView der) {
  const std::optional<ByteView> content = der::TakeOnly(der, der::kSequence);
  if (!content) return Malformed("not a SubjectPublicKeyInfo: expected one SEQUENCE");
  Reader parts(*content);
  const std::optional<Element> algorithm = parts.Take(der::kSequence);
  const std::optional<Element> key = parts.Take(der::kBitString);
  if (!algorithm || !key || !parts.at_end()) {
    return Malformed("not a SubjectPublicKeyInfo: expected an algorithm and a BIT STRING");
  }
  if (!Reader(algorithm->content).Take(der::kOid)) {
    return Malformed("a public key whose algorithm is not an OBJECT IDENTIFIER");
  }
  // X.690, 8.6.2.2: the first octet counts the unused bits; every key is whole octets.
  if (key->content.size() < 2 || key->content[0] != 0) {
    return Malformed("a public key that is not whole octets");
  }
  return Ok();
}

}  // namespace cotter
