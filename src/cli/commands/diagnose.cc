// SPDX-License-Identifier: Apache-2.0
//
// cotter diagnose: why a host, or a chain that an app received, does not satisfy a policy.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/arguments.h"
#include "cli/check_targets.h"
#include "cli/connect_options.h"
#include "cli/diagnosis.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/policy_input.h"
#include "cli/report.h"
#include "probe/gather.h"

namespace cotter::cli {
namespace {

constexpr std::string_view kHint = "'cotter help diagnose' shows what it takes";

Exit Failure(std::string_view where, const Error& error) {
  ReportError(where, error);
  return ExitOf(error.code);
}

Exit UsageFailure(std::string_view message) {
  ReportError(message);
  ReportHint(kHint);
  return Exit::kUsage;
}

std::optional<std::string_view> Misuse(const Arguments& arguments) {
  const bool cert = arguments.Has("cert");
  if (arguments.Has("policy") == arguments.Has("pin")) {
    return "diagnose: expected one of --policy and --pin";
  }
  if (!cert && arguments.positionals().empty()) return "diagnose: no TARGET and no --cert";
  if (cert && arguments.positionals().size() > 1) return "diagnose: --cert takes at most one host";
  if (arguments.Has("at") && !cert) return "diagnose: --at needs --cert: servers are judged now";
  if (arguments.Has("at") && arguments.Has("live"))
    return "diagnose: --live and --at exclude each other";
  if (arguments.Has("live") && !cert)
    return "diagnose: --live is for --cert; a TARGET is looked at anyway";
  return std::nullopt;
}

// RulesOfPins is a policy of one rule, with the pins of the command line.
Result<LoadedPolicy> RulesOfPins(const std::vector<std::string_view>& texts, const HostName& host) {
  std::vector<Digest> pins;
  for (const std::string_view text : texts) {
    const Result<Digest> pin = ParsePin(text);
    if (!pin) return Error{pin.error().code, "--pin: " + pin.error().message};
    pins.push_back(*pin);
  }
  return PolicyOfPins(pins, host);
}

// HostOf is the host that a received chain is diagnosed for where none was named: one of the leaf's
// that a rule is for, or else the only exact host of the policy.
Result<std::string> HostOf(const PresentedChain& received, const LoadedPolicy& rules) {
  if (const auto leaf = probe::SeeCertificate(received.certificates.front())) {
    for (const std::string& name : leaf->names) {
      const Result<HostName> host = HostName::Parse(name);
      if (host && rules.index.Find(*host, 443).kind == Lookup::Kind::kRule) return name;
    }
  }
  std::vector<std::string> exact;
  for (const HostRule& rule : rules.policy.hosts) {
    const bool one = rule.pattern.kind() == HostPattern::Kind::kExact && rule.mode != Mode::kOff;
    if (one) exact.emplace_back(rule.pattern.base().text());
  }
  std::sort(exact.begin(), exact.end());
  exact.erase(std::unique(exact.begin(), exact.end()), exact.end());
  if (exact.size() == 1) return exact.front();
  return Error{Code::kUsage,
               "diagnose: which host was the chain received for? name it behind the options"};
}

// Job is what all targets share.
struct Job {
  const Arguments& arguments;
  const ConnectionOptions& options;
  std::shared_ptr<const tls::TrustStore> trust;
  std::shared_ptr<const tls::TrustStore> declared;
  std::optional<PresentedChain> received;
  std::vector<Bytes> earlier;
  Time now;
};

Result<void> ReadFiles(Job& job) {
  if (const auto path = job.arguments.Value("cert")) {
    Result<PresentedChain> chain = ReadChainFile(std::string(*path));
    if (!chain) return chain.error();
    job.received = *std::move(chain);
  }
  if (const auto path = job.arguments.Value("was")) {
    Result<PresentedChain> chain = ReadChainFile(std::string(*path));
    if (!chain) return chain.error();
    job.earlier = std::move(chain->certificates);
  }
  if (const auto at = job.arguments.Value("at")) {
    const Result<Time> time = ParseTime(*at);
    if (!time) return Error{time.error().code, "--at: " + time.error().message};
    job.now = *time;
  }
  return Ok();
}

Result<void> LoadTrust(Job& job) {
  auto trust = tls::LoadTrustStore(job.options.trust);
  if (!trust) return trust.error();
  job.trust = *std::move(trust);
  if (job.options.trust.files.empty()) return Ok();
  tls::TrustOptions named;
  named.system_roots = tls::SystemRoots::kNone;
  named.files = job.options.trust.files;
  auto declared = tls::LoadTrustStore(named);
  if (!declared) return declared.error();
  job.declared = *std::move(declared);
  return Ok();
}

probe::Situation GatherOne(const Job& job, const net::Target& target, const LoadedPolicy& rules) {
  probe::LookOptions look{.connect = job.options.connect,
                          .sni = std::nullopt,
                          .timeout = job.options.timeout,
                          .trust = job.trust,
                          .now = job.now};
  if (job.options.sni) look.sni = job.options.sni->text();
  const bool live = !job.received || job.arguments.Has("live");
  const bool ask = live && !job.arguments.Has("no-fetch");
  return probe::Gather(target, live ? probe::Live::kLook : probe::Live::kDoNotLook,
                       {.look = std::move(look),
                        .declared = job.declared,
                        .policy = rules.policy,
                        .index = rules.index,
                        .received = job.received,
                        .earlier = job.earlier,
                        .resumption = job.arguments.Has("resumed") ? probe::Resumption::kResumed
                                                                   : probe::Resumption::kNotKnown,
                        .outside = ask ? probe::Outside::kAsk : probe::Outside::kLeaveAlone});
}

Exit Print(Call call, const std::vector<Diagnosis>& diagnoses) {
  Exit exit = Exit::kSatisfied;
  for (const Diagnosis& one : diagnoses) exit = MergeExits(exit, ExitOf(one));
  if (call.arguments.Has("json")) {
    PrintDiagnosisJson(call.output, diagnoses);
  } else {
    PrintDiagnosisText(call.output, diagnoses);
  }
  return exit;
}

// TargetsOf is the targets as texts: those of the command line, or the host of the received chain.
Result<std::vector<std::string>> TargetsOf(const Job& job,
                                           const std::optional<LoadedPolicy>& rules) {
  std::vector<std::string> texts(job.arguments.positionals().begin(),
                                 job.arguments.positionals().end());
  if (!texts.empty()) return texts;
  if (!rules) return Error{Code::kUsage, "diagnose: --pin with --cert needs the host"};
  Result<std::string> host = HostOf(*job.received, *rules);
  if (!host) return host.error();
  return std::vector<std::string>{*std::move(host)};
}

Exit Run(Call call, const Job& job) {
  std::optional<LoadedPolicy> shared;
  if (const auto path = call.arguments.Value("policy")) {
    Result<LoadedPolicy> rules = LoadPolicy(std::string(*path));
    if (!rules) return Failure({}, rules.error());
    shared = *std::move(rules);
  }
  const auto texts = TargetsOf(job, shared);
  if (!texts) return UsageFailure(texts.error().message);
  std::vector<net::Target> targets;
  for (const std::string& text : *texts) {
    Result<net::Target> target = ParseTarget(text, job.options);
    if (!target) return Failure(text, target.error());
    targets.push_back(*std::move(target));
  }
  // Situations borrow the rules, so those of each target live as long.
  std::vector<LoadedPolicy> own;
  own.reserve(targets.size());
  std::vector<probe::Situation> situations;
  for (const net::Target& target : targets) {
    if (!shared) {
      Result<LoadedPolicy> rules = RulesOfPins(call.arguments.Values("pin"), target.host);
      if (!rules) return Failure({}, rules.error());
      own.push_back(*std::move(rules));
    }
    situations.push_back(GatherOne(job, target, shared ? *shared : own.back()));
  }
  probe::CompareIssuers(situations);
  std::vector<Diagnosis> diagnoses;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    std::vector<probe::Cause> causes = probe::Diagnose(situations[i]);
    diagnoses.push_back(
        {net::FormatTarget(targets[i]), std::move(situations[i]), std::move(causes)});
  }
  return Print(call, diagnoses);
}

Exit RunDiagnose(Call call) {
  if (const auto misuse = Misuse(call.arguments)) return UsageFailure(*misuse);
  const Result<ConnectionOptions> options = ParseConnectionOptions(call.arguments);
  if (!options) return UsageFailure("diagnose: " + options.error().message);
  Job job{.arguments = call.arguments,
          .options = *options,
          .trust = {},
          .declared = {},
          .received = {},
          .earlier = {},
          .now = base::Now()};
  if (const Result<void> read = ReadFiles(job); !read) return Failure({}, read.error());
  if (const Result<void> loaded = LoadTrust(job); !loaded) return Failure({}, loaded.error());
  return Run(call, job);
}

constexpr Argument kArguments[] = {
    {.name = "TARGET",
     .help = "a server that fails (host, host:port, [::1]:port); with --cert, the host that the "
             "chain was received for",
     .count = Count::kAny,
     .complete = Complete::kHost}};

constexpr Option kOptions[] = {
    {.name = "policy",
     .letter = 'p',
     .arg = "FILE",
     .help = "the policy that is not satisfied",
     .complete = Complete::kFile},
    {.name = "pin",
     .arg = "PIN",
     .help = "a pin that may match anywhere in the verified path, in place of a policy",
     .repeat = Repeat::kMany},
    {.name = "cert",
     .arg = "FILE",
     .help = "diagnose the certificate or chain in FILE, leaf first, as an app received it; '-' is "
             "standard input",
     .complete = Complete::kFile},
    {.name = "live", .help = "with --cert, look at the server too, and compare"},
    {.name = "was",
     .arg = "FILE",
     .help = "a chain of the server from when all was well",
     .complete = Complete::kFile},
    {.name = "at", .arg = "TIME", .help = "diagnose --cert as of TIME, RFC 3339 (default: now)"},
    {.name = "resumed", .help = "the connection that failed had resumed a TLS session"},
    {.name = "no-fetch",
     .help = "ask the server alone: fetch no missing issuer, and leave port 80 alone"},
    kJsonOption,
};

constexpr OptionGroup kGroups[] = {{"Options", kOptions}, kConnectGroup};

constexpr Example kExamples[] = {
    {.line = "cotter diagnose --policy policy.toml api.example.com",
     .help = "why a server is refused, from here"},
    {.line = "cotter diagnose --policy policy.toml --cert received.pem",
     .help = "why an app refused what it received; nothing is connected to"},
    {.line = "cotter diagnose -p policy.toml --cert got.pem --live api.example.com",
     .help = "the same, compared with what the server shows here"},
    {.line = "cotter diagnose -p policy.toml --was last-week.pem api.example.com",
     .help = "what has changed since"},
    {.line = "cotter diagnose --json -p policy.toml HOST | jq '.targets[0].causes[0]'",
     .help = "the likeliest cause, for a script"},
};

constexpr ExitNote kExits[] = {
    {Exit::kSatisfied, "every target satisfies the policy; a cause may still be worth knowing"},
    {Exit::kViolated, "a target does not satisfy it"},
    {Exit::kUsage, "the command line, the policy or a file is not usable"},
    {Exit::kUndecided, "a server, or one of its addresses, could not be reached"},
};

}  // namespace

extern const Command kDiagnoseCommand{
    .name = "diagnose",
    .summary = "tell why a server, or what an app received, does not satisfy a policy",
    .description =
        "Prints the likely causes, best first, each with the evidence that it rests on and what to "
        "do about it, and the chain with what of it matches. The confidence is what the evidence "
        "has earned; 'cotter explain CAUSE' has a page for each cause.\n\n"
        "A server is looked at on every address, for its RSA and its ECDSA certificate, with and "
        "without server name. Where that fails it is asked for the time, a request in clear is "
        "tried, and an issuer that it left out is fetched from where the certificate says, to "
        "explain only. None of these requests carries data of yours; --no-fetch leaves out those "
        "that go elsewhere.\n\n"
        "With --cert nothing is connected to, unless --live asks for it. Without TARGET the host "
        "is the one of the certificate that a rule is for, or else the only host of the policy.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunDiagnose,
};

}  // namespace cotter::cli
