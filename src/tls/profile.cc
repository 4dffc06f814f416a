// SPDX-License-Identifier: Apache-2.0
#include "tls/profile.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "tls/certificate_notes.h"

namespace cotter::tls {
namespace {

// X509_get_version counts from zero.
constexpr long kVersion1 = 0;
constexpr long kVersion3 = 2;

// Certificates of real CAs have about 10 extensions; the search for doubles is quadratic.
constexpr int kMaxExtensions = 64;

// What X509_check_ca answers for a certificate that says so itself, in basicConstraints.
constexpr int kIsCaByBasicConstraints = 1;

enum class Position { kLeaf, kIntermediate, kAnchor };

// MustNotBeCritical is the extensions that RFC 5280 wants marked non-critical: 4.2.1.1 (authority
// key identifier), 4.2.1.2 (subject key identifier), 4.2.1.8 (subject directory attributes),
// 4.2.1.15 (freshest CRL), 4.2.2.1 and 4.2.2.2 (information access).
bool MustNotBeCritical(int nid) noexcept {
  return nid == NID_authority_key_identifier || nid == NID_subject_key_identifier ||
         nid == NID_info_access || nid == NID_sinfo_access || nid == NID_freshest_crl ||
         nid == NID_subject_directory_attributes;
}

// The extensions that restrict certificate policies (RFC 5280, 4.2.1.11 and 4.2.1.14). They are
// processed whether or not they are marked critical.
constexpr int kPolicyRestrictions[] = {NID_policy_constraints, NID_inhibit_any_policy};

// RFC 5280, 4.1.2.2: "Conforming CAs MUST NOT use serialNumber values longer than 20 octets." The
// octet of a sign is not counted: many CAs draw 20 random octets and add it.
constexpr int kMaxSerialSize = 20;

// The smallest encodings of a name, and of a name in a constraint.
constexpr std::size_t kMinNameSize = 2;
constexpr std::size_t kMinConstraintSize = 4;

bool HasExtension(const X509& certificate, int nid) noexcept {
  return X509_get_ext_by_NID(&certificate, nid, -1) >= 0;
}

bool IsCriticalIn(const X509& certificate, int nid) noexcept {
  const int at = X509_get_ext_by_NID(&certificate, nid, -1);
  return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(&certificate, at)) == 1;
}

std::size_t SizeOf(const X509& certificate) noexcept {
  const int size = i2d_X509(&certificate, nullptr);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

std::size_t ConstraintsSizeOf(const X509& certificate) noexcept {
  const int at = X509_get_ext_by_NID(&certificate, NID_name_constraints, -1);
  if (at < 0) return 0;
  const int size = ASN1_STRING_length(X509_EXTENSION_get_data(X509_get_ext(&certificate, at)));
  return static_cast<std::size_t>(size);
}

bool IsEmpty(const X509_NAME* name) noexcept { return X509_NAME_entry_count(name) == 0; }

// QualifiersAreKnown reports that every policy qualifier is one of the two that RFC 5280 defines.
bool QualifiersAreKnown(const X509& certificate) {
  int critical = 0;
  auto* const policies = static_cast<CERTIFICATEPOLICIES*>(
      X509_get_ext_d2i(&certificate, NID_certificate_policies, &critical, nullptr));
  if (policies == nullptr) return false;
  bool known = true;
  for (int i = 0; i < sk_POLICYINFO_num(policies); ++i) {
    const STACK_OF(POLICYQUALINFO)* const list = sk_POLICYINFO_value(policies, i)->qualifiers;
    for (int k = 0; k < sk_POLICYQUALINFO_num(list); ++k) {
      const int nid = OBJ_obj2nid(sk_POLICYQUALINFO_value(list, k)->pqualid);
      known = known && (nid == NID_id_qt_cps || nid == NID_id_qt_unotice);
    }
  }
  CERTIFICATEPOLICIES_free(policies);
  return known;
}

// IsUsuallyCritical tells the extensions that are critical in nearly every certificate, without the
// search (and the lock) of OBJ_obj2nid.
bool IsUsuallyCritical(const ASN1_OBJECT* type) noexcept {
  return OBJ_cmp(type, OBJ_nid2obj(NID_basic_constraints)) == 0 ||
         OBJ_cmp(type, OBJ_nid2obj(NID_key_usage)) == 0;
}

// CheckCritical looks at one critical extension of `type`.
std::string CheckCritical(const X509& certificate, const ASN1_OBJECT* type) {
  const int nid = OBJ_obj2nid(type);
  if (MustNotBeCritical(nid)) {
    return "marks an extension critical that must not be (" + std::string(OBJ_nid2ln(nid)) + ")";
  }
  // RFC 5280, 4.2.1.4: "If this extension is critical, the path validation software MUST be able to
  // interpret this extension (including the optional qualifier), or MUST reject the certificate."
  if (nid == NID_certificate_policies && !QualifiersAreKnown(certificate)) {
    return "has critical certificate policies with a qualifier that is not understood";
  }
  return {};
}

// CheckExtensions looks at the list itself. Empty text is a pass.
std::string CheckExtensions(const X509& certificate) {
  const STACK_OF(X509_EXTENSION)* const extensions = X509_get0_extensions(&certificate);
  const int count = sk_X509_EXTENSION_num(extensions);
  if (count <= 0) return {};
  // RFC 5280, 4.1.2.1: "When extensions are used [...] version MUST be 3".
  if (X509_get_version(&certificate) != kVersion3) return "has extensions, but is not version 3";
  if (count > kMaxExtensions)
    return "has more than " + std::to_string(kMaxExtensions) + " extensions";
  for (int i = 0; i < count; ++i) {
    X509_EXTENSION* const extension = sk_X509_EXTENSION_value(extensions, i);
    const ASN1_OBJECT* const type = X509_EXTENSION_get_object(extension);
    for (int k = 0; k < i; ++k) {
      // RFC 5280, 4.2: "A certificate MUST NOT include more than one instance of a particular
      // extension."
      if (OBJ_cmp(type, X509_EXTENSION_get_object(sk_X509_EXTENSION_value(extensions, k))) == 0) {
        return "has an extension twice";
      }
    }
    if (X509_EXTENSION_get_critical(extension) != 1 || IsUsuallyCritical(type)) continue;
    if (std::string wrong = CheckCritical(certificate, type); !wrong.empty()) return wrong;
  }
  return {};
}

// IsForServers reports that extKeyUsage, where there is one, names TLS servers (or anything).
// OpenSSL also takes the usages of the 1990s that lifted export controls.
bool IsForServers(X509& certificate) noexcept {
  if ((X509_get_extension_flags(&certificate) & EXFLAG_XKUSAGE) == 0) return true;
  return (X509_get_extended_key_usage(&certificate) & (XKU_SSL_SERVER | XKU_ANYEKU)) != 0;
}

// CheckCa looks at a certificate that issued another one of the path.
std::string CheckCa(X509& certificate, Position position) {
  // RFC 5280, 4.1.2.6: "If the subject is a CA [...], then the subject field MUST be populated with
  // a non-empty distinguished name".
  if (IsEmpty(X509_get_subject_name(&certificate))) return "is a CA with an empty subject";
  // RFC 5280, 6.1.4 (k): a version 3 CA must say so in basicConstraints, an older one must be known
  // by other means: being an anchor is that.
  const bool is_old_anchor =
      position == Position::kAnchor && X509_get_version(&certificate) == kVersion1;
  if (!is_old_anchor && X509_check_ca(&certificate) != kIsCaByBasicConstraints) {
    return "is used as a CA, but its basicConstraints do not say so";
  }
  return {};
}

// CheckLeaf looks at the server's own certificate.
std::string CheckLeaf(X509& certificate) {
  const std::uint32_t flags = X509_get_extension_flags(&certificate);
  const bool may_sign =
      (flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(&certificate) & KU_KEY_CERT_SIGN) != 0;
  // RFC 5280, 4.2.1.9: "If the cA boolean is not asserted, then the keyCertSign bit in the key
  // usage extension MUST NOT be asserted."
  if ((flags & EXFLAG_BCONS) != 0 && (flags & EXFLAG_CA) == 0 && may_sign) {
    return "is no CA, but its keyUsage has keyCertSign";
  }
  // RFC 5280, 4.2.1.10: "The name constraints extension, which MUST be used only in a CA
  // certificate".
  if ((flags & EXFLAG_CA) == 0 && HasExtension(certificate, NID_name_constraints)) {
    return "is no CA, but constrains names";
  }
  if (!IsEmpty(X509_get_subject_name(&certificate))) return {};
  // RFC 5280, 4.1.2.6: with an empty subject the subjectAltName "MUST be critical".
  if (HasExtension(certificate, NID_subject_alt_name) &&
      !IsCriticalIn(certificate, NID_subject_alt_name)) {
    return "has an empty subject, but its subjectAltName is not critical";
  }
  return {};
}

std::string CheckCertificate(X509& certificate, Position position) {
  // RFC 5280, 4.1.1.2: the algorithm outside "MUST contain the same algorithm identifier" as the
  // one inside. OpenSSL compares them where it verifies a signature, so not for an anchor.
  const X509_ALGOR* outside = nullptr;
  X509_get0_signature(nullptr, &outside, &certificate);
  if (X509_ALGOR_cmp(outside, X509_get0_tbs_sigalg(&certificate)) != 0) {
    return "names two different signature algorithms";
  }
  // RFC 5280, 4.1.2.4: "The issuer field MUST contain a non-empty distinguished name".
  if (IsEmpty(X509_get_issuer_name(&certificate))) return "has an empty issuer";
  if (ASN1_STRING_length(X509_get0_serialNumber(&certificate)) > kMaxSerialSize) {
    return "has a serial number of more than 20 octets";
  }
  if (std::string wrong = CheckExtensions(certificate); !wrong.empty()) return wrong;
  // An anchor may be trusted for servers by its trust settings, whatever its own usages say.
  if (position != Position::kAnchor && !IsForServers(certificate)) {
    return "has an extKeyUsage that does not name TLS servers";
  }
  return position == Position::kLeaf ? CheckLeaf(certificate) : CheckCa(certificate, position);
}

bool RestrictsPolicies(const X509& certificate) noexcept {
  return std::ranges::any_of(kPolicyRestrictions,
                             [&certificate](int nid) { return HasExtension(certificate, nid); });
}

// IsNotedSound spares a trusted certificate the look that it had when it was loaded. One that is
// sound as an anchor is so as an intermediate, except for an old one, which says version 1.
bool IsNotedSound(const X509* certificate) noexcept {
  const CertificateNotes* const notes = NotesOf(certificate);
  return notes != nullptr && notes->sound_anchor && X509_get_version(certificate) == kVersion3;
}

}  // namespace

bool IsSoundAnchor(X509& certificate) {
  return CheckCertificate(certificate, Position::kAnchor).empty() && IsForServers(certificate) &&
         !RestrictsPolicies(certificate);
}

bool HasTooManyNames(X509* leaf, const STACK_OF(X509) * presented) {
  std::size_t constraints = 0;
  for (int i = 0; i < sk_X509_num(presented); ++i) {
    constraints += ConstraintsSizeOf(*sk_X509_value(presented, i));
  }
  if (constraints == 0) return false;
  std::size_t names = SizeOf(*leaf);
  for (int i = 0; i < sk_X509_num(presented); ++i) names += SizeOf(*sk_X509_value(presented, i));
  // Inputs are below 2^30 bytes, so the product fits.
  return (names / kMinNameSize) * (constraints / kMinConstraintSize) > kMaxNameComparisons;
}

std::optional<PkiFailure> CheckProfile(const STACK_OF(X509) * path) {
  const int count = sk_X509_num(path);
  for (int i = 0; i < count; ++i) {
    X509* const certificate = sk_X509_value(path, i);
    if (i > 0 && IsNotedSound(certificate)) continue;
    const Position position = i == 0           ? Position::kLeaf
                              : i == count - 1 ? Position::kAnchor
                                               : Position::kIntermediate;
    std::string wrong = CheckCertificate(*certificate, position);
    if (!wrong.empty()) {
      return DescribeFailure(Code::kProfileViolation, X509_V_ERR_CERT_REJECTED,
                             static_cast<std::size_t>(i), certificate, std::move(wrong));
    }
  }
  return std::nullopt;
}

bool HasPolicyConstraints(const STACK_OF(X509) * path) noexcept {
  for (int i = 0; i < sk_X509_num(path); ++i) {
    const X509* const certificate = sk_X509_value(path, i);
    if (!IsNotedSound(certificate) && RestrictsPolicies(*certificate)) return true;
  }
  return false;
}

}  // namespace cotter::tls
