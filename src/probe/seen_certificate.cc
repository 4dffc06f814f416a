// SPDX-License-Identifier: Apache-2.0
#include "probe/seen_certificate.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "base/sha256.h"
#include "formats/x509_description.h"
#include <cotter/certificate.h>

namespace cotter::probe {
namespace {

// What a cache keeps until it begins anew; each has some 4 KiB.
constexpr std::size_t kMaxSeenKept = 1024;

using formats::DecodedList;
using formats::DecodedValue;

std::string FirstValue(const formats::DistinguishedName& name, std::string_view attribute) {
  for (const auto& set : name.rdn_sequence) {
    for (const formats::NameAttribute& one : set) {
      if (one.name == attribute) return one.value;
    }
  }
  return {};
}

SeenName NameOf(const formats::DistinguishedName& name) {
  return {name.text, FirstValue(name, "common_name"), FirstValue(name, "organization_name"),
          FirstValue(name, "organizational_unit_name")};
}

const std::string* TextOf(const DecodedValue* value) {
  return value == nullptr ? nullptr : std::get_if<std::string>(&value->value);
}

// IssuerUrls is where the issuer's certificate can be had (RFC 5280, 4.2.2.1).
std::vector<std::string> IssuerUrls(const formats::CertificateDescription& certificate) {
  std::vector<std::string> urls;
  const auto* access = formats::FindExtension(certificate, "authority_info_access");
  const auto* list = access == nullptr ? nullptr : std::get_if<DecodedList>(&access->value.value);
  if (list == nullptr) return urls;
  for (const DecodedValue& one : *list) {
    const std::string* method = TextOf(formats::FindField(one, "access_method"));
    const DecodedValue* location = formats::FindField(one, "access_location");
    if (method == nullptr || *method != "ca_issuers" || location == nullptr) continue;
    const std::string* url = TextOf(formats::FindField(*location, "uniform_resource_identifier"));
    if (url != nullptr) urls.push_back(*url);
  }
  return urls;
}

bool NameCovers(const std::string& name, const HostName& host) {
  const bool star = name.starts_with("*.");
  const Result<HostName> base = HostName::Parse(star ? name.substr(2) : name);
  if (!base) return false;
  if (!star) return *base == host;
  const std::string_view text = host.text();
  const std::size_t dot = text.find('.');
  return !host.is_ip() && dot != std::string_view::npos && text.substr(dot + 1) == base->text();
}

}  // namespace

Result<SeenCertificate> SeeCertificate(ByteView der) {
  const auto described = formats::DescribeCertificate(der);
  if (!described) return described.error();
  const Result<ByteView> spki = FindSpki(der);
  if (!spki) return spki.error();
  SeenCertificate seen;
  seen.der.assign(der.begin(), der.end());
  seen.spki = base::Sha256(*spki);
  seen.cert = described->sha256;
  seen.subject = NameOf(described->subject);
  seen.issuer = NameOf(described->issuer);
  seen.not_before = described->not_before.time;
  seen.not_after = described->not_after.time;
  seen.is_ca = formats::IsCa(*described);
  seen.is_self_issued = described->self_signed != formats::SelfSigned::kNo;
  seen.has_scts = formats::FindExtension(*described, "signed_certificate_timestamps") != nullptr;
  seen.issuer_urls = IssuerUrls(*described);
  const auto* names = formats::FindExtension(*described, "subject_alt_name");
  if (names == nullptr) return seen;
  for (const formats::GeneralName& name : names->general_names) {
    const bool wanted =
        name.kind == formats::GeneralNameKind::kDns || name.kind == formats::GeneralNameKind::kIp;
    if (wanted) seen.names.push_back(name.text);
  }
  return seen;
}

Result<SeenCertificate> SeenCache::See(ByteView der) {
  const Digest digest = base::Sha256(der);
  if (const auto at = known_.find(digest); at != known_.end()) return at->second;
  Result<SeenCertificate> seen = SeeCertificate(der);
  if (!seen) return seen;
  if (known_.size() >= kMaxSeenKept) known_.clear();
  return known_.emplace(digest, *std::move(seen)).first->second;
}

std::vector<SeenCertificate> SeeChain(const std::vector<Bytes>& chain, SeenCache& cache) {
  std::vector<SeenCertificate> seen;
  for (const Bytes& der : chain) {
    if (Result<SeenCertificate> one = cache.See(der)) seen.push_back(*std::move(one));
  }
  return seen;
}

std::vector<SeenCertificate> SeeChain(const std::vector<Bytes>& chain) {
  SeenCache cache;
  return SeeChain(chain, cache);
}

bool IsFor(const SeenCertificate& leaf, const HostName& host) {
  return std::any_of(leaf.names.begin(), leaf.names.end(),
                     [&host](const std::string& name) { return NameCovers(name, host); });
}

}  // namespace cotter::probe
