// SPDX-License-Identifier: Apache-2.0
//
// One connection of the lab's server, from the accepted socket to its end: STARTTLS, handshake,
// requests, and the fault that the options ask for. Runs in one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lab/handles.h"
#include "lab/recorder.h"
#include "lab/server.h"
#include "lab/tls_setup.h"
#include "lab/wire.h"

namespace cotter::lab {

class Connection {
 public:
  // What a connection borrows from its server, which outlives it.
  struct Service {
    const ServerOptions& options;
    SSL_CTX* context;
    Recorder& recorder;
  };

  // `number` is the connection's in the recorder.
  Connection(const Service& service, std::shared_ptr<const Presentation> presentation, Wire wire,
             std::size_t number);

  // Run serves the client until the connection is over.
  void Run();

 private:
  enum class Step : std::uint8_t { kDone, kAgain, kOver };

  [[nodiscard]] bool StrikesAt(Phase phase) const {
    return service_.options.fault != Fault::kNone && service_.options.phase == phase;
  }

  void RunToTheEnd();
  [[nodiscard]] bool AwaitClientHello();
  [[nodiscard]] bool BeginTls();
  [[nodiscard]] bool Handshake();
  void NoteHandshake();
  // FinishRenegotiation reports, once, that the renegotiation is complete.
  [[nodiscard]] bool FinishRenegotiation();
  void ServeRequests();
  [[nodiscard]] bool AnswerRequests();
  void NoteData(std::size_t count, std::string_view text);

  // After an upgrade to WebSocket: one "hello" at once, and one for each message of the client.
  [[nodiscard]] bool Upgrade(std::string_view key);
  [[nodiscard]] bool SayHello();
  [[nodiscard]] bool AnswerMessages();
  [[nodiscard]] std::size_t ReadApplicationData(std::span<std::uint8_t> buffer);
  [[nodiscard]] bool WriteApplicationData(ByteView bytes);

  // Settle moves bytes between OpenSSL and the wire after an SSL_ call that returned `result`.
  [[nodiscard]] Step Settle(int result);
  [[nodiscard]] bool Flush();

  void Strike(Phase phase);
  void StrikeEndlessly(Phase phase);

  // OpenSSL's callbacks; the Connection is the SSL's app data.
  static int OnCertificateWanted(SSL* ssl, void*);
  static int OnServerName(SSL* ssl, int* alert, void*);
  static int OnClientCertificate(X509_STORE_CTX* store, void*);
  static void OnEvent(const SSL* ssl, int where, int value);

  Service service_;
  std::shared_ptr<const Presentation> presentation_;
  Wire wire_;
  std::size_t number_;
  SslHandle ssl_;
  Bytes client_hello_;    // bytes that were read before OpenSSL was asked
  Bytes first_finished_;  // the client's Finished of the first handshake
  bool handshake_done_ = false;
  bool renegotiating_ = false;  // asked for, and not complete
  bool struck_ = false;         // the fault has happened
  bool websocket_ = false;      // after an upgrade; `request_` then holds frames
  std::string request_;         // what came of the current request

  friend class ConnectionCallbacks;
};

// InstallCallbacks makes `context` tell each Connection of its handshakes.
class ConnectionCallbacks {
 public:
  static void Install(SSL_CTX* context, const ServerOptions& options);
};

}  // namespace cotter::lab
