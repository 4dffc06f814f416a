// SPDX-License-Identifier: Apache-2.0
//
// One client of a CONNECT route: a tunnel to a server of the route's list. The client speaks TLS
// with the server itself, end to end, so nothing is verified here: this is routing. For the loop's
// thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/pipe.h"
#include "gateway/session.h"
#include "net/async/socket_stream.h"
#include "net/http/head.h"

namespace cotter::gateway {

class ConnectSession final : public Session {
 public:
  ConnectSession(Context& context, Route& route, SessionSet& set, net::Socket client);

  void Start() override;
  void Drain() override {}
  void OnReady(net::Readiness ready) override;

 private:
  enum class Phase : std::uint8_t { kHead, kConnecting, kTunnel, kReply };

  // Server is the other end; its readiness is a handler of its own.
  class Server final : public net::EventHandler {
   public:
    explicit Server(ConnectSession& session) : session_(session) {}
    void OnReady(net::Readiness ready) override {
      session_.Guarded([this, ready] { session_.OnServerReady(ready); });
    }

   private:
    ConnectSession& session_;
  };

  void OnEnd() noexcept override;
  void OnAbort() noexcept override;
  void Go();
  void OnTimeout();
  void OnServerReady(net::Readiness ready);
  void OnAddresses(const Result<std::vector<net::Address>>& found);
  void ReadHead();
  void Open(const net::Target& target);
  void TryNext();
  void BeginTunnel(net::Readiness ready);
  void Refuse(int status, std::string_view code, const std::string& message);
  void SendReply();
  void PumpTunnel();

  net::SocketStream client_;
  net::Watch watch_;
  net::Timer timer_;
  Buffer in_;
  net::http::HeadScanner scanner_;
  Server server_handler_;
  net::Socket connecting_;
  std::optional<net::SocketStream> server_;
  net::Watch server_watch_;
  std::vector<net::Address> addresses_;
  std::size_t next_address_ = 0;
  std::shared_ptr<ConnectSession*> self_;  // emptied at the end, for answers that come later
  Pipe up_;
  Pipe down_;
  std::string reply_;
  std::size_t reply_sent_ = 0;
  std::string server_name_;
  std::uint64_t seen_ = 0;
  Phase phase_ = Phase::kHead;
};

}  // namespace cotter::gateway
