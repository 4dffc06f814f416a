// SPDX-License-Identifier: Apache-2.0
//
// What a session carries of the verdict that it began with. Resumption calls no verifier, so a
// session goes on only where the same end point is asked for, with the same trust store, before any
// certificate of the first handshake, the pins that it was held against, and what an emergency
// statement added to these have ended. The policy cannot change in a process otherwise. Marks are
// never serialised: a session from a file has none. As thread-safe as the session.
#pragma once

#include <optional>

#include "tls/openssl_ptr.h"
#include <cotter/evaluate.h>
#include <cotter/pin.h>
#include <cotter/time.h>

namespace cotter::preload {

// A session is judged anew after a day, however long its certificates hold.
inline constexpr std::int64_t kMaxSessionSeconds = 24 * 60 * 60;

// MarkSession marks `session` as one whose server was judged for `key` (Candidates::Key), when
// `chain` (may be null) from `leaf` was verified against `store`. By the policy alone the verdict
// holds until `until`. False without memory.
bool MarkSession(SSL_SESSION* session, const Digest& key, Outcome outcome, Time until,
                 X509_STORE* store, X509* leaf, const STACK_OF(X509) * chain);

// IsMarked reports that `session` was judged in this process.
[[nodiscard]] bool IsMarked(const SSL_SESSION* session);

// OutcomeOf is the verdict that `session` may go on with; nullopt where it may not.
[[nodiscard]] std::optional<Outcome> OutcomeOf(const SSL_SESSION* session, const Digest& key,
                                               const X509_STORE* store);

}  // namespace cotter::preload
