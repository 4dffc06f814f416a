// SPDX-License-Identifier: Apache-2.0
#include "cli/lint_live.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/sha256.h"
#include "cli/check_targets.h"
#include "cli/look_options.h"
#include "cli/policy_input.h"
#include "probe/look.h"
#include <cotter/certificate.h>

namespace cotter::cli {
namespace {

// AddPath takes the CA's ends from a verified path.
void AddPath(const std::vector<Bytes>& path, policy::LiveServer& server) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    const Result<CertificateView> view = CertificateView::Parse(path[i]);
    if (!view) continue;
    const Result<Time> begin = view->not_before();
    const Result<Time> end = view->not_after();
    if (!begin || !end) continue;
    if (i == 0) {
      server.leaf_lifetime = end->unix_seconds - begin->unix_seconds;
    } else {
      server.ca_ends.emplace_back(base::Sha256(view->spki()), *end);
    }
  }
}

void AddLook(const probe::Look& look, policy::LiveServer& server) {
  for (const probe::ServedChain& chain : look.chains) {
    for (const Bytes& der : chain.presented.certificates) {
      const Result<ByteView> spki = FindSpki(der);
      if (spki) server.served.push_back(base::Sha256(*spki));
    }
    AddPath(chain.path, server);
  }
}

// Ask adds what one server answers, for the rule number `host`.
void Ask(const net::Target& target, std::size_t host, const ConnectionOptions& options,
         const Judging& judging, LiveView& view) {
  policy::LiveServer server{.host = host, .target = net::FormatTarget(target)};
  const CheckRow row = CheckServer(target, options, judging);
  const Exit exit = ExitOfRow(row, Unpinned::kSatisfies);
  if (exit == Exit::kUndecided || exit == Exit::kUsage) {
    view.failures.push_back(
        {row.code.value_or(Code::kNetworkError), server.target + ": " + row.message});
    return;
  }
  if (exit == Exit::kViolated) {
    server.mismatch = Error{row.code.value_or(Code::kPinMismatch), row.message};
  }
  if (const auto look = probe::LookAt(target, LookOptionsOf(options, judging.trust, judging.now))) {
    AddLook(*look, server);
  }
  view.servers.push_back(std::move(server));
}

}  // namespace

Result<LiveView> LookAtPolicy(const Policy& policy, const ConnectionOptions& options, Time now) {
  Result<PolicyIndex> index = PolicyIndex::Build(policy);
  if (!index) return index.error();
  auto trust = tls::LoadTrustStore(options.trust);
  if (!trust) return trust.error();
  Judging judging;
  judging.source = RuleSource::kPolicyFile;
  judging.policy = std::make_shared<const PolicyIndex>(*std::move(index));
  judging.trust = *std::move(trust);
  judging.now = now;
  LiveView view;
  for (std::size_t i = 0; i < policy.hosts.size(); ++i) {
    const HostRule& rule = policy.hosts[i];
    if (rule.mode == Mode::kOff) continue;
    if (rule.pattern.kind() != HostPattern::Kind::kExact) {
      view.passed_over.push_back(rule.pattern.ToString());
      continue;
    }
    for (const std::string& text : TargetsOf(rule)) {
      const Result<net::Target> target = ParseTarget(text, options);
      if (!target) return target.error();
      Ask(*target, i, options, judging, view);
    }
  }
  return view;
}

}  // namespace cotter::cli
