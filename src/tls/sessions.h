// SPDX-License-Identifier: Apache-2.0
//
// Which sessions may be resumed. libssl calls no verifier on resumption, so a session is offered
// only where it carries a note of ours, its context is the binding of the connection, and what its
// handshake showed is judged again and allowed. The note is not written by i2d_SSL_SESSION, so a
// session that was in a file is dropped. Never with early data. For the OpenSSL door.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "tls/evidence.h"
#include "tls/openssl_ptr.h"
#include <cotter/pin.h>
#include <cotter/time.h>

namespace cotter::tls {

// RFC 8446 (4.6.1) lets a ticket live for seven days. A day is what most servers give, and how long
// a revocation that only a full handshake would meet can go unnoticed.
inline constexpr std::int64_t kMaxSessionAge = 24 * 60 * 60;

// Sessions that an enforcer keeps in all, and for one binding: browsers keep as many for one host.
inline constexpr std::size_t kMaxSessions = 512;
inline constexpr std::size_t kMaxSessionsPerBinding = 4;

using SessionPtr = std::unique_ptr<SSL_SESSION, FreeWith<SSL_SESSION_free>>;

// SessionNote hangs on a session, and on those that TLS 1.3 makes of it.
struct SessionNote {
  std::shared_ptr<const Evidence> evidence;
  Time created;
  Time expires;  // the earliest of the age, the certificates' end and the pins'
};

// ReserveSessionIndex is called before anything below. False where OpenSSL has no room.
[[nodiscard]] bool ReserveSessionIndex() noexcept;

// NoteOf is the note of `session` (may be null), or null. Borrowed.
[[nodiscard]] const SessionNote* NoteOf(const SSL_SESSION* session) noexcept;

// MakeNote is the note for a session whose handshake was allowed by `rule` at `now`.
[[nodiscard]] SessionNote MakeNote(std::shared_ptr<const Evidence> evidence,
                                   const std::optional<CompiledRule>& rule, Time now);

// PutNote hangs `note` on `session`. False where OpenSSL refuses; then it will not be offered.
[[nodiscard]] bool PutNote(SSL_SESSION* session, SessionNote note);

// MayResume reports that `session` (may be null) may be offered on a connection with `binding`.
[[nodiscard]] bool MayResume(SSL_SESSION* session, const Digest& binding, const PolicyIndex& policy,
                             Time now) noexcept;

// SessionStore keeps the sessions of one enforcer, in memory. Safe from any thread.
class SessionStore {
 public:
  // Add keeps `session`, which has a note and a binding as its context. What is over the bounds
  // goes, the oldest first.
  void Add(SessionPtr session, Time now);

  // Take is the newest session bound to `binding`, or null. Those of TLS 1.3 are given once, so
  // that an observer cannot link connections (RFC 8446, C.4).
  [[nodiscard]] SessionPtr Take(const Digest& binding);

 private:
  struct Entry {
    Digest binding;
    SessionPtr session;
  };

  std::mutex mutex_;
  std::deque<Entry> entries_;  // the oldest first
};

}  // namespace cotter::tls
