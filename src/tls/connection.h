// SPDX-License-Identifier: Apache-2.0
//
// What the OpenSSL door hangs on a program's SSL_CTX and SSL. For the files of the door only. A
// context's state never changes once it is attached, so its connections may run in any threads; a
// connection belongs to the thread of its SSL.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tls/binding.h"
#include "tls/evidence.h"
#include "tls/live_connections.h"
#include "tls/openssl_ptr.h"
#include "tls/sessions.h"
#include <cotter/openssl.h>

namespace cotter::tls {

struct Enforcer::Shared {
  std::shared_ptr<PolicySource> policy;
  std::shared_ptr<const TrustStore> trust;
  std::function<Time()> now;
  std::function<void(const Violation&)> on_violation;
  Resumption resume = Resumption::kOff;

  // Of foreign contexts: what is random in them is drawn once, because drawing it for each
  // connection would cost more than judging.
  std::array<unsigned char, SSL_MAX_SID_CTX_LENGTH> session_context{};
  mutable std::atomic<std::uint64_t> connections{0};

  // Guarded by themselves.
  mutable Binder binder;
  mutable SessionStore sessions;
  mutable LiveConnections live;

  std::shared_ptr<void> subscription;  // to swaps of the policy; ends first
};

using InfoCallback = void (*)(const SSL*, int, int);
using SessionCallback = int (*)(SSL*, SSL_SESSION*);

// ContextState hangs on a prepared SSL_CTX.
struct ContextState {
  std::shared_ptr<const Enforcer::Shared> shared;  // null: prepared, and attached to nothing
  ContextOptions options;
  InfoCallback program_info = nullptr;        // the program's own, called first
  SessionCallback program_session = nullptr;  // the program's own, which keeps new sessions
};

// Connection hangs on an attached SSL.
struct Connection {
  std::shared_ptr<const Enforcer::Shared> shared;
  std::shared_ptr<const ContextState> context{};  // of its SSL_CTX, where that is attached
  Result<Endpoint> endpoint;
  std::optional<ConnectionRecord> record{};
  std::shared_ptr<const Evidence> evidence{};  // of an allowed record
  LiveConnections::Watched live{};             // once the handshake has ended well
  int socket = -1;                             // that the program named; -1: the one of its BIO
  InfoCallback program_info = nullptr;         // the program's own, called first
  bool adopted = false;  // by its context: nobody said what it is for but the SSL itself
  bool begun = false;    // the beginning of the handshake was seen
  bool unarmed = false;  // a setting for the handshake could not be made
  bool settled = false;  // the handshake that the record is of has ended
};

// ReserveIndexes is called before anything below. False where OpenSSL has no room.
[[nodiscard]] bool ReserveIndexes() noexcept;

// SelfOf is `ssl` for callbacks that are handed a const one and must act on it; null for one that
// was made before ReserveIndexes was first called.
[[nodiscard]] SSL* SelfOf(const SSL* ssl) noexcept;

// ConnectionOf is the connection of `ssl`, or null. Borrowed.
[[nodiscard]] Connection* ConnectionOf(const SSL* ssl) noexcept;

// HangOn gives `ssl` a connection in place of any it had. False where OpenSSL refuses.
[[nodiscard]] bool HangOn(SSL* ssl, std::unique_ptr<Connection> connection) noexcept;

// StateOf is the state of `context`, null where it was not prepared. Borrowed.
[[nodiscard]] const ContextState* StateOf(const SSL_CTX* context) noexcept;

// ShareState is the same to keep, null where the context is attached to nothing.
[[nodiscard]] std::shared_ptr<const ContextState> ShareState(const SSL_CTX* context) noexcept;

// HangOn gives `context` a state in place of any it had. False where OpenSSL refuses.
[[nodiscard]] bool HangOn(SSL_CTX* context, std::shared_ptr<const ContextState> state);

// Adopt is the connection of `ssl`, made now where its context is attached and it has none; null
// where nothing is attached. Allocates.
[[nodiscard]] Connection* Adopt(SSL* ssl);

// SessionContext is what libssl compares a session with.
using SessionContext = std::array<unsigned char, SSL_MAX_SID_CTX_LENGTH>;

// ForeignContext is a session context that no other connection of any process has.
[[nodiscard]] SessionContext ForeignContext(const Enforcer::Shared& shared) noexcept;

// SocketOf is the descriptor of a connection, -1 where there is none that we know.
[[nodiscard]] int SocketOf(const Connection& connection, const SSL* ssl) noexcept;

// SettingRefused is the error for a setting that OpenSSL did not take.
[[nodiscard]] Error SettingRefused(std::string_view what);

// Kill makes OpenSSL send and read nothing more on `ssl`.
void Kill(SSL* ssl) noexcept;

}  // namespace cotter::tls
