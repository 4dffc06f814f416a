// SPDX-License-Identifier: Apache-2.0
#include "formats/x509_warnings.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <utility>

namespace cotter::formats {
namespace {

using std::chrono::sys_days;
using std::chrono::year;

constexpr std::int64_t kDay = 86'400;

// The longest life of a server certificate that is issued from a date on.
struct LifeLimit {
  sys_days from;
  std::int64_t days;
};

// CA/Browser Forum, TLS Baseline Requirements, 6.3.2. The newest first.
constexpr std::array<LifeLimit, 5> kLifeLimits = {{
    {sys_days(year(2029) / 3 / 15), 47},
    {sys_days(year(2027) / 3 / 15), 100},
    {sys_days(year(2026) / 3 / 15), 200},
    {sys_days(year(2020) / 9 / 1), 398},
    {sys_days(year(2018) / 3 / 1), 825},
}};

constexpr std::int64_t SecondsOf(sys_days day) { return day.time_since_epoch().count() * kDay; }

class Collector {
 public:
  explicit Collector(const CertificateDescription& certificate) : certificate_(certificate) {}

  std::vector<CertificateWarning> Collect(Time now) {
    AddDates(now);
    AddKey();
    AddSignature();
    AddServer();
    AddExtensions();
    AddSerial();
    if (certificate_.self_signed == SelfSigned::kClaimed) {
      Add(Warning::kFalselySelfSigned,
          "names itself as its issuer, but its own key did not sign it");
    }
    std::ranges::stable_sort(warnings_, {}, &CertificateWarning::warning);
    return std::move(warnings_);
  }

 private:
  void Add(Warning warning, std::string message) {
    warnings_.push_back({warning, std::move(message)});
  }

  void AddDates(Time now) {
    const auto& before = certificate_.not_before.time;
    const auto& after = certificate_.not_after.time;
    if (!before || !after) {
      Add(Warning::kBrokenDate, "a date that is none in the sense of RFC 5280");
      return;
    }
    if (*after < *before) Add(Warning::kBrokenDate, "the validity ends before it begins");
    if (now > *after) Add(Warning::kExpired, "expired on " + FormatTime(*after));
    if (now < *before) Add(Warning::kNotYetValid, "not valid before " + FormatTime(*before));
  }

  void AddKey() {
    constexpr std::size_t kEnoughBits = 112;  // NIST SP 800-131A, 2: what is acceptable today
    const KeyDescription& key = certificate_.key;
    if (key.bits == 0) {
      Add(Warning::kUnreadableKey, "OpenSSL cannot read the public key");
      return;
    }
    if (key.security_bits < kEnoughBits) {
      Add(Warning::kWeakKey, "a " + std::to_string(key.bits) + " bit key gives " +
                                 std::to_string(key.security_bits) + " bits of security, not 112");
    }
    if (key.exponent == "01" || IsEven(key.exponent)) {
      Add(Warning::kWeakKey, "an RSA key with the exponent 0x" + key.exponent);
    }
    if (key.curve == "explicit") {
      Add(Warning::kExplicitCurve, "the key spells its curve out; most clients refuse that");
    }
  }

  static bool IsEven(std::string_view hex) {
    return !hex.empty() && std::string_view("02468ace").find(hex.back()) != std::string_view::npos;
  }

  void AddSignature() {
    constexpr std::string_view kWeakHashes[] = {"md2", "md4", "md5", "sha", "sha1"};
    const AlgorithmDescription& algorithm = certificate_.signature_algorithm;
    const bool weak = std::ranges::find(kWeakHashes, algorithm.hash) != std::end(kWeakHashes);
    // Nobody relies on the signature of a self-signed certificate.
    if (weak && certificate_.self_signed != SelfSigned::kYes) {
      Add(Warning::kWeakSignature, "signed with " + algorithm.name);
    }
    if (algorithm.oid != certificate_.signed_algorithm.oid) {
      Add(Warning::kSignatureAlgorithms, "the signature is said to be " + algorithm.oid +
                                             " outside and " + certificate_.signed_algorithm.oid +
                                             " inside the signed part");
    }
  }

  void AddServer() {
    if (!IsServerLeaf(certificate_)) return;
    const ExtensionDescription* names = FindExtension(certificate_, "subject_alt_name");
    if (names == nullptr || names->general_names.empty()) {
      Add(Warning::kNoSubjectAltName,
          "no subject alternative name: clients do not look at the common name");
    }
    const auto& before = certificate_.not_before.time;
    const auto& after = certificate_.not_after.time;
    if (!before || !after) return;
    // 1.6.1: "from notBefore through notAfter, inclusive", so a second more than the difference.
    const std::int64_t life = after->unix_seconds - before->unix_seconds + 1;
    for (const LifeLimit& limit : kLifeLimits) {
      if (before->unix_seconds < SecondsOf(limit.from)) continue;
      if (life > limit.days * kDay) {
        Add(Warning::kOverLongValidity, "valid for " + std::to_string((life + kDay - 1) / kDay) +
                                            " days; public CAs may sign for at most " +
                                            std::to_string(limit.days) + " days since " +
                                            FormatDate(Time{SecondsOf(limit.from)}));
      }
      return;
    }
  }

  void AddExtensions() {
    std::set<std::string_view> seen;
    for (const ExtensionDescription& extension : certificate_.extensions) {
      const std::string& name = extension.name.empty() ? extension.oid : extension.name;
      const bool critical = extension.criticality == Criticality::kCritical;
      if (!seen.insert(extension.oid).second) {
        Add(Warning::kDuplicateExtension, "the extension " + name + " is there more than once");
      }
      if (extension.state == ExtensionState::kBroken) {
        Add(Warning::kBrokenExtension, "the extension " + name + " does not decode");
      }
      if (critical && extension.state == ExtensionState::kUnknown) {
        Add(Warning::kUnknownCriticalExtension,
            "the extension " + name + " is critical; clients that do not know it refuse");
      }
      if (critical && extension.name == "ct_poison") {
        Add(Warning::kUnknownCriticalExtension, "a precertificate, which every client refuses");
      }
      if (extension.name == "name_constraints") {
        Add(Warning::kNameConstraints, "a CA for some names only");
      }
    }
  }

  // RFC 5280, 4.1.2.2: "The serial number MUST be a positive integer".
  void AddSerial() {
    const std::string& serial = certificate_.serial_number;
    if (serial.starts_with('-')) {
      Add(Warning::kSerialNotPositive, "the serial number is negative");
    } else if (serial.find_first_not_of('0') == std::string::npos) {
      Add(Warning::kSerialNotPositive, "the serial number is zero");
    }
  }

  const CertificateDescription& certificate_;
  std::vector<CertificateWarning> warnings_;
};

}  // namespace

std::string_view NameOf(Warning warning) noexcept {
  switch (warning) {
    case Warning::kExpired:
      return "expired";
    case Warning::kNotYetValid:
      return "not_yet_valid";
    case Warning::kBrokenDate:
      return "broken_date";
    case Warning::kWeakKey:
      return "weak_key";
    case Warning::kExplicitCurve:
      return "explicit_curve";
    case Warning::kUnreadableKey:
      return "unreadable_key";
    case Warning::kWeakSignature:
      return "weak_signature";
    case Warning::kSignatureAlgorithms:
      return "signature_algorithms_differ";
    case Warning::kNoSubjectAltName:
      return "no_subject_alt_name";
    case Warning::kOverLongValidity:
      return "over_long_validity";
    case Warning::kNameConstraints:
      return "name_constraints";
    case Warning::kUnknownCriticalExtension:
      return "unknown_critical_extension";
    case Warning::kBrokenExtension:
      return "broken_extension";
    case Warning::kDuplicateExtension:
      return "duplicate_extension";
    case Warning::kSerialNotPositive:
      return "serial_not_positive";
    case Warning::kFalselySelfSigned:
      return "falsely_self_signed";
  }
  return "";
}

std::vector<CertificateWarning> WarningsOf(const CertificateDescription& certificate, Time now) {
  return Collector(certificate).Collect(now);
}

}  // namespace cotter::formats
