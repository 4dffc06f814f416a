// SPDX-License-Identifier: Apache-2.0
#include "gateway/tcp_session.h"

#include <utility>

namespace cotter::gateway {

TcpSession::TcpSession(Context& context, Route& route, SessionSet& set, net::Socket client)
    : Session(context, route, set),
      client_(std::move(client)),
      timer_(context.loop.timers(), [this] { Guarded([this] { OnTimeout(); }); }),
      up_(context.blocks),
      down_(context.blocks) {}

void TcpSession::Start() {
  auto watch = context_.loop.WatchFor(client_.fd(), *this);
  if (!watch) return End();
  watch_ = *std::move(watch);
  timer_.ArmAt(context_.loop.now() + context_.timeouts.connect + context_.timeouts.handshake +
               std::chrono::seconds(1));
  route_.upstream->Acquire(*this, Reuse::kForbidden);
}

void TcpSession::OnEnd() noexcept {
  watch_.End();
  timer_.Cancel();
  if (upstream_ != nullptr) {
    route_.upstream->Release(std::move(upstream_), broken_ ? AfterUse::kBreak : AfterUse::kClose);
  } else {
    route_.upstream->Cancel(*this);
  }
}

void TcpSession::OnConnected(std::unique_ptr<UpstreamConnection> connection) {
  upstream_ = std::move(connection);
  timer_.ArmAt(context_.loop.now() + context_.timeouts.session);
  Guarded([this] { Pump(); });
}

// There is no word for a refusal in bytes: a reset is what no client takes for an end.
void TcpSession::OnConnectFailed(const Failure& /*failure*/) { Break(); }

void TcpSession::OnReady(net::Readiness ready) {
  client_.NoteReady(ready);
  if (ready.failed) return Break();
  Guarded([this] { Pump(); });
}

void TcpSession::OnUpstreamReady() {
  Guarded([this] { Pump(); });
}

void TcpSession::Pump() {
  if (upstream_ == nullptr || is_pumping_ || has_ended()) return;
  is_pumping_ = true;
  const Pipe::State up = up_.Pump(client_, upstream_->stream());
  const Pipe::State down = down_.Pump(upstream_->stream(), client_);
  is_pumping_ = false;
  // What the server said before it stopped reading still arrives; the other way round there is
  // nobody to tell.
  if (down == Pipe::State::kFromFailed || down == Pipe::State::kToFailed ||
      up == Pipe::State::kFromFailed ||
      (up == Pipe::State::kToFailed && down != Pipe::State::kTurn)) {
    return Break();
  }
  if (up == Pipe::State::kEnded && down == Pipe::State::kEnded) return End();
  if (up == Pipe::State::kTurn || down == Pipe::State::kTurn) watch_.AskTurn();
}

// Neither side may take what it has for all that the other one meant to send.
void TcpSession::OnAbort() noexcept {
  broken_ = true;
  client_.ResetOnClose();
}

void TcpSession::OnTimeout() {
  const std::uint64_t moved = up_.moved() + down_.moved();
  if (upstream_ == nullptr || moved == seen_) return Break();
  seen_ = moved;
  timer_.ArmAt(context_.loop.now() + context_.timeouts.session);
}

}  // namespace cotter::gateway
