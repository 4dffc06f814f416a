// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_json.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "cli/inspect_text.h"
#include "formats/pem.h"
#include "formats/x509_warnings.h"
#include <cotter/bytes.h>
#include <cotter/pin.h>

namespace cotter::cli {
namespace {

namespace json = boost::json;

// OrNull is null for what is not there.
json::value OrNull(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value ValueJson(const formats::DecodedValue& decoded) {
  if (const auto* flag = std::get_if<bool>(&decoded.value)) return *flag;
  if (const auto* number = std::get_if<std::int64_t>(&decoded.value)) return *number;
  if (const auto* text = std::get_if<std::string>(&decoded.value)) return json::value(*text);
  if (const auto* list = std::get_if<formats::DecodedList>(&decoded.value)) {
    json::array array;
    for (const formats::DecodedValue& item : *list) array.push_back(ValueJson(item));
    return array;
  }
  if (const auto* record = std::get_if<formats::DecodedRecord>(&decoded.value)) {
    json::object object;
    for (const auto& [name, field] : *record) object[name] = ValueJson(field);
    return object;
  }
  return nullptr;
}

json::object AlgorithmJson(const formats::AlgorithmDescription& algorithm) {
  json::object object{{"oid", algorithm.oid}, {"name", OrNull(algorithm.name)}};
  if (!algorithm.hash.empty()) object["hash"] = algorithm.hash;
  return object;
}

json::object NameJson(const formats::DistinguishedName& name) {
  json::array sequence;
  for (const auto& rdn : name.rdn_sequence) {
    json::array set;
    for (const formats::NameAttribute& attribute : rdn) {
      set.push_back(json::object{
          {"type", attribute.oid}, {"name", OrNull(attribute.name)}, {"value", attribute.value}});
    }
    sequence.push_back(std::move(set));
  }
  return {{"text", name.text}, {"rdn_sequence", std::move(sequence)}};
}

json::value DateJson(const formats::DateDescription& date) {
  return date.time ? json::value(FormatTime(*date.time)) : json::value(nullptr);
}

json::object ValidityJson(const formats::CertificateDescription& certificate, Time now) {
  json::object object{{"not_before", DateJson(certificate.not_before)},
                      {"not_after", DateJson(certificate.not_after)},
                      {"days_left", nullptr}};
  if (certificate.not_after.time) object["days_left"] = DaysLeft(*certificate.not_after.time, now);
  if (!certificate.not_before.time) object["not_before_raw"] = certificate.not_before.text;
  if (!certificate.not_after.time) object["not_after_raw"] = certificate.not_after.text;
  return object;
}

json::array ExtensionsJson(const std::vector<formats::ExtensionDescription>& extensions) {
  json::array array;
  for (const formats::ExtensionDescription& extension : extensions) {
    json::object object{
        {"oid", extension.oid},
        {"name", OrNull(extension.name)},
        {"critical", extension.criticality == formats::Criticality::kCritical},
        {"state", formats::NameOf(extension.state)},
        {"value", ValueJson(extension.value)},
        {"hex", EncodeHex(extension.der)},
    };
    array.push_back(std::move(object));
  }
  return array;
}

json::array WarningsJson(const formats::CertificateDescription& certificate, Time now) {
  json::array array;
  for (const formats::CertificateWarning& warning : formats::WarningsOf(certificate, now)) {
    array.push_back(
        json::object{{"warning", formats::NameOf(warning.warning)}, {"message", warning.message}});
  }
  return array;
}

}  // namespace

json::object KeyJson(const formats::KeyDescription& key) {
  json::object object{{"algorithm", AlgorithmJson(key.algorithm)},
                      {"bits", key.bits == 0 ? json::value(nullptr) : json::value(key.bits)},
                      {"curve", OrNull(key.curve)},
                      {"exponent", OrNull(key.exponent)},
                      {"security_bits", key.security_bits},
                      {"pin", FormatPin(key.spki_sha256)},
                      {"sha256", EncodeHex(key.spki_sha256.bytes)},
                      {"pem", formats::EncodePem("PUBLIC KEY", key.spki)}};
  return object;
}

json::object CertificateJson(const formats::CertificateDescription& certificate, Time now) {
  return {
      {"version", certificate.version},
      {"serial_number", certificate.serial_number},
      {"signature", AlgorithmJson(certificate.signed_algorithm)},
      {"issuer", NameJson(certificate.issuer)},
      {"validity", ValidityJson(certificate, now)},
      {"subject", NameJson(certificate.subject)},
      {"subject_public_key_info", KeyJson(certificate.key)},
      {"issuer_unique_id", OrNull(certificate.issuer_unique_id)},
      {"subject_unique_id", OrNull(certificate.subject_unique_id)},
      {"extensions", ExtensionsJson(certificate.extensions)},
      {"signature_algorithm", AlgorithmJson(certificate.signature_algorithm)},
      {"signature_value", EncodeHex(certificate.signature)},
      {"fingerprints",
       {{"sha256", EncodeHex(certificate.sha256.bytes)}, {"sha1", certificate.sha1}}},
      {"self_signed", certificate.self_signed == formats::SelfSigned::kYes},
      {"must_staple", formats::MustStaple(certificate)},
      {"warnings", WarningsJson(certificate, now)},
      {"pem", formats::EncodePem("CERTIFICATE", certificate.der)},
  };
}

json::object RequestJson(const formats::RequestDescription& request) {
  return {
      {"subject", NameJson(request.subject)},
      {"subject_public_key_info", KeyJson(request.key)},
      {"extensions", ExtensionsJson(request.extensions)},
      {"signature_algorithm", AlgorithmJson(request.signature_algorithm)},
      {"signature_valid", request.signature == formats::RequestSignature::kValid},
      {"pem", formats::EncodePem("CERTIFICATE REQUEST", request.der)},
  };
}

}  // namespace cotter::cli
