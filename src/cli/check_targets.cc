// SPDX-License-Identifier: Apache-2.0
#include "cli/check_targets.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "cli/policy_input.h"
#include "formats/key_material.h"
#include "probe/judge.h"
#include "tls/judge.h"

namespace cotter::cli {
namespace {

// PolicyFor is the policy that decides for `target`: that of the file, or one of a single rule with
// the pins of the command line.
Result<std::shared_ptr<const PolicyIndex>> PolicyFor(const Endpoint& target,
                                                     const Judging& judging) {
  if (judging.source == RuleSource::kPolicyFile) return judging.policy;
  const bool pinned = judging.source == RuleSource::kPins;
  Result<LoadedPolicy> made = PolicyOfPins(
      pinned ? std::span<const Digest>(judging.pins) : std::span<const Digest>(), target.host);
  if (!made) return made.error();
  return std::make_shared<const PolicyIndex>(std::move(made->index));
}

// Answer is what a row tells, from a chain of a file or from a connection.
struct Answer {
  const Verdict& verdict;
  std::optional<Code> code;
  std::string message;  // why it is refused or reported; empty otherwise
  std::vector<Digest> found;
};

Answer AnswerOf(const tls::Judgement& judgement) {
  return Answer{judgement.verdict, judgement.code(), judgement.message(),
                FoundPins(judgement.verification.paths())};
}

Answer AnswerOf(const tls::ConnectionRecord& record) {
  const bool reported = record.verdict.outcome == Outcome::kReported;
  return Answer{record.verdict, record.code ? record.code : record.verdict.code(),
                reported ? BadPinMessage(record.found) : record.message, record.found};
}

// MessageOf is one short line for people.
std::string MessageOf(const Answer& answer) {
  if (!answer.message.empty()) return answer.message;
  if (answer.code) {
    const auto codes = AllCodes();
    const auto info = std::ranges::find(codes, *answer.code, &CodeInfo::code);
    if (info != codes.end()) return std::string(info->summary);
  }
  if (!answer.verdict.match) return {};
  const std::size_t index = answer.verdict.match->cert_index;
  return index == 0
             ? "a pin matches the leaf"
             : "a pin matches certificate " + std::to_string(index) + " of the verified path";
}

// ReasonsOf is everything that bore on the verdict, what explains it best first. That no path
// verified is no news beside why.
std::vector<Code> ReasonsOf(const Answer& answer) {
  std::vector<Code> codes;
  if (answer.code) codes.push_back(*answer.code);
  for (const Reason reason : answer.verdict.reasons.List()) {
    if (reason == Reason::kNoVerifiedPath && answer.code) continue;
    if (std::ranges::find(codes, CodeOf(reason)) == codes.end()) codes.push_back(CodeOf(reason));
  }
  return codes;
}

// NotesOf tells apart what has one code.
std::vector<std::string> NotesOf(const ReasonSet& reasons) {
  std::vector<std::string> notes;
  if (reasons.Has(Reason::kCaPinMissing)) {
    notes.emplace_back("the leaf is pinned, but no CA of the same path, and the rule wants both");
  }
  if (reasons.Has(Reason::kLeafPinMissing)) {
    notes.emplace_back(
        "a CA is pinned, but not the leaf of the same path, and the rule wants both");
  }
  return notes;
}

// PolicyNameOf is what a row says of the policy; nullopt where there is no file that names one.
std::optional<CheckRow::PolicyName> PolicyNameOf(const PolicyIndex& policy,
                                                 const Judging& judging) {
  if (judging.source != RuleSource::kPolicyFile) return std::nullopt;
  return CheckRow::PolicyName{.name = std::string(policy.name()), .version = policy.version()};
}

CheckRow RowOf(const std::string& target, Answer answer, const PolicyIndex& policy,
               const Judging& judging) {
  CheckRow row;
  row.target = target;
  row.verdict = NameOf(answer.verdict.outcome);
  row.code = answer.code;
  row.message = MessageOf(answer);
  row.reasons = ReasonsOf(answer);
  row.notes = NotesOf(answer.verdict.reasons);
  if (const auto& rule = answer.verdict.rule) {
    row.rule = rule->pattern();
    row.pinned = MissedPins(answer.verdict);
  }
  if (answer.verdict.match) {
    row.matched = CheckRow::Match{.pin = answer.verdict.match->pin.digest,
                                  .index = answer.verdict.match->cert_index};
  }
  row.found = std::move(answer.found);
  row.policy = PolicyNameOf(policy, judging);
  return row;
}

}  // namespace

Result<std::shared_ptr<const PolicyIndex>> ReadPolicyFile(const std::string& path) {
  Result<PolicyIndex> index = OpenPolicy(path);
  if (!index) return index.error();
  return std::make_shared<const PolicyIndex>(*std::move(index));
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

Result<void> CheckRules(const net::Target& target, const Judging& judging) {
  const auto policy = PolicyFor(Endpoint{target.host, target.port}, judging);
  if (!policy) return policy.error();
  return Ok();
}

CheckRow CheckChain(const net::Target& target, const PresentedChain& chain,
                    const Judging& judging) {
  const std::string name = net::FormatTarget(target);
  const Endpoint endpoint{target.host, target.port};
  const auto policy = PolicyFor(endpoint, judging);
  if (!policy) return RowWithoutVerdict(name, {}, policy.error());
  const tls::Judgement judgement =
      tls::JudgeChain(**policy, endpoint, *judging.trust, judging.now, chain);
  return RowOf(name, AnswerOf(judgement), **policy, judging);
}

CheckRow CheckServer(const net::Target& target, const ConnectionOptions& options,
                     const Judging& judging) {
  const std::string name = net::FormatTarget(target);
  const Endpoint endpoint{target.host, target.port};
  const auto policy = PolicyFor(endpoint, judging);
  if (!policy) return RowWithoutVerdict(name, {}, policy.error());
  const auto enforcer =
      tls::Enforcer::Create({.policy = HoldPolicy(*policy), .trust = judging.trust, .now = {}});
  const auto without_verdict = [&](const std::string& peer, const Error& error) {
    CheckRow row = RowWithoutVerdict(name, peer, error);
    row.policy = PolicyNameOf(**policy, judging);
    return row;
  };
  if (!enforcer) return without_verdict({}, enforcer.error());
  probe::JudgeOptions judge_options{
      .connect = options.connect, .sni = std::nullopt, .timeout = options.timeout};
  if (options.sni) judge_options.sni = options.sni->text();
  const auto judged = probe::JudgeServer(target, *enforcer, judge_options);
  if (!judged) return without_verdict({}, judged.error());
  std::optional<CheckRow> worst;
  for (const probe::JudgedPeer& peer : *judged) {
    CheckRow row = peer.record ? RowOf(name, AnswerOf(*peer.record), **policy, judging)
                               : without_verdict(peer.peer, *peer.error);
    row.peer = peer.peer;
    row.tls = peer.tls_version;
    if (!worst || IsWorse(row, *worst)) worst = std::move(row);
  }
  COTTER_CHECK(worst.has_value());
  return std::move(*worst);
}

}  // namespace cotter::cli
