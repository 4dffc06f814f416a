// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <new>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/upstream.h"
#include "tls/judge.h"

namespace cotter::gateway {

UpstreamConnection::UpstreamConnection(Upstream& upstream)
    : upstream_(upstream), timer_(upstream.context_.loop.timers(), [this] { OnTimeout(); }) {}

UpstreamConnection::~UpstreamConnection() = default;

void UpstreamConnection::OnReady(net::Readiness ready) {
  if (stream_ != nullptr) stream_->NoteReady(ready);
  try {
    Go(ready);
  } catch (const std::bad_alloc&) {
    upstream_.OnNoMemory(*this);
  }
}

void UpstreamConnection::Go(net::Readiness ready) {
  switch (state_) {
    case State::kResolving:
      return;
    case State::kConnecting:
      if (ready.write || ready.failed) StartTls(ready);
      return;
    case State::kShaking:
      return Shake();
    case State::kLent:
      if (user_ != nullptr) user_->OnUpstreamReady();
      return;
    case State::kIdle:
      return upstream_.OnIdleEvent(*this);
  }
}

void UpstreamConnection::OnTimeout() {
  try {
    GoOnAfterTimeout();
  } catch (const std::bad_alloc&) {
    upstream_.OnNoMemory(*this);
  }
}

void UpstreamConnection::GoOnAfterTimeout() {
  switch (state_) {
    case State::kConnecting:
      if (next_address_ < addresses_.size()) return TryNext();
      [[fallthrough]];
    case State::kResolving:
      return Fail(Error{Code::kConnectTimeout, "connecting: no answer in time"});
    case State::kShaking:
      return Fail(Error{Code::kConnectTimeout, "TLS handshake: no answer in time"});
    case State::kIdle:
      return upstream_.OnIdleEnd(*this);
    case State::kLent:
      return;
  }
}

void UpstreamConnection::Open(const std::vector<net::Address>& addresses) {
  addresses_ = addresses;
  next_address_ = 0;
  state_ = State::kConnecting;
  TryNext();
}

// TryNext connects to the next address. All share one time-out, of which each gets its part: one
// that does not answer must not use up the time of those that would.
void UpstreamConnection::TryNext() {
  Error last{Code::kDnsFailed, "the name has no address"};
  while (next_address_ < addresses_.size()) {
    watch_.End();
    const net::MonotonicTime now = upstream_.context_.loop.now();
    const auto left = static_cast<std::int64_t>(addresses_.size() - next_address_);
    timer_.ArmAt(now + std::max(connect_end_ - now, net::MonotonicTime::duration{}) / left);
    Result<net::Socket> started = net::StartConnect(addresses_[next_address_]);
    ++next_address_;
    if (!started) {
      last = started.error();
      continue;
    }
    socket_ = *std::move(started);
    Result<net::Watch> watch = upstream_.context_.loop.WatchFor(socket_.fd(), *this);
    if (!watch) return Fail(watch.error());
    watch_ = *std::move(watch);
    return;
  }
  Fail(last);
}

void UpstreamConnection::StartTls(net::Readiness ready) {
  const net::Address& address = addresses_[next_address_ - 1];
  if (ready.failed) {
    const Result<void> connected = net::FinishConnect(socket_, address);
    if (!connected && next_address_ < addresses_.size()) return TryNext();
    if (!connected) return Fail(connected.error());
  }
  enforcement_ = upstream_.context_.enforcement;
  auto stream = net::PinnedStream::Create(std::move(socket_), upstream_.tls_.get(),
                                          enforcement_->enforcer, upstream_.endpoint_);
  if (!stream) return Fail(stream.error());
  stream_ = *std::move(stream);
  stream_->NoteReady(ready);
  state_ = State::kShaking;
  timer_.ArmAt(upstream_.context_.loop.now() + upstream_.context_.timeouts.handshake);
  Shake();
}

void UpstreamConnection::Shake() {
  switch (stream_->Shake()) {
    case net::IoState::kWouldBlock:
      return;
    case net::IoState::kDone:
      return upstream_.OnOpened(*this);
    default:
      return Fail(stream_->error());
  }
}

bool UpstreamConnection::IsStillTrusted() {
  const Enforcement& in_force = *upstream_.context_.enforcement;
  if (enforcement_->trust == in_force.trust) return true;
  const Endpoint& endpoint = upstream_.endpoint_;
  const std::shared_ptr<const PolicyIndex> policy = in_force.policy->Current();
  const tls::Judgement judged =
      tls::JudgeOpen(*policy, endpoint, *in_force.store, base::Now(), stream_->ssl());
  if (judged.verdict.allowed()) return true;
  const std::optional<Code> code = judged.code();
  base::WriteLog(base::Level::kError, "connection_untrusted",
                 {{"route", upstream_.config_.name},
                  {"host", endpoint.host.text()},
                  {"port", std::int64_t{endpoint.port}},
                  {"code", code ? NameOf(*code) : std::string_view()},
                  {"message", judged.message()}});
  return false;
}

void UpstreamConnection::Fail(const Error& error) { upstream_.OnFailed(*this, error); }

}  // namespace cotter::gateway
