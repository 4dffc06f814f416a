// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_file.h"

#include <limits>
#include <utility>

#include "base/idna.h"
#include "policy/toml_table.h"

namespace cotter::policy {
namespace {

constexpr Word<Unlisted> kUnlisted[] = {{"pki", Unlisted::kPki}, {"refuse", Unlisted::kRefuse}};
constexpr Word<Mode> kModes[] = {
    {"enforce", Mode::kEnforce}, {"report", Mode::kReport}, {"off", Mode::kOff}};
constexpr Word<Require> kRequire[] = {{"any", Require::kAny}, {"leaf+ca", Require::kLeafAndCa}};
constexpr Word<LocalAnchors> kLocalAnchors[] = {{"enforce", LocalAnchors::kEnforce},
                                                {"refuse", LocalAnchors::kRefuse}};
constexpr Word<OnExpiry> kOnExpiry[] = {
    {"enforce", OnExpiry::kEnforce}, {"report", OnExpiry::kReport}, {"pki", OnExpiry::kPki}};
constexpr Word<PinKind> kKinds[] = {{"spki", PinKind::kSpki}, {"cert", PinKind::kCert}};
constexpr Word<PinPlace> kPlaces[] = {
    {"any", PinPlace::kAny}, {"leaf", PinPlace::kLeaf}, {"ca", PinPlace::kCa}};
constexpr Word<PinUse> kUses[] = {{"active", PinUse::kActive},
                                  {"backup", PinUse::kBackup},
                                  {"next", PinUse::kNext},
                                  {"retiring", PinUse::kRetiring},
                                  {"revoked", PinUse::kRevoked}};
constexpr Word<std::string_view> kEnvironments[] = {
    {"development", "development"}, {"staging", "staging"}, {"production", "production"}};

// Assign overwrites a default only where the file says something.
template <typename T>
void Assign(T& target, std::optional<T> value) {
  if (value) target = *std::move(value);
}

class Reader {
 public:
  explicit Reader(std::string_view file) : errors_(file) {}

  Result<Policy> Read(const toml::table& root) {
    TomlTable top(root, "the policy", errors_);
    const toml::table* header = top.Table("policy");
    if (header == nullptr) top.Fail(Code::kPolicyInvalid, "policy", "expected a [policy] table");
    if (header != nullptr) ReadHeader(*header);
    top.Array("host", [this](const toml::node& node) {
      // A file can be wrong in every line; its first error is what is told.
      if (!errors_.any()) ReadHost(node);
    });
    top.Finish();
    if (errors_.first()) return *errors_.first();
    return std::move(policy_);
  }

 private:
  void ReadHeader(const toml::table& source) {
    TomlTable table(source, "[policy]", errors_);
    Assign(policy_.name, table.String("name"));
    if (const auto environment = table.Choice("environment", kEnvironments)) {
      policy_.environment = *environment;
    }
    if (const auto version =
            table.Integer("version", 0, std::numeric_limits<std::int64_t>::max())) {
      policy_.version = static_cast<std::uint64_t>(*version);
    }
    policy_.expires = table.Date("expires");
    Assign(policy_.unlisted, table.Choice("unlisted", kUnlisted));
    Assign(policy_.partial_chain, table.Boolean("partial_chain"));
    for (const std::string& text : table.Strings("revoked")) {
      if (const auto digest = ReadDigest(table, "revoked", text)) {
        policy_.revoked.push_back(*digest);
      }
    }
    table.Finish();
  }

  void ReadHost(const toml::node& node) {
    const toml::table* source = node.as_table();
    if (source == nullptr || policy_.hosts.size() == kMaxPolicyRules) {
      errors_.Add(source == nullptr ? Code::kPolicyInvalid : Code::kPolicyTooLarge,
                  node.source().begin,
                  source == nullptr
                      ? "host: expected [[host]] tables"
                      : "expected at most " + std::to_string(kMaxPolicyRules) + " [[host]] tables");
      return;
    }
    TomlTable table(*source, "[[host]]", errors_);
    const std::optional<std::string> text = table.String("pattern");
    if (!text) {
      table.Fail(Code::kPolicyInvalid, "pattern", "expected a host such as \"api.example.com\"");
      return;
    }
    Result<HostPattern> pattern = HostPattern::Parse(*text, &base::Idna());
    if (!pattern) {
      table.Fail(pattern.error().code, "pattern", pattern.error().message);
      return;
    }
    HostRule rule{.pattern = *std::move(pattern)};
    rule.line = table.line();
    ReadDecision(table, rule);
    ReadFacts(table, rule);
    ReadPins(table, rule);
    table.Finish();
    policy_.hosts.push_back(std::move(rule));
  }

  // ReadDecision reads the keys that bear on a verdict.
  void ReadDecision(TomlTable& table, HostRule& rule) {
    table.Array("ports", [&](const toml::node& node) {
      const auto* number = node.as_integer();
      if (number == nullptr || number->get() < 1 || number->get() > 65535) {
        table.Fail(Code::kPortInvalid, "ports", "expected numbers from 1 to 65535");
        return;
      }
      rule.ports.push_back(static_cast<std::uint16_t>(number->get()));
    });
    Assign(rule.mode, table.Choice("mode", kModes));
    Assign(rule.require, table.Choice("require", kRequire));
    Assign(rule.local_anchors, table.Choice("local_anchors", kLocalAnchors));
    Assign(rule.on_expiry, table.Choice("on_expiry", kOnExpiry));
    rule.expires = table.Date("expires");
  }

  // ReadFacts reads what people keep beside a rule.
  static void ReadFacts(TomlTable& table, HostRule& rule) {
    Assign(rule.owner, table.String("owner"));
    rule.tags = table.Strings("tags");
    rule.updated = table.Date("updated");
    Assign(rule.reason, table.String("reason"));
    rule.review = table.Date("review");
  }

  void ReadPins(TomlTable& table, HostRule& rule) {
    table.Array("pins", [&](const toml::node& node) {
      const toml::table* source = node.as_table();
      if (source == nullptr) {
        errors_.Add(Code::kPolicyInvalid, node.source().begin,
                    "[[host]] pins: expected { pin = \"sha256/...\" } tables");
        return;
      }
      TomlTable pin(*source, "pins", errors_);
      PolicyPin entry;
      const std::optional<std::string> text = pin.String("pin");
      if (!text) pin.Fail(Code::kPolicyInvalid, "pin", "expected \"sha256/...\"");
      if (const auto digest = text ? ReadDigest(pin, "pin", *text) : std::nullopt) {
        entry.pin.digest = *digest;
      }
      Assign(entry.pin.kind, pin.Choice("kind", kKinds));
      Assign(entry.pin.place, pin.Choice("place", kPlaces));
      Assign(entry.pin.use, pin.Choice("use", kUses));
      Assign(entry.label, pin.String("label"));
      pin.Finish();
      rule.pins.push_back(std::move(entry));
    });
  }

  static std::optional<Digest> ReadDigest(TomlTable& table, std::string_view key,
                                          std::string_view text) {
    const Result<Digest> digest = ParsePin(text);
    if (digest) return *digest;
    table.Fail(digest.error().code, key, digest.error().message);
    return std::nullopt;
  }

  TomlErrors errors_;
  Policy policy_;
};

// TooDeepLine is the first line that could nest values deeper than a parser can take apart again:
// dotted keys make a table a dot, toml++ 3.3 bounds only the brackets, and no key or inline table
// spans lines. 0 if there is none.
std::uint32_t TooDeepLine(std::string_view text) {
  constexpr std::size_t kMaxDots = 1000;
  std::uint32_t line = 1;
  std::size_t dots = 0;
  for (const char c : text) {
    if (c == '.' && ++dots > kMaxDots) return line;
    if (c != '\n') continue;
    dots = 0;
    ++line;
  }
  return 0;
}

}  // namespace

Result<Policy> ReadPolicy(std::string_view text, std::string_view file) {
  if (text.size() > kMaxPolicyFileSize) {
    return Error{Code::kPolicyTooLarge, std::string(file) + ": expected at most " +
                                            std::to_string(kMaxPolicyFileSize) + " bytes"};
  }
  TomlErrors errors(file);
  if (const std::uint32_t line = TooDeepLine(text); line != 0) {
    errors.Add(Code::kPolicyInvalid, {line, 1}, "a line with more than 1000 dots");
    return *errors.first();
  }
  const toml::parse_result parsed = toml::parse(text, std::string(file));
  if (!parsed) {
    errors.Add(Code::kPolicyInvalid, parsed.error().source().begin,
               "not TOML: " + std::string(parsed.error().description()));
    return *errors.first();
  }
  return Reader(file).Read(parsed.table());
}

}  // namespace cotter::policy
