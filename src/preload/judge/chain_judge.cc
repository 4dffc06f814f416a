// SPDX-License-Identifier: Apache-2.0
#include "preload/judge/chain_judge.h"

#include <string>
#include <vector>

#include "preload/judge/audit.h"
#include "preload/judge/candidates.h"
#include "preload/judge/ruling.h"
#include "preload/judge/state.h"
#include "tls/path_verifier.h"
#include <cotter/trust.h>

namespace cotter::preload {
namespace {

Bytes Copy(const Span& span) { return {span.data, span.data + span.size}; }

Result<std::shared_ptr<const tls::TrustStore>> TrustOf(const ChainRequest& request) {
  tls::TrustOptions options;
  options.system_roots = tls::SystemRoots::kNone;
  for (std::size_t i = 0; i < request.anchor_count; ++i) {
    options.certificates.push_back(Copy(request.anchors[i]));
  }
  return tls::TrustStore::Load(options);
}

Answer Refused(std::string_view why, const Candidates& candidates) {
  const bool report_only = TheState().settings.report_only;
  TellUndecidable(why, candidates.peer, report_only ? Action::kReported : Action::kRefused);
  return report_only ? Answer::kUnruled : Answer::kRefused;
}

Answer JudgeRequest(const ChainRequest& request) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < request.name_count; ++i) {
    names.emplace_back(reinterpret_cast<const char*>(request.names[i].data), request.names[i].size);
  }
  const Candidates candidates = FindCandidates(names, request.peer);
  PresentedChain presented;
  for (std::size_t i = 0; i < request.presented_count; ++i) {
    presented.certificates.push_back(Copy(request.presented[i]));
  }
  if (presented.certificates.empty()) {
    return RuleUnseen(candidates, "the handshake showed no certificate");
  }
  const Result<tls::ParsedChain> chain = tls::ParseChain(presented);
  if (!chain) return RuleUnseen(candidates, chain.error().message);
  std::shared_ptr<const tls::TrustStore> anchors;
  if (request.has_anchors) {
    // The program has anchors, but none that could be an issuer here: an empty store verifies
    // nothing.
    const tls::X509StorePtr empty(request.anchor_count == 0 ? X509_STORE_new() : nullptr);
    if (empty) {
      anchors = tls::TrustStore::Share(empty.get());
    } else {
      auto loaded = TrustOf(request);
      if (!loaded) return Refused(loaded.error().message, candidates);
      anchors = std::move(*loaded);
    }
  }
  return Rule(candidates,
              {.leaf = chain->leaf.get(), .presented = chain->rest.get(), .anchors = anchors.get()})
      .answer;
}

}  // namespace

Answer JudgeForeignChain(const ChainRequest* request) noexcept {
  try {
    return JudgeRequest(*request);
  } catch (...) {
    return Answer::kRefused;
  }
}

void RefuseForeign(const char* why) noexcept {
  try {
    TellUndecidable(why, {}, Action::kRefused);
  } catch (...) {
    return;  // nothing could be told, and nothing passes
  }
}

}  // namespace cotter::preload
