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

#include "tls/openssl_ptr.h"
#include <cotter/openssl.h>

namespace cotter::tls {

struct Enforcer::Shared {
  std::shared_ptr<PolicySource> policy;
  std::shared_ptr<const TrustStore> trust;
  std::function<Time()> now;
  std::function<void(const Violation&)> on_violation;

  // A session context that no other connection of any process has: what is random in it is drawn
  // once, because drawing it for each connection would cost more than judging.
  std::array<unsigned char, SSL_MAX_SID_CTX_LENGTH> session_context{};
  mutable std::atomic<std::uint64_t> connections{0};
};

using InfoCallback = void (*)(const SSL*, int, int);
using SecurityCallback = int (*)(const SSL*, const SSL_CTX*, int, int, int, void*, void*);

// ContextState hangs on a prepared SSL_CTX.
struct ContextState {
  std::shared_ptr<const Enforcer::Shared> shared;  // null: prepared, and attached to nothing
  ContextOptions options;
  InfoCallback program_info = nullptr;  // the program's own, called first
  SecurityCallback security = nullptr;  // what judged suites before
};

// Connection hangs on an attached SSL.
struct Connection {
  std::shared_ptr<const Enforcer::Shared> shared;
  std::shared_ptr<const ContextState> context{};  // where it was attached through its SSL_CTX
  Result<Endpoint> endpoint;
  std::optional<ConnectionRecord> record{};
  InfoCallback program_info = nullptr;
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

// HangOn gives `context` a state in place of any it had. False where OpenSSL refuses.
[[nodiscard]] bool HangOn(SSL_CTX* context, std::shared_ptr<const ContextState> state);

// Adopt is the connection of `ssl`, made now where its context is attached and it has none; null
// where nothing is attached. Allocates.
[[nodiscard]] Connection* Adopt(SSL* ssl);

// SettingRefused is the error for a setting that OpenSSL did not take.
[[nodiscard]] Error SettingRefused(std::string_view what);

// Kill makes OpenSSL send and read nothing more on `ssl`.
void Kill(SSL* ssl) noexcept;

}  // namespace cotter::tls
