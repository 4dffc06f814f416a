// SPDX-License-Identifier: Apache-2.0
//
// policy show, diff and compile: what a policy says.
#include <algorithm>
#include <string>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/idna.h"
#include "base/output_file.h"
#include "cli/arguments.h"
#include "cli/emergency_view.h"
#include "cli/output.h"
#include "cli/policy_actions.h"
#include "cli/policy_input.h"
#include "cli/report.h"
#include "net/target.h"
#include "policy/policy_diff.h"
#include "policy/policy_json.h"
#include "policy/rule_choice.h"
#include "policy/words.h"

namespace cotter::cli {
namespace {

Exit Failure(std::string_view where, const Error& error) {
  ReportError(where, error);
  return Exit::kUsage;
}

std::string Ports(const HostRule& rule) {
  std::string text;
  for (const std::uint16_t port : rule.ports) {
    text += (text.empty() ? "" : ", ") + std::to_string(port);
  }
  return text.empty() ? "every port" : "ports " + text;
}

std::string Where(const HostRule& rule) {
  return rule.line == 0 ? "" : " (line " + std::to_string(rule.line) + ")";
}

// ExpiryWords is when the rule ends and what happens then.
std::string ExpiryWords(const Policy& policy, const HostRule& rule) {
  std::optional<Time> expires = rule.expires;
  if (policy.expires && (!expires || *policy.expires < *expires)) expires = policy.expires;
  if (!expires) return "never";
  const std::string_view then = policy::WordFor(policy::kOnExpiryWords, rule.on_expiry);
  return FormatTime(*expires) + ", then on_expiry = \"" + std::string(then) + "\"";
}

void PrintRule(Output& output, const Policy& policy, const HostRule& rule) {
  const auto line = [&](std::string_view key, const std::string& value) {
    output.Text("  " + std::string(key) + std::string(10 - key.size(), ' '));
    output.Field(value);
    output.Text("\n");
  };
  line("mode", std::string(policy::WordFor(policy::kModeWords, rule.mode)) + ", require " +
                   std::string(policy::WordFor(policy::kRequireWords, rule.require)) + ", " +
                   Ports(rule));
  line("expires", ExpiryWords(policy, rule));
  if (!rule.owner.empty()) line("owner", rule.owner);
  if (!rule.reason.empty()) {
    line("reason", (rule.updated ? FormatDate(*rule.updated) + ": " : "") + rule.reason);
  }
  if (rule.review) line("review", FormatDate(*rule.review));
  for (const PolicyPin& entry : rule.pins) {
    const Pin& pin = entry.pin;
    output.Text("  " + FormatPin(pin.digest) + "  " +
                std::string(policy::WordFor(policy::kPlaceWords, pin.place)) + " " +
                std::string(policy::WordFor(policy::kUseWords, pin.use)));
    if (pin.kind == PinKind::kCert) output.Text(" cert");
    if (!entry.label.empty()) output.Field("  " + entry.label);
    if (!entry.set.empty()) output.Field("  (pin set " + entry.set + ")");
    output.Text("\n");
  }
}

boost::json::object RuleJson(const HostRule& rule) {
  boost::json::array pins;
  for (const PolicyPin& entry : rule.pins) {
    boost::json::object pin{{"pin", FormatPin(entry.pin.digest)},
                            {"kind", policy::WordFor(policy::kKindWords, entry.pin.kind)},
                            {"place", policy::WordFor(policy::kPlaceWords, entry.pin.place)},
                            {"use", policy::WordFor(policy::kUseWords, entry.pin.use)},
                            {"label", entry.label}};
    if (!entry.set.empty()) pin["pin_set"] = entry.set;
    pins.push_back(std::move(pin));
  }
  boost::json::array ports;
  for (const std::uint16_t port : rule.ports) ports.push_back(port);
  return {{"rule", rule.pattern.ToString()},
          {"line", rule.line},
          {"ports", std::move(ports)},
          {"mode", policy::WordFor(policy::kModeWords, rule.mode)},
          {"require", policy::WordFor(policy::kRequireWords, rule.require)},
          {"on_expiry", policy::WordFor(policy::kOnExpiryWords, rule.on_expiry)},
          {"pins", std::move(pins)}};
}

void PrintChoiceJson(Output& output, const Endpoint& endpoint, const Policy& policy,
                     const policy::RuleChoice& choice) {
  boost::json::array others;
  for (const policy::Candidate& candidate : choice.others) {
    const HostRule& rule = policy.hosts[candidate.host];
    others.push_back(boost::json::object{
        {"rule", rule.pattern.ToString()}, {"line", rule.line}, {"why_not", candidate.why}});
  }
  boost::json::object out{{"host", endpoint.host.text()},
                          {"port", endpoint.port},
                          {"applies", nullptr},
                          {"why", choice.why},
                          {"others", std::move(others)}};
  if (choice.kind == Lookup::Kind::kRule) out["applies"] = RuleJson(policy.hosts[choice.host]);
  output.Json(out);
}

Exit ShowHost(Call call, const LoadedPolicy& loaded, const std::string& text) {
  const Result<net::Target> target = net::ParseTarget(text, 443, &base::Idna());
  if (!target) return Failure("policy show", target.error());
  const Endpoint endpoint{target->host, target->port};
  const policy::RuleChoice choice = policy::ExplainChoice(loaded.policy, loaded.index, endpoint);
  if (call.arguments.Has("json")) {
    PrintChoiceJson(call.output, endpoint, loaded.policy, choice);
    return Exit::kSatisfied;
  }
  Output& output = call.output;
  output.Styled(Style::kBold, net::FormatTarget(*target));
  output.Text("  ");
  if (choice.kind == Lookup::Kind::kRule) {
    const HostRule& rule = loaded.policy.hosts[choice.host];
    output.Field("is ruled by " + choice.why + Where(rule));
    output.Text("\n");
    PrintRule(output, loaded.policy, rule);
  } else {
    output.Field(choice.why);
    output.Text("\n");
  }
  for (const policy::Candidate& candidate : choice.others) {
    const HostRule& rule = loaded.policy.hosts[candidate.host];
    output.Field("not " + rule.pattern.ToString() + Where(rule) + ": " + candidate.why);
    output.Text("\n");
  }
  return Exit::kSatisfied;
}

Exit ShowWhole(Call call, const Policy& policy) {
  if (call.arguments.Has("json")) {
    // Canonical, so not through the JSON library: these are the bytes that are signed.
    call.output.Text(policy::WritePolicyJson(policy) + "\n");
    return Exit::kSatisfied;
  }
  Output& output = call.output;
  output.Styled(Style::kBold, policy.name.empty() ? "(no name)" : policy.name);
  output.Field("  version " + std::to_string(policy.version) + ", environment " +
               (policy.environment.empty() ? "none" : policy.environment) + ", expires " +
               (policy.expires ? FormatTime(*policy.expires) : "never"));
  output.Text("\n  " + std::to_string(policy.hosts.size()) +
              (policy.hosts.size() == 1 ? " rule" : " rules") + ", unlisted hosts: " +
              std::string(policy::WordFor(policy::kUnlistedWords, policy.unlisted)) + "\n");
  for (const HostRule& rule : policy.hosts) {
    output.Text("  ");
    output.Field(rule.pattern.ToString() + "  " +
                 std::string(policy::WordFor(policy::kModeWords, rule.mode)) + ", " + Ports(rule) +
                 ", " + std::to_string(rule.pins.size()) +
                 (rule.pins.size() == 1 ? " pin" : " pins") + Where(rule));
    output.Text("\n");
  }
  for (const EmergencyStatement& statement : policy.emergency) {
    output.Text("  emergency statement ");
    output.Field(StatementLine(statement));
    output.Text("\n");
  }
  return Exit::kSatisfied;
}

}  // namespace

Exit ShowPolicy(Call call) {
  const auto words = call.arguments.positionals();
  if (words.size() > 2) {
    ReportError("policy show: expected one HOST at most");
    ReportHint("the policy's file is named with --policy");
    return Exit::kUsage;
  }
  if (words.size() == 2 && (words[1].ends_with(".toml") || words[1].ends_with(".json"))) {
    ReportError("policy show: expected a HOST, and " + words[1] + " looks like a file");
    ReportHint("cotter policy show --policy " + words[1]);
    return Exit::kUsage;
  }
  const Result<LoadedPolicy> loaded = LoadPolicy(PolicyPathOf(call));
  if (!loaded) return Failure("", loaded.error());
  return words.size() == 1 ? ShowWhole(call, loaded->policy) : ShowHost(call, *loaded, words[1]);
}

Exit DiffPolicies(Call call) {
  const auto words = call.arguments.positionals();
  if (words.size() != 3) {
    ReportError("policy diff: expected two files, the policy in force and the one to come");
    return Exit::kUsage;
  }
  const Result<LoadedPolicy> before = LoadPolicy(words[1]);
  if (!before) return Failure("", before.error());
  const Result<LoadedPolicy> after = LoadPolicy(words[2]);
  if (!after) return Failure("", after.error());
  const auto differences = policy::ComparePolicies(before->policy, after->policy);
  if (!differences) return Failure("", differences.error());
  const bool locked_out = std::ranges::any_of(*differences, [](const policy::Difference& entry) {
    return entry.effect == policy::Effect::kLockedOut;
  });
  if (call.arguments.Has("json")) {
    boost::json::array entries;
    for (const policy::Difference& entry : *differences) {
      boost::json::object json{
          {"effect", policy::NameOf(entry.effect)}, {"hosts", nullptr}, {"words", entry.words}};
      if (!entry.hosts.empty()) json["hosts"] = entry.hosts;
      entries.push_back(std::move(json));
    }
    call.output.Json({{"differences", std::move(entries)}, {"locked_out", locked_out}});
  } else {
    if (differences->empty()) call.output.Text("no difference to any connection\n");
    for (const policy::Difference& entry : *differences) {
      const bool bad = entry.effect == policy::Effect::kLockedOut;
      call.output.Styled(bad ? Style::kBad : Style::kBold, policy::NameOf(entry.effect));
      call.output.Field((entry.hosts.empty() ? "" : "  " + entry.hosts) + "  " + entry.words);
      call.output.Text("\n");
    }
  }
  return locked_out ? Exit::kViolated : Exit::kSatisfied;
}

Exit CompilePolicy(Call call) {
  const auto output = call.arguments.Value("output");
  if (call.arguments.positionals().size() != 1 || !output) {
    ReportError("policy compile: expected --output FILE and nothing else");
    return Exit::kUsage;
  }
  const Result<LoadedPolicy> loaded = LoadPolicy(PolicyPathOf(call));
  if (!loaded) return Failure("", loaded.error());
  const Result<void> written = base::WriteOutputFile(std::string(*output), loaded->index.image());
  return written ? Exit::kSatisfied : Failure("", written.error());
}

}  // namespace cotter::cli
