// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/attempt.h"

#include <algorithm>
#include <array>
#include <utility>

#include "net/async/socket_stream.h"
#include "net/proxy.h"
#include "net/starttls.h"

namespace cotter::probe {
namespace {

using std::chrono::steady_clock;

// The text of what a phase was busy with when its time ran out.
std::string_view Doing(Phase phase) noexcept {
  switch (phase) {
    case Phase::kResolve:
      return "resolving";
    case Phase::kConnect:
      return "connecting";
    case Phase::kPreamble:
      return "before TLS";
    case Phase::kHandshake:
      return "TLS handshake";
    case Phase::kRequest:
      return "HTTP request";
  }
  return "";
}

}  // namespace

Attempt::Attempt(net::EventLoop& loop, const Errand& errand, Done done)
    : loop_(loop),
      errand_(errand),
      done_(std::move(done)),
      timer_(loop.timers(), [this] { OnLate(); }) {}

void Attempt::Start() { Connect(); }

void Attempt::Connect() {
  const net::Address& address = errand_.route->addresses[next_address_++];
  const bool last = next_address_ == errand_.route->addresses.size();
  const std::chrono::milliseconds limit = errand_.settings->limits.connect;
  Enter(Phase::kConnect, last ? limit : limit / 2);
  Result<net::Socket> socket = net::StartConnect(address);
  if (!socket) return Fail(std::move(socket).error());
  socket_ = *std::move(socket);
  Result<net::Watch> watch = loop_.WatchFor(socket_.fd(), *this);
  if (!watch) return Fail(std::move(watch).error());
  watch_ = *std::move(watch);
}

void Attempt::OnReady(net::Readiness ready) {
  if (ended_) return;
  if (phase_ == Phase::kConnect) {
    if (ready.write || ready.failed) FinishConnect();
  } else if (!begun_) {
    DriveDialogue();
  } else {
    Drive();
  }
}

void Attempt::FinishConnect() {
  const net::Address& address = errand_.route->addresses[next_address_ - 1];
  if (Result<void> connected = net::FinishConnect(socket_, address); !connected) {
    return Fail(std::move(connected).error());
  }
  const net::ConnectOptions& connect = errand_.settings->connect;
  // The last one is spoken first.
  if (auto starttls = net::MakeStarttls(connect.starttls, errand_.target->host.text())) {
    preambles_.push_back(std::move(starttls));
  }
  if (!errand_.route->tunnel.empty()) {
    COTTER_CHECK(connect.proxy.has_value());
    preambles_.push_back(std::make_unique<net::ConnectPreamble>(errand_.route->tunnel,
                                                                connect.proxy->user_and_password));
  }
  NextDialogue();
}

void Attempt::NextDialogue() {
  if (preambles_.empty()) {
    begun_ = true;
    preamble_.reset();
    return Begin(std::move(socket_));
  }
  preamble_ = std::move(preambles_.back());
  preambles_.pop_back();
  dialogue_.emplace(*preamble_);
  unsent_ = preamble_->Opening();
  go_ahead_ = false;
  Enter(Phase::kPreamble, errand_.settings->limits.preamble);
  DriveDialogue();
}

void Attempt::DriveDialogue() {
  for (;;) {
    while (!unsent_.empty()) {
      const auto sent = socket_.TryWrite(AsBytes(unsent_));
      if (!sent) return Fail(sent.error());
      if (!*sent) return;
      unsent_.erase(0, **sent);
    }
    if (go_ahead_) return NextDialogue();
    std::array<std::uint8_t, 4096> chunk;
    const auto count = socket_.TryRead(chunk);
    if (!count) return Fail(count.error());
    if (!*count) return;
    if (**count == 0) return Fail(net::ClosedBeforeTls());
    Result<net::Dialogue::Turn> turn = dialogue_->Take(ByteView(chunk).first(**count));
    if (!turn) return Fail(std::move(turn).error());
    unsent_ = std::move(turn->send);
    go_ahead_ = turn->ready;
  }
}

void Attempt::CountTime() {
  if (entered_ == net::MonotonicTime{}) return;
  timings_[static_cast<std::size_t>(phase_)] +=
      std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - entered_);
}

void Attempt::Enter(Phase phase, std::chrono::milliseconds limit) {
  CountTime();
  phase_ = phase;
  entered_ = steady_clock::now();
  timer_.ArmAt(std::min(entered_ + limit, errand_.until));
}

void Attempt::OnLate() {
  std::string doing(Doing(phase_));
  if (phase_ == Phase::kConnect) {
    doing += " to " + errand_.route->addresses[next_address_ - 1].ToString();
  }
  Fail(Error{Code::kConnectTimeout, std::move(doing) + ": no answer in time"});
}

void Attempt::Fail(Error error) {
  if (ended_) return;
  // Of a proxy's addresses any will do.
  const bool more = next_address_ < errand_.route->addresses.size();
  if (phase_ == Phase::kConnect && more && steady_clock::now() < errand_.until) {
    watch_.End();
    socket_ = net::Socket();
    return Connect();
  }
  if (phase_ == Phase::kConnect && !errand_.route->tunnel.empty()) {
    error = Error{Code::kProxyFailed, "the proxy: " + error.message};
  }
  error_ = std::move(error);
  Release();
}

void Attempt::End() {
  if (!ended_) Release();
}

void Attempt::Release() {
  ended_ = true;
  CountTime();
  timer_.Cancel();
  watch_.End();
  socket_ = net::Socket();
  done_();
}

}  // namespace cotter::probe
