// SPDX-License-Identifier: Apache-2.0
//
// Verdicts as the C ABI hands them out.
#pragma once

#include <memory>

#include "capi/handles.h"
#include "tls/judge.h"
#include <cotter/client.h>
#include <cotter/report.h>

namespace cotter::capi {

// FromRecord copies the record of a connection to `peer` ("" where that is not known).
[[nodiscard]] std::unique_ptr<cotter_verdict> FromRecord(const tls::ConnectionRecord& record,
                                                         std::string peer);

// FromViolation copies a violation, judged by `policy`, which may be null.
[[nodiscard]] std::unique_ptr<cotter_verdict> FromViolation(const tls::Violation& violation,
                                                            const PolicyIndex* policy,
                                                            std::string peer);

// FromJudgement copies the judgement of a chain that was no connection's.
[[nodiscard]] std::unique_ptr<cotter_verdict> FromJudgement(const tls::Judgement& judgement,
                                                            const Endpoint& endpoint,
                                                            const PolicyIndex& policy);

// FromEvent copies an event that a client made.
[[nodiscard]] std::unique_ptr<cotter_verdict> FromEvent(const report::ViolationEvent& event);

// FromFacts copies what a client knows of the connection of a response.
[[nodiscard]] std::unique_ptr<cotter_verdict> FromFacts(const client::ConnectionFacts& facts);

}  // namespace cotter::capi
