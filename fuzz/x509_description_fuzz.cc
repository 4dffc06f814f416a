// SPDX-License-Identifier: Apache-2.0
//
// Target: DescribeCertificate, DescribeExtension, DescribeName, WarningsOf.
// Property: what is described has the pin that the core finds and the bytes that came in; every
// string in it is UTF-8; an extension that does not decode has no value.
#include <string>
#include <variant>

#include "base/sha256.h"
#include "formats/asn1_text.h"
#include "formats/x509_description.h"
#include "formats/x509_warnings.h"
#include <cotter/certificate.h>

namespace {

using namespace cotter;

void CheckText(const std::string& text) { COTTER_CHECK(formats::Utf8Of(AsBytes(text)) == text); }

void CheckValue(const formats::DecodedValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) CheckText(*text);
  if (const auto* list = std::get_if<formats::DecodedList>(&value.value)) {
    for (const formats::DecodedValue& item : *list) CheckValue(item);
  }
  if (const auto* record = std::get_if<formats::DecodedRecord>(&value.value)) {
    for (const auto& [name, field] : *record) CheckValue(field);
  }
}

void CheckName(const formats::DistinguishedName& name) {
  CheckText(name.text);
  for (const auto& rdn : name.rdn_sequence) {
    COTTER_CHECK(!rdn.empty());
    for (const formats::NameAttribute& attribute : rdn) CheckText(attribute.value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto certificate = formats::DescribeCertificate(input);
  if (!certificate) return 0;
  const Result<ByteView> spki = FindSpki(input);
  COTTER_CHECK(spki && certificate->key.spki_sha256 == base::Sha256(*spki));
  COTTER_CHECK(SameBytes(certificate->der, input));
  CheckName(certificate->issuer);
  CheckName(certificate->subject);
  CheckText(certificate->not_before.text);
  for (const formats::ExtensionDescription& extension : certificate->extensions) {
    CheckValue(extension.value);
    COTTER_CHECK(extension.state == formats::ExtensionState::kDecoded ||
                 std::holds_alternative<std::monostate>(extension.value.value));
  }
  for (const auto& warning : formats::WarningsOf(*certificate, Time{1'800'000'000})) {
    CheckText(warning.message);
  }
  return 0;
}
