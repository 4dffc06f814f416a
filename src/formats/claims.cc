// SPDX-License-Identifier: Apache-2.0
#include "formats/claims.h"

#include <cstddef>
#include <optional>

#include "core/der.h"

namespace cotter::formats {
namespace {

using der::Element;
using der::Reader;

constexpr std::uint8_t kBasicConstraints[] = {0x55, 0x1D, 0x13};  // 2.5.29.19

// issuerUniqueID and subjectUniqueID are implicit, so primitive (RFC 5280, 4.1).
constexpr std::uint8_t kIssuerUniqueId = 0x81;
constexpr std::uint8_t kSubjectUniqueId = 0x82;

// ExtensionsOf is the content of the certificate's list of extensions; nullopt where there is none.
std::optional<ByteView> ExtensionsOf(const CertificateView& certificate) noexcept {
  const auto outer = der::TakeOnly(certificate.der(), der::kSequence);
  if (!outer) return std::nullopt;
  const auto tbs = Reader(*outer).Take(der::kSequence);
  if (!tbs) return std::nullopt;
  const std::uint8_t* after_spki = certificate.spki().data() + certificate.spki().size();
  Reader reader(tbs->content.subspan(static_cast<std::size_t>(after_spki - tbs->content.data())));
  if (!reader.SkipOptional(kIssuerUniqueId) || !reader.SkipOptional(kSubjectUniqueId)) {
    return std::nullopt;
  }
  const auto tagged = reader.Take(der::ContextTag(3));
  return tagged ? der::TakeOnly(tagged->content, der::kSequence) : std::nullopt;
}

// IsCa reads one extension; nullopt where it is not basicConstraints or is broken.
std::optional<bool> IsCa(const Element& extension) noexcept {
  Reader fields(extension.content);
  const auto oid = fields.Take(der::kOid);
  if (!oid || !SameBytes(oid->content, kBasicConstraints)) return std::nullopt;
  if (!fields.SkipOptional(der::kBoolean)) return std::nullopt;
  const auto value = fields.Take(der::kOctetString);
  if (!value) return std::nullopt;
  const auto constraints = der::TakeOnly(value->content, der::kSequence);
  if (!constraints) return std::nullopt;
  const auto ca = Reader(*constraints).Take(der::kBoolean);
  return ca && ca->content.size() == 1 && ca->content[0] != 0;
}

}  // namespace

std::string_view NameOf(ClaimedRole role) noexcept {
  switch (role) {
    case ClaimedRole::kLeaf:
      return "leaf";
    case ClaimedRole::kIntermediate:
      return "intermediate";
    case ClaimedRole::kRoot:
      return "root";
    case ClaimedRole::kUnknown:
      return "unknown";
  }
  return "unknown";
}

ClaimedRole RoleOf(const CertificateView& certificate) noexcept {
  if (const auto extensions = ExtensionsOf(certificate)) {
    Reader reader(*extensions);
    while (const auto extension = reader.Take(der::kSequence)) {
      const auto is_ca = IsCa(*extension);
      if (!is_ca) continue;
      if (!*is_ca) return ClaimedRole::kLeaf;
      return certificate.is_self_issued() ? ClaimedRole::kRoot : ClaimedRole::kIntermediate;
    }
  }
  return certificate.is_self_issued() ? ClaimedRole::kUnknown : ClaimedRole::kLeaf;
}

Result<ByteView> RequestSubject(ByteView der) {
  const Error malformed{Code::kDerMalformed, "not a PKCS #10 request"};
  const auto outer = der::TakeOnly(der, der::kSequence);
  const auto info = outer ? Reader(*outer).Take(der::kSequence) : std::nullopt;
  if (!info) return malformed;
  Reader fields(info->content);
  if (!fields.Take(der::kInteger)) return malformed;
  const auto subject = fields.Take(der::kSequence);
  if (!subject) return malformed;
  return subject->whole;
}

}  // namespace cotter::formats
