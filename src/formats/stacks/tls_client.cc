// SPDX-License-Identifier: Apache-2.0
//
// The map of bogdanfinn/tls-client: host, or "*.host" for it and all below it, to base64. In Go, or
// as certificatePinningHosts in the JSON that other languages give it.
#include <utility>

#include "formats/json_text.h"
#include "formats/plan.h"
#include "formats/source_code.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kJsonKey = "certificatePinningHosts";

// Its "*." is ours with two stars.
std::string PatternOf(std::string host) {
  if (host.starts_with("*.")) host.insert(0, "*");
  return host;
}

bool IsJson(const InputFile& file) {
  const std::string_view text = AsText(file.bytes);
  const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return first != std::string_view::npos && text[first] == '{';
}

Result<ImportedPolicy> ReadRequest(const SourceText& source) {
  const Result<JsonValue> root = ParseJson(source);
  if (!root) return root.error();
  const JsonValue* hosts = root->Find(kJsonKey);
  if (hosts == nullptr || hosts->kind != JsonValue::Kind::kObject) {
    return source.Fail(root->offset, Code::kFormatMalformed,
                       "expected an object " + std::string(kJsonKey));
  }
  ImportedPolicy imported;
  for (const auto& [host, pins] : hosts->members) {
    Result<HostRule> rule = source.NewRule(PatternOf(host), pins.offset);
    if (!rule) return rule.error();
    if (pins.kind != JsonValue::Kind::kArray) {
      return source.Fail(pins.offset, Code::kFormatMalformed,
                         Quoted(host) + ": expected an array of pins");
    }
    for (const JsonValue& pin : pins.items) {
      Result<void> added = source.AddPin(*rule, pin.text, pin.offset, imported.losses);
      if (!added) return added.error();
    }
    TakeRule(imported, *std::move(rule));
  }
  return imported;
}

class MapReader {
 public:
  MapReader(const SourceText& source, const SourceCode& code) : source_(source), code_(code) {}

  Result<ImportedPolicy> Read() {
    const std::vector<Token>& tokens = code_.tokens();
    for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
      if (tokens[i].kind != Token::Kind::kString || !tokens[i + 1].Is(":")) continue;
      std::size_t open = i + 2;
      if (open + 3 < tokens.size() && tokens[open].Is("[") && tokens[open + 1].Is("]")) open += 3;
      if (!tokens[open].Is("{")) continue;
      if (Result<void> read = ReadEntry(i, open + 1); !read) return read.error();
    }
    return std::move(imported_);
  }

 private:
  Result<void> ReadEntry(std::size_t key, std::size_t first) {
    const std::vector<Token>& tokens = code_.tokens();
    Result<HostRule> rule = source_.NewRule(PatternOf(tokens[key].text), tokens[key].offset);
    if (!rule) return rule.error();
    for (std::size_t i = first; i < tokens.size() && !tokens[i].Is("}"); ++i) {
      if (tokens[i].Is(",")) continue;
      const std::optional<std::string> pin = code_.Text(i, i + 1);
      if (!pin) {
        return source_.Fail(tokens[i].offset, Code::kFormatMalformed, "expected a pin in quotes");
      }
      Result<void> added = source_.AddPin(*rule, *pin, tokens[i].offset, imported_.losses);
      if (!added) return added;
    }
    TakeRule(imported_, *std::move(rule));
    return Ok();
  }

  const SourceText& source_;
  const SourceCode& code_;
  ImportedPolicy imported_;
};

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const Result<SourceText> source = SourceText::Open(files.front());
  if (!source) return source.error();
  if (IsJson(files.front())) return ReadRequest(*source);
  const Result<SourceCode> code = SourceCode::Read(*source);
  if (!code) return code.error();
  return MapReader(*source, *code).Read();
}

bool Recognizes(std::span<const InputFile> files) {
  const std::string_view text = AsText(files.front().bytes);
  return text.find(IsJson(files.front()) ? kJsonKey : "map[string][]string") !=
         std::string_view::npos;
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  Result<Plan> plan =
      MakePlan(policy, {.hosts = Hosts::kSuffix, .places = Places::kAnywhere}, options);
  if (!plan) return plan.error();
  std::string text = CommentBlock(policy, options, "tls-client", "// ") +
                     "\n// Package cotterpins holds pins for tls_client.WithCertificatePinning.\n"
                     "package cotterpins\n\n// Pins is what the client pins.\n"
                     "var Pins = map[string][]string{\n";
  for (const PlanRule& rule : plan->rules) {
    text += "\t\"" + std::string(rule.include_subdomains ? "*." : "") +
            std::string(rule.pattern.base().text()) + "\": {\n";
    for (const PolicyPin& pin : rule.pins) {
      const std::string comment = PinComment(pin);
      text += "\t\t\"" + FormatPinBase64(pin.pin.digest) + "\"," +
              (comment.empty() ? "" : " // " + comment) + "\n";
    }
    text += "\t},\n";
  }
  plan->Lose("", Severity::kEnforcement,
             "tls-client holds pins against what the server presented: an interceptor with a "
             "trusted CA passes by appending a genuine certificate; it pins neither HTTP/3 nor "
             "hosts in upper case or with a trailing dot");
  plan->Lose("", Severity::kNote, "the last client to pin a host decides for all of its process");
  return Exported{text + "}\n", std::move(plan->losses)};
}

}  // namespace

extern const Format kTlsClientFormat;
const Format kTlsClientFormat{.name = "tls-client",
                              .summary = "the pin map of bogdanfinn/tls-client, in Go or JSON",
                              .recognizes = Recognizes,
                              .read = Read,
                              .write = Write};

}  // namespace cotter::formats
