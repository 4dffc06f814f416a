// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_text.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/safe_text.h"
#include "formats/pem.h"
#include "formats/x509_warnings.h"
#include <cotter/bytes.h>
#include <cotter/pin.h>

namespace cotter::cli {
namespace {

constexpr std::size_t kLabelWidth = 14;  // "Self-signed" and two spaces, and room
constexpr std::size_t kLineWidth = 84;   // lists longer than this get a line for each item
constexpr std::size_t kHexWidth = 64;

void PrintField(Output& output, std::string_view label, std::string_view value,
                Style style = Style::kPlain) {
  output.Text("  ");
  output.Styled(Style::kFaint, label);
  output.Text(std::string(label.size() < kLabelWidth ? kLabelWidth - label.size() : 1, ' '));
  output.Styled(style, value);
  output.Text("\n");
}

std::string Indent(std::size_t depth) { return std::string(2 * depth, ' '); }

void PrintHex(Output& output, ByteView bytes, std::size_t depth) {
  const std::string hex = EncodeHex(bytes);
  for (std::size_t at = 0; at < hex.size(); at += kHexWidth) {
    output.Text(Indent(depth) + hex.substr(at, kHexWidth) + "\n");
  }
}

// Inline is a value as part of a line; empty where it needs lines of its own.
std::string Inline(const formats::DecodedValue& decoded) {
  if (const auto* flag = std::get_if<bool>(&decoded.value)) return *flag ? "yes" : "no";
  if (const auto* number = std::get_if<std::int64_t>(&decoded.value)) {
    return std::to_string(*number);
  }
  if (const auto* text = std::get_if<std::string>(&decoded.value)) {
    return text->empty() ? "(empty)" : SafeText(*text);
  }
  if (const auto* list = std::get_if<formats::DecodedList>(&decoded.value)) {
    std::string line;
    for (const formats::DecodedValue& item : *list) {
      const bool nested = std::holds_alternative<formats::DecodedList>(item.value) ||
                          std::holds_alternative<formats::DecodedRecord>(item.value);
      if (nested) return "";
      line += (line.empty() ? "" : ", ") + Inline(item);
    }
    if (list->empty()) return "(empty)";
    return line.size() <= kLineWidth ? line : "";
  }
  if (const auto* record = std::get_if<formats::DecodedRecord>(&decoded.value)) {
    if (record->empty()) return "(empty)";
    const std::string inside = record->size() == 1 ? Inline(record->front().second) : "";
    return inside.empty() ? "" : record->front().first + " " + inside;
  }
  return "present";
}

// PrintValue writes a value on lines of its own.
void PrintValue(Output& output, const formats::DecodedValue& decoded, std::size_t depth) {
  if (const std::string line = Inline(decoded); !line.empty()) {
    output.Text(Indent(depth) + line + "\n");
    return;
  }
  if (const auto* list = std::get_if<formats::DecodedList>(&decoded.value)) {
    for (const formats::DecodedValue& item : *list) PrintValue(output, item, depth);
  }
  if (const auto* record = std::get_if<formats::DecodedRecord>(&decoded.value)) {
    std::size_t inner = depth;
    for (const auto& [name, field] : *record) {
      const std::string line = Inline(field);
      output.Text(Indent(inner) + name + (line.empty() ? "" : " " + line) + "\n");
      if (line.empty()) PrintValue(output, field, inner + 1);
      inner = depth + 1;  // the first field heads the item
    }
  }
}

void PrintExtensions(Output& output, std::string_view title,
                     const std::vector<formats::ExtensionDescription>& extensions) {
  if (extensions.empty()) return;
  output.Text("  ");
  output.Styled(Style::kFaint, title);
  output.Text("\n");
  for (const formats::ExtensionDescription& extension : extensions) {
    output.Text("    ");
    output.Styled(Style::kBold, extension.name.empty() ? extension.oid : extension.name);
    if (!extension.name.empty() && extension.state != formats::ExtensionState::kDecoded) {
      output.Text(" (" + extension.oid + ")");
    }
    if (extension.criticality == formats::Criticality::kCritical) output.Text(", critical");
    if (extension.state == formats::ExtensionState::kBroken) {
      output.Styled(Style::kBad, ", does not decode");
    }
    output.Text("\n");
    if (extension.state == formats::ExtensionState::kDecoded) {
      PrintValue(output, extension.value, 3);
    } else {
      PrintHex(output, extension.der, 3);
    }
  }
}

std::string AlgorithmText(const formats::AlgorithmDescription& algorithm) {
  const std::string& name = algorithm.name.empty() ? algorithm.oid : algorithm.name;
  const bool said = algorithm.hash.empty() || SafeText(name).find("PSS") == std::string::npos;
  return said ? name : name + " with " + algorithm.hash;
}

std::string KeyText(const formats::KeyDescription& key) {
  std::string text = AlgorithmText(key.algorithm);
  if (!key.curve.empty()) text += ", " + key.curve;
  if (key.bits == 0) return text + ", unreadable";
  text += ", " + std::to_string(key.bits) + " bits";
  return key.exponent.empty() ? text : text + ", exponent 0x" + key.exponent;
}

void PrintKeyFields(Output& output, const formats::KeyDescription& key) {
  PrintField(output, "Key", KeyText(key));
  PrintField(output, "Pin", FormatPin(key.spki_sha256), Style::kBold);
  PrintField(output, "", EncodeHex(key.spki_sha256.bytes));
}

std::string DateText(const formats::DateDescription& date) {
  return date.time ? FormatTime(*date.time) : "no date: " + date.text;
}

std::string EndText(const formats::CertificateDescription& certificate, Time now) {
  const std::string date = DateText(certificate.not_after);
  if (!certificate.not_after.time) return date;
  const std::int64_t days = DaysLeft(*certificate.not_after.time, now);
  if (now > *certificate.not_after.time) return date + ", expired";
  return date + ", " + std::to_string(days) + (days == 1 ? " day" : " days") + " left";
}

// SerialText groups the octets, as other tools show them.
std::string SerialText(const std::string& serial) {
  std::string text;
  const std::size_t begin = serial.starts_with('-') ? 1 : 0;
  for (std::size_t i = begin; i < serial.size(); i += 2) {
    text += (text.empty() ? "" : ":") + serial.substr(i, 2);
  }
  return (begin == 1 ? "-" : "") + text;
}

std::string_view SelfSignedText(formats::SelfSigned self_signed) {
  switch (self_signed) {
    case formats::SelfSigned::kNo:
      return "no";
    case formats::SelfSigned::kYes:
      return "yes";
    case formats::SelfSigned::kClaimed:
      return "no, though it names itself as its issuer";
  }
  return "";
}

void PrintWarnings(Output& output, const formats::CertificateDescription& certificate, Time now) {
  for (const formats::CertificateWarning& warning : formats::WarningsOf(certificate, now)) {
    output.Text("  ");
    output.Styled(Style::kWarning, "warning");
    output.Text(": " + SafeText(warning.message) + "\n");
  }
}

}  // namespace

std::int64_t DaysLeft(Time end, Time now) noexcept {
  constexpr std::int64_t kDay = 86'400;
  const std::int64_t seconds = end.unix_seconds - now.unix_seconds;
  return seconds >= 0 ? seconds / kDay : -((-seconds + kDay - 1) / kDay);
}

void PrintCertificate(Output& output, const formats::CertificateDescription& certificate,
                      Time now) {
  PrintWarnings(output, certificate, now);
  PrintField(output, "Subject", certificate.subject.text, Style::kBold);
  PrintField(output, "Issuer", certificate.issuer.text);
  PrintField(output, "Not before", DateText(certificate.not_before));
  PrintField(output, "Not after", EndText(certificate, now));
  PrintKeyFields(output, certificate.key);
  PrintField(output, "Serial", SerialText(certificate.serial_number));
  PrintField(output, "Version", std::to_string(certificate.version));
  PrintField(output, "Signature", AlgorithmText(certificate.signature_algorithm));
  PrintField(output, "Self-signed", SelfSignedText(certificate.self_signed));
  PrintField(output, "SHA-256", EncodeHex(certificate.sha256.bytes));
  PrintField(output, "SHA-1", certificate.sha1);
  if (!certificate.issuer_unique_id.empty()) {
    PrintField(output, "Issuer id", certificate.issuer_unique_id);
  }
  if (!certificate.subject_unique_id.empty()) {
    PrintField(output, "Subject id", certificate.subject_unique_id);
  }
  PrintExtensions(output, "Extensions", certificate.extensions);
  output.Text(formats::EncodePem("CERTIFICATE", certificate.der));
}

void PrintRequest(Output& output, const formats::RequestDescription& request) {
  if (request.signature == formats::RequestSignature::kInvalid) {
    output.Text("  ");
    output.Styled(Style::kWarning, "warning");
    output.Text(": the request is not signed by its own key\n");
  }
  PrintField(output, "Subject", request.subject.text, Style::kBold);
  PrintKeyFields(output, request.key);
  PrintField(output, "Signature", AlgorithmText(request.signature_algorithm));
  PrintExtensions(output, "Requested extensions", request.extensions);
  output.Text(formats::EncodePem("CERTIFICATE REQUEST", request.der));
}

void PrintKey(Output& output, const formats::KeyDescription& key) {
  PrintKeyFields(output, key);
  output.Text(formats::EncodePem("PUBLIC KEY", key.spki));
}

}  // namespace cotter::cli
