// SPDX-License-Identifier: Apache-2.0
#include "cli/check_targets.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "formats/key_material.h"
#include "policy/policy_file.h"
#include "probe/look.h"
#include "tls/judge.h"

namespace cotter::cli {
namespace {

// PolicyFor is the policy that decides for `target`: that of the file, or one of a single rule with
// the pins of the command line.
Result<std::shared_ptr<const PolicyIndex>> PolicyFor(const Endpoint& target,
                                                     const Judging& judging) {
  if (judging.source == RuleSource::kPolicyFile) return judging.policy;
  Policy policy;
  if (judging.source == RuleSource::kPins) {
    Result<HostPattern> pattern = HostPattern::Parse(target.host.text());
    if (!pattern) return pattern.error();
    HostRule rule{.pattern = std::move(*pattern)};
    for (const Digest& digest : judging.pins) {
      rule.pins.push_back(PolicyPin{.pin = Pin{.digest = digest}, .label = {}});
    }
    policy.hosts.push_back(std::move(rule));
  }
  Result<PolicyIndex> index = PolicyIndex::Build(policy);
  if (!index) return index.error();
  return std::make_shared<const PolicyIndex>(std::move(*index));
}

// MessageOf is one short line for people.
std::string MessageOf(const tls::Judgement& judgement) {
  std::string message = judgement.message();
  if (!message.empty()) return message;
  if (const std::optional<Code> code = judgement.code()) {
    const auto codes = AllCodes();
    const auto info = std::ranges::find(codes, *code, &CodeInfo::code);
    if (info != codes.end()) return std::string(info->summary);
  }
  if (!judgement.verdict.match) return {};
  const std::size_t index = judgement.verdict.match->cert_index;
  return index == 0
             ? "a pin matches the leaf"
             : "a pin matches certificate " + std::to_string(index) + " of the verified path";
}

CheckRow RowOf(const std::string& target, const tls::Judgement& judgement,
               const PolicyIndex& policy, const Judging& judging) {
  CheckRow row;
  row.target = target;
  row.verdict = NameOf(judgement.verdict.outcome);
  row.code = judgement.code();
  row.message = MessageOf(judgement);
  if (judgement.verdict.rule) row.rule = judgement.verdict.rule->pattern();
  if (judgement.verdict.match) {
    row.matched = CheckRow::Match{.pin = judgement.verdict.match->pin.digest,
                                  .index = judgement.verdict.match->cert_index};
  }
  row.found = FoundPins(judgement.verification.paths());
  if (judging.source == RuleSource::kPolicyFile) {
    row.policy =
        CheckRow::PolicyName{.name = std::string(policy.name()), .version = policy.version()};
  }
  return row;
}

CheckRow JudgeOne(const std::string& name, const Endpoint& endpoint, const PolicyIndex& policy,
                  const PresentedChain& chain, const Judging& judging) {
  const tls::Judgement judgement =
      tls::JudgeChain(policy, endpoint, *judging.trust, judging.now, chain);
  return RowOf(name, judgement, policy, judging);
}

// Worse reports that a row says more against a server than another one. A chain that is refused
// comes before an address that is silent.
bool Worse(const CheckRow& a, const CheckRow& b) noexcept {
  const auto rank = [](const CheckRow& row) {
    switch (ExitOfRow(row, Unpinned::kSatisfies)) {
      case Exit::kUsage:
        return 0;
      case Exit::kViolated:
        return 1;
      case Exit::kUndecided:
        return 2;
      case Exit::kSatisfied:
        break;
    }
    return row.verdict == NameOf(Outcome::kReported) ? 3 : row.code ? 4 : 5;
  };
  return rank(a) < rank(b);
}

}  // namespace

Result<std::shared_ptr<const PolicyIndex>> ReadPolicyFile(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, policy::kMaxPolicyFileSize);
  if (!file) return file.error();
  const Result<Policy> policy = policy::ReadPolicy(AsText(file->bytes()), path);
  if (!policy) return policy.error();
  Result<PolicyIndex> index = PolicyIndex::Build(*policy);
  if (!index) return Error{index.error().code, path + ": " + index.error().message};
  return std::make_shared<const PolicyIndex>(std::move(*index));
}

Result<PresentedChain> ReadChainFile(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path);
  if (!file) return file.error();
  PresentedChain chain;
  const auto visit = [&chain](const formats::MaterialView& item) -> Result<void> {
    const bool wanted = item.kind == formats::MaterialKind::kCertificate &&
                        chain.certificates.size() <= kMaxPathLength;
    if (wanted) chain.certificates.emplace_back(item.der.begin(), item.der.end());
    return Ok();
  };
  const Result<std::size_t> read = formats::ForEachKeyMaterial(file->bytes(), visit);
  if (!read) return Error{read.error().code, path + ": " + read.error().message};
  if (chain.certificates.empty()) {
    return Error{Code::kInputUnknown, path + ": holds no certificate"};
  }
  return chain;
}

CheckRow CheckChain(const net::Target& target, const PresentedChain& chain,
                    const Judging& judging) {
  const std::string name = net::FormatTarget(target);
  const Endpoint endpoint{target.host, target.port};
  const auto policy = PolicyFor(endpoint, judging);
  if (!policy) return NetworkRow(name, {}, policy.error());
  return JudgeOne(name, endpoint, **policy, chain, judging);
}

CheckRow CheckServer(const net::Target& target, const ConnectionOptions& options,
                     const Judging& judging) {
  const std::string name = net::FormatTarget(target);
  const Endpoint endpoint{target.host, target.port};
  const auto policy = PolicyFor(endpoint, judging);
  if (!policy) return NetworkRow(name, {}, policy.error());
  probe::LookOptions look_options{.connect = options.connect,
                                  .sni = std::nullopt,
                                  .timeout = options.timeout,
                                  .trust = judging.trust,
                                  .now = judging.now};
  if (options.sni) look_options.sni = options.sni->text();
  const Result<probe::Look> look = probe::LookAt(target, look_options);
  if (!look) return NetworkRow(name, {}, look.error());
  std::optional<CheckRow> worst;
  for (const probe::ServedChain& chain : look->chains) {
    CheckRow row = JudgeOne(name, endpoint, **policy, chain.presented, judging);
    row.peer = chain.sightings.front().peer;
    row.tls = chain.sightings.front().tls_version;
    if (!worst || Worse(row, *worst)) worst = std::move(row);
  }
  for (const probe::PeerError& failure : look->failures) {
    CheckRow row = NetworkRow(name, failure.peer, failure.error);
    if (!worst || Worse(row, *worst)) worst = std::move(row);
  }
  if (worst) return std::move(*worst);
  return NetworkRow(name, {}, Error{Code::kTlsFailed, "the server presented no certificate"});
}

}  // namespace cotter::cli
