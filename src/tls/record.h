// SPDX-License-Identifier: Apache-2.0
//
// What every door of a TLS library makes of a judgement: the record of the connection, and the word
// to the handler of violations. The functions are safe from any thread, each record for one at a
// time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tls/judge.h"
#include "tls/live_connections.h"
#include "tls/openssl_ptr.h"
#include <cotter/openssl.h>

namespace cotter::tls {

// MakeRecord is the record of a connection to `endpoint` that `judgement` under `policy` is about.
[[nodiscard]] ConnectionRecord MakeRecord(const Endpoint& endpoint,
                                          std::shared_ptr<const PolicyIndex> policy,
                                          const Judgement& judgement, std::string tls_version);

// NoteCertificates keeps in `record`, where it is a violation, what the server `presented` (leaf
// first, the stack may be null; kMaxPathLength at most) and the default path of `judgement`, which
// must still have it.
void NoteCertificates(const STACK_OF(X509) * presented, const Judgement& judgement,
                      ConnectionRecord& record);
void NoteCertificates(const PresentedChain& presented, const Judgement& judgement,
                      ConnectionRecord& record);

// MakeRefusal is the record of a connection that came to no verdict, for the reason `why`.
[[nodiscard]] ConnectionRecord MakeRefusal(const Endpoint* endpoint, Error why,
                                           std::string tls_version);

// SetVerdict puts a verdict of `policy` on kept evidence into `record`.
void SetVerdict(std::shared_ptr<const PolicyIndex> policy, const Verdict& verdict,
                ConnectionRecord& record);

// WithSource is `handler` (may be empty) for Tell, which tells `source` of mismatches first.
[[nodiscard]] std::function<void(const Violation&)> WithSource(
    std::shared_ptr<PolicySource> source, std::function<void(const Violation&)> handler);

// Tell calls `handler` (may be empty) where the record of a connection on `socket` is a violation:
// where pins, not PKI alone, are why it is refused or told of. A handler can change nothing, so
// what it throws is dropped here, before it could reach the verdict or the frames of a TLS library.
void Tell(const std::function<void(const Violation&)>& handler, const ConnectionRecord& record,
          int socket) noexcept;

// Tell does the same for a connection that a swap of the policy ended.
void Tell(const std::function<void(const Violation&)>& handler,
          const LiveConnections::Lost& lost) noexcept;

}  // namespace cotter::tls
