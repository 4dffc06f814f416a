// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/leaf_facts.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>

#include "formats/x509_description.h"

namespace cotter::probe {
namespace {

using formats::DecodedList;
using formats::DecodedValue;

// What browsers, libraries and HSMs all take: the CA/Browser Forum's Baseline Requirements, 6.1.5,
// without what some of them refuse (P-521) or take long for (RSA above 4096 bits).
constexpr std::size_t kFewestRsaBits = 2048;
constexpr std::size_t kMostRsaBits = 4096;

const DecodedList* ListOf(const formats::CertificateDescription& certificate,
                          std::string_view extension) {
  const auto* found = formats::FindExtension(certificate, extension);
  return found == nullptr ? nullptr : std::get_if<DecodedList>(&found->value.value);
}

bool NamesResponder(const formats::CertificateDescription& certificate) {
  const DecodedList* const list = ListOf(certificate, "authority_info_access");
  if (list == nullptr) return false;
  return std::any_of(list->begin(), list->end(), [](const DecodedValue& one) {
    const DecodedValue* const method = formats::FindField(one, "access_method");
    const auto* const text = method == nullptr ? nullptr : std::get_if<std::string>(&method->value);
    return text != nullptr && *text == "ocsp";
  });
}

void ReadKey(const formats::KeyDescription& key, LeafFacts& facts) {
  const std::string& name = key.algorithm.name;
  facts.key_bits = key.bits;
  if (!key.curve.empty()) {
    facts.key = "EC " + key.curve;
    facts.usual_key = key.curve == "P-256" || key.curve == "P-384";
  } else if (name == "rsaEncryption" || name == "rsassaPss") {
    facts.key = "RSA " + std::to_string(key.bits);
    facts.usual_key =
        name == "rsaEncryption" && key.bits >= kFewestRsaBits && key.bits <= kMostRsaBits;
  } else {
    facts.key = name.empty() ? key.algorithm.oid : name;
  }
}

}  // namespace

LeafFacts ReadLeafFacts(ByteView der) {
  LeafFacts facts;
  const auto certificate = formats::DescribeCertificate(der);
  if (!certificate) return facts;
  ReadKey(certificate->key, facts);
  facts.must_staple = formats::MustStaple(*certificate);
  facts.names_responder = NamesResponder(*certificate);
  const DecodedList* const scts = ListOf(*certificate, "signed_certificate_timestamps");
  if (scts != nullptr) facts.embedded_scts = scts->size();
  return facts;
}

}  // namespace cotter::probe
