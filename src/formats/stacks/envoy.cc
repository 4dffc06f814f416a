// SPDX-License-Identifier: Apache-2.0
//
// Envoy's upstream TLS: a cluster for each host, with verify_certificate_spki and _hash, which are
// held against the leaf. Without trusted_ca Envoy checks no path at all, so it is always written.
#include <utility>

#include "formats/plan.h"
#include "formats/source_text.h"
#include "formats/yaml_tree.h"

namespace cotter::formats {
namespace {

// Walker looks for validation contexts, knowing the sni of the TLS context around them.
class Walker {
 public:
  explicit Walker(const SourceText& source) : source_(source) {}

  Result<void> Walk(const YamlNode& node, const YamlNode* sni, const YamlNode* port) {
    if (const YamlNode* own = node.Find("sni")) sni = own;
    if (const YamlNode* own = node.Find("load_assignment")) port = PortOf(*own);
    if (node.Find("verify_certificate_spki") != nullptr ||
        node.Find("verify_certificate_hash") != nullptr) {
      if (Result<void> read = ReadContext(node, sni, port); !read) return read;
    }
    for (const YamlNode& item : node.items) {
      if (Result<void> read = Walk(item, sni, port); !read) return read;
    }
    for (const auto& [key, value] : node.members) {
      if (Result<void> read = Walk(value, sni, port); !read) return read;
    }
    return Ok();
  }

  ImportedPolicy Take() && { return std::move(imported_); }

 private:
  // HostOf is the name that the certificate must have, else the one that is asked for.
  static const YamlNode* HostOf(const YamlNode& context, const YamlNode* sni) {
    const YamlNode* names = context.Find("match_typed_subject_alt_names");
    if (names == nullptr) names = context.Find("match_subject_alt_names");
    if (names == nullptr || names->items.size() != 1) return sni;
    const YamlNode* matcher = names->items.front().Find("matcher");
    const YamlNode* exact = (matcher == nullptr ? &names->items.front() : matcher)->Find("exact");
    return exact == nullptr ? sni : exact;
  }

  // PortOf is the first port of the endpoints in `node`, or null.
  static const YamlNode* PortOf(const YamlNode& node) {
    if (const YamlNode* port = node.Find("port_value")) return port;
    const YamlNode* found = nullptr;
    for (const YamlNode& item : node.items) {
      if (found == nullptr) found = PortOf(item);
    }
    for (const auto& [key, value] : node.members) {
      if (found == nullptr) found = PortOf(value);
    }
    return found;
  }

  Result<void> ReadContext(const YamlNode& context, const YamlNode* sni, const YamlNode* port) {
    const YamlNode* host = HostOf(context, sni);
    if (host == nullptr) {
      imported_.losses.push_back({.rule = "",
                                  .what = "pins without sni or an exact name are left out: for "
                                          "which host they are is not said",
                                  .severity = Severity::kEnforcement,
                                  .line = source_.Line(context.offset)});
      return Ok();
    }
    Result<HostRule> rule = source_.NewRule(host->text, host->offset);
    if (!rule) return rule.error();
    if (port != nullptr) {
      const Result<std::uint16_t> number = ParsePort(port->text);
      if (!number) return source_.Fail(port->offset, number.error().code, number.error().message);
      rule->ports.push_back(*number);
      imported_.losses.push_back({.rule = rule->pattern.ToString(),
                                  .what = "a cluster is for one port: here the host's other ports "
                                          "are refused",
                                  .severity = Severity::kStricter,
                                  .line = rule->line});
    }
    if (context.Find("trusted_ca") == nullptr) {
      imported_.losses.push_back({.rule = rule->pattern.ToString(),
                                  .what = "without trusted_ca no path is checked there; here it is",
                                  .severity = Severity::kStricter,
                                  .line = source_.Line(context.offset)});
    }
    Result<void> added = AddPins(context, "verify_certificate_spki", PinKind::kSpki, *rule);
    if (added) added = AddPins(context, "verify_certificate_hash", PinKind::kCert, *rule);
    if (!added) return added;
    TakeRule(imported_, *std::move(rule));
    return Ok();
  }

  Result<void> AddPins(const YamlNode& context, std::string_view key, PinKind kind,
                       HostRule& rule) {
    const YamlNode* pins = context.Find(key);
    if (pins == nullptr) return Ok();
    for (const YamlNode& pin : pins->items) {
      const std::size_t before = rule.pins.size();
      Result<void> added =
          source_.AddPin(rule, pin.text, pin.offset, imported_.losses, PinPlace::kLeaf);
      if (!added) return added;
      if (rule.pins.size() > before) rule.pins.back().pin.kind = kind;
    }
    return Ok();
  }

  const SourceText& source_;
  ImportedPolicy imported_;
};

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const Result<SourceText> source = SourceText::Open(files.front());
  if (!source) return source.error();
  const Result<YamlNode> root = ParseYaml(*source);
  if (!root) return root.error();
  Walker walker(*source);
  if (Result<void> walked = walker.Walk(*root, nullptr, nullptr); !walked) return walked.error();
  return std::move(walker).Take();
}

bool Recognizes(std::span<const InputFile> files) {
  const std::string_view text = AsText(files.front().bytes);
  return text.find("verify_certificate_spki") != std::string_view::npos ||
         text.find("verify_certificate_hash") != std::string_view::npos;
}

void WriteList(const PlanRule& rule, PinKind kind, std::string& text) {
  bool first = true;
  for (const PolicyPin& pin : rule.pins) {
    if (pin.pin.kind != kind) continue;
    if (std::exchange(first, false)) {
      text += kind == PinKind::kSpki ? "            verify_certificate_spki:\n"
                                     : "            verify_certificate_hash:\n";
    }
    const std::string value =
        kind == PinKind::kSpki ? FormatPinBase64(pin.pin.digest) : EncodeHex(pin.pin.digest.bytes);
    const std::string comment = PinComment(pin);
    text += "            - \"" + value + "\"" + (comment.empty() ? "\n" : "  # " + comment + "\n");
  }
}

void WriteCluster(const PlanRule& rule, std::uint16_t port, std::string& text) {
  const std::string host(rule.pattern.base().text());
  const bool is_ip = rule.pattern.base().is_ip();
  const std::string name = host + ":" + std::to_string(port);
  text += "  - name: \"" + name +
          "\"\n    type: STRICT_DNS\n    load_assignment:\n      cluster_name: \"" + name +
          "\"\n      endpoints:\n      - lb_endpoints:\n        - endpoint:\n            address:\n"
          "              socket_address: {address: \"" +
          host + "\", port_value: " + std::to_string(port) +
          "}\n    transport_socket:\n      name: envoy.transport_sockets.tls\n"
          "      typed_config:\n        \"@type\": type.googleapis.com/"
          "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\n";
  if (!is_ip) text += "        sni: \"" + host + "\"\n";
  text +=
      "        common_tls_context:\n          validation_context:\n"
      "            trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}\n"
      "            match_typed_subject_alt_names:\n            - san_type: ";
  text += is_ip ? "IP_ADDRESS" : "DNS";
  text += "\n              matcher: {exact: \"" + host + "\"}\n";
  WriteList(rule, PinKind::kSpki, text);
  WriteList(rule, PinKind::kCert, text);
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  Result<Plan> plan = MakePlan(
      policy,
      {.hosts = Hosts::kNames, .places = Places::kLeafOnly, .ports = true, .cert_pins = true},
      options);
  if (!plan) return plan.error();
  std::string text =
      CommentBlock(policy, options, "envoy", "# ") + "static_resources:\n  clusters:\n";
  for (const PlanRule& rule : plan->rules) {
    if (rule.ports.empty()) {
      plan->Lose(rule.source->pattern.ToString(), Severity::kEnforcement,
                 "a cluster is for one port: 443 alone is written");
      WriteCluster(rule, 443, text);
    }
    for (const std::uint16_t port : rule.ports) WriteCluster(rule, port, text);
  }
  plan->Lose("", Severity::kNote,
             "a cluster pins what is routed to it: other clusters for the same host are not "
             "covered");
  return Exported{std::move(text), std::move(plan->losses)};
}

}  // namespace

extern const Format kEnvoyFormat;
const Format kEnvoyFormat{.name = "envoy",
                          .summary = "Envoy's upstream TLS, a cluster for each host",
                          .recognizes = Recognizes,
                          .read = Read,
                          .write = Write};

}  // namespace cotter::formats
