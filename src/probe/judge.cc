// SPDX-License-Identifier: Apache-2.0
#include "probe/judge.h"

#include <memory>
#include <utility>

#include "probe/ask.h"

namespace cotter::probe {

Result<std::vector<JudgedPeer>> JudgeServer(const net::Target& target,
                                            const tls::Enforcer& enforcer,
                                            const JudgeOptions& options) {
  const auto settings = OneLook(options.connect, options.sni, options.timeout);
  settings->enforcer = std::make_shared<const tls::Enforcer>(enforcer);
  // Nothing is judged but by the enforcer, which has a clock of its own.
  const Result<std::vector<HostFacts>> answers = AskAndWait({{target, settings}}, Time{});
  if (!answers) return answers.error();
  const HostFacts& host = answers->front();
  if (host.failure) return *host.failure;
  std::vector<JudgedPeer> judged;
  for (const AddressFacts& address : host.addresses) {
    if (address.passed_over) continue;
    for (const LookFacts& look : address.looks) {
      JudgedPeer peer{.peer = address.peer, .tls_version = look.version, .record = {}, .error = {}};
      if (look.record != nullptr) {
        peer.record = *look.record;
      } else {
        peer.error = look.error;
      }
      judged.push_back(std::move(peer));
    }
  }
  return judged;
}

}  // namespace cotter::probe
