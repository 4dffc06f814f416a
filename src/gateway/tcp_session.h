// SPDX-License-Identifier: Apache-2.0
//
// One client of a TCP route: its bytes go over a pinned connection of their own, in both
// directions, with half-closes kept. The client's bytes are not even read before the verdict. For
// the loop's thread.
#pragma once

#include <memory>

#include "gateway/pipe.h"
#include "gateway/session.h"
#include "net/async/socket_stream.h"

namespace cotter::gateway {

class TcpSession final : public Session, private UpstreamUser {
 public:
  TcpSession(Context& context, Route& route, SessionSet& set, net::Socket client);

  void Start() override;
  // Drain lets the session go on: nobody knows when it is between two things. The gateway's drain
  // time ends it.
  void Drain() override {}
  void OnReady(net::Readiness ready) override;
  void CheckTrust() override {
    if (upstream_ != nullptr && !upstream_->IsStillTrusted()) Abort();
  }

 private:
  void OnConnected(std::unique_ptr<UpstreamConnection> connection) override;
  void OnConnectFailed(const Failure& failure) override;
  void OnUpstreamReady() override;
  void OnNoMemory() noexcept override { Break(); }
  void OnEnd() noexcept override;
  void OnAbort() noexcept override;
  void OnTimeout();
  void Pump();
  void Break() noexcept { Abort(); }

  net::SocketStream client_;
  net::Watch watch_;
  net::Timer timer_;
  Pipe up_;
  Pipe down_;
  std::unique_ptr<UpstreamConnection> upstream_;
  bool broken_ = false;     // an end of the one side is none of the other
  std::uint64_t seen_ = 0;  // bytes of both directions when the timer was armed
  bool is_pumping_ = false;
};

}  // namespace cotter::gateway
