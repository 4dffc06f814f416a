// SPDX-License-Identifier: Apache-2.0
//
// A look by a TLS handshake, and where wanted a HEAD request after it. It collects what the server
// shows and verifies nothing: see judge_desk.h. For the loop's thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <openssl/ssl.h>

#include "net/tls_stream.h"
#include "probe/engine/attempt.h"
#include "probe/offer.h"
#include "probe/reach.h"

namespace cotter::probe {

// LookContexts is the OpenSSL contexts that all looks of an engine share, one for each offer, and
// as many for looks of an enforcer's clients. Each is made when it is first wanted.
class LookContexts {
 public:
  // MakeSsl is a client for `errand` that makes `offer`. Fails with kTlsFailed and kHostInvalid,
  // and as Enforcer::Attach does.
  [[nodiscard]] Result<net::SslPtr> MakeSsl(const Errand& errand, Offer offer,
                                            const std::string& server_name);

 private:
  std::array<SslContextPtr, 3> contexts_;
  std::array<SslContextPtr, 3> enforced_;
};

struct FreeSession {
  void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};
using SessionPtr = std::unique_ptr<SSL_SESSION, FreeSession>;

// What a look asks by ALPN (RFC 7301).
enum class Protocols : std::uint8_t {
  kNone,
  kHttp,     // HTTP/2 and HTTP/1.1
  kHttpOne,  // HTTP/1.1 alone, in which requests are made
};

// HandshakeOptions say what is offered.
struct HandshakeOptions {
  Offer offer = Offer::kAnyKey;
  std::string server_name;  // empty: none is sent
  Protocols protocols = Protocols::kNone;
  bool request = false;           // HEAD / once HTTP/1.1 is agreed, or nothing is
  bool keep_session = false;      // for a look that takes it up again
  SSL_SESSION* resume = nullptr;  // borrowed until Start returns
};

// What a handshake showed, before anybody verified it.
struct Shown {
  PresentedChain presented;
  Bytes staple;  // the OCSP response as it was sent; empty where none was
  SessionPtr session;
};

class HandshakeLook final : public Attempt {
 public:
  HandshakeLook(net::EventLoop& loop, LookContexts& contexts, const Errand& errand,
                const HandshakeOptions& options, Done done);
  ~HandshakeLook() override;

  // Of a look that has ended: its facts but for the chain and the staple, and what was shown.
  // TakeFacts and TakeShown may be called once each.
  [[nodiscard]] LookFacts TakeFacts();
  [[nodiscard]] Shown TakeShown() noexcept { return std::move(shown_); }

 protected:
  void Begin(net::Socket socket) override;
  void Drive() override;

 private:
  void Collect();
  [[nodiscard]] Result<void> TakeVerdict(const Result<void>& shaken);
  void DriveRequest();
  void Close();

  HandshakeOptions options_;
  Result<net::SslPtr> ssl_;
  std::optional<net::TlsStream> stream_;
  LookFacts facts_;
  Shown shown_;
  std::string unsent_;  // of the request
  std::string answer_;
};

}  // namespace cotter::probe
