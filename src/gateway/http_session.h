// SPDX-License-Identifier: Apache-2.0
//
// One client of an HTTP route: reads a request, gets a pinned connection, passes the request and
// the response, and begins again. Nothing of a request leaves before the connection's verdict. For
// the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "gateway/buffer.h"
#include "gateway/session.h"
#include "net/async/socket_stream.h"
#include "net/http/body.h"
#include "net/http/head.h"

namespace cotter::gateway {

class HttpSession final : public Session, private UpstreamUser {
 public:
  HttpSession(Context& context, Route& route, SessionSet& set, net::Socket client);

  void Start() override;
  void Drain() override;
  void OnReady(net::Readiness ready) override;
  void CheckTrust() override {
    if (upstream_ != nullptr && !upstream_->IsStillTrusted()) Abort();
  }

 private:
  enum class Phase : std::uint8_t {
    kHead,      // of the next request
    kAcquire,   // waiting for a connection
    kExchange,  // request and response pass
    kReply,     // a response of the gateway's own is leaving
    kDiscard,   // the client may still be sending; its bytes are not wanted
  };

  // Whether a step moved something; without progress a pump stops until the next readiness.
  enum class Step : std::uint8_t { kProgress, kBlocked };

  void OnConnected(std::unique_ptr<UpstreamConnection> connection) override;
  void OnConnectFailed(const Failure& failure) override;
  void OnUpstreamReady() override;
  void OnNoMemory() noexcept override;
  void OnEnd() noexcept override;
  void OnAbort() noexcept override;
  void OnTimeout();

  void Pump();
  Step PumpHead();
  Step PumpExchange();
  Step PumpRequest();
  Step PumpResponse();
  Step FlushToClient();
  Step ReadResponse();
  Step PumpReply();
  Step PumpDiscard();

  void BeginRequest();
  [[nodiscard]] bool IsOurName(std::string_view host) const;
  [[nodiscard]] bool AppendFirstBody();
  void TakeResponseHead();
  void FinishExchange();
  void ExpectRequest();
  void FailUpstream(Failure failure);
  void Reply(const Failure& failure);
  void Refuse(int status, std::string_view code, std::string_view message);
  void DropUpstream();
  void Discard();
  void OnClientTooSlow();
  [[nodiscard]] bool WaitsForClient() const noexcept;

  net::SocketStream client_;
  net::Watch watch_;
  net::Timer timer_;
  Buffer in_;           // from the client
  Buffer upstream_in_;  // from the server
  std::string to_client_;
  std::size_t to_client_sent_ = 0;
  std::string to_upstream_;  // kept until the response begins: a retry needs it
  std::size_t to_upstream_sent_ = 0;
  std::unique_ptr<UpstreamConnection> upstream_;

  net::http::HeadScanner scanner_;  // of requests
  net::http::HeadScanner response_scanner_;
  net::http::BodyReader request_body_;
  net::http::BodyReader response_body_;
  std::size_t request_ready_ = 0;   // bytes of in_ that belong to the body and may leave
  std::size_t response_ready_ = 0;  // bytes of upstream_in_ that do

  net::MonotonicTime last_progress_{};
  std::uint64_t window_bytes_ = 0;  // moved to or from the client since the timer was armed
  std::size_t moved_ = 0;           // in this turn of the loop
  int status_ = 0;
  std::uint8_t interim_responses_ = 0;
  Phase phase_ = Phase::kHead;
  bool is_head_ = false;         // the request's method is HEAD
  bool may_retry_ = false;       // idempotent, without a body, and not yet retried
  bool keep_alive_ = true;       // of the client's connection
  bool response_begun_ = false;  // its head was read
  bool response_keep_alive_ = false;
  bool request_broken_ = false;  // the server takes no more of the request
  bool is_pumping_ = false;
  bool was_served_ = false;  // a request
};

}  // namespace cotter::gateway
