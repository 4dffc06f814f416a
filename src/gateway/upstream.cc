// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "base/log.h"
#include "gateway/failure.h"

namespace cotter::gateway {
namespace {

using base::Level;
using base::WriteLog;

// How long an answer of the name service is used. The system's call tells no time to live.
constexpr std::chrono::seconds kAddressesGoodFor{30};

void LogOpened(const RouteConfig& route, const net::PinnedStream& stream) {
  const tls::ConnectionRecord* const record = tls::RecordOf(stream.ssl());
  if (record == nullptr) return;
  WriteLog(Level::kInfo, "upstream_connected",
           {{"route", route.name},
            {"upstream", net::FormatTarget(*route.upstream)},
            {"outcome", NameOf(record->verdict.outcome)},
            {"tls", record->tls_version},
            {"resumed", std::int64_t{record->resumed ? 1 : 0}}});
}

// IsSilent reports that nothing was read from a connection that owes nobody a response. Session
// tickets arrive whenever the server likes; anything else ends the connection: the end, a failure,
// or bytes that nobody asked for, which would answer the next request.
bool IsSilent(net::PinnedStream& stream) {
  std::array<std::uint8_t, 1> byte{};
  return stream.Read(byte).state == net::IoState::kWouldBlock;
}

}  // namespace

Upstream::Upstream(Context& context, const RouteConfig& config, RouteCounters& counters,
                   net::TlsContext tls)
    : context_(context),
      config_(config),
      counters_(counters),
      tls_(std::move(tls)),
      endpoint_{config.upstream->host, config.upstream->port} {}

Upstream::~Upstream() = default;

void Upstream::Acquire(UpstreamUser& user, Reuse reuse) {
  while (reuse == Reuse::kAllowed && !idle_.empty()) {
    ConnectionPtr connection = std::move(idle_.back());
    idle_.pop_back();
    if (!MayBeUsed(*connection)) {
      Close(std::move(connection));
      continue;
    }
    ++counters_.reuses;
    connection->reused_ = true;
    return Lend(std::move(connection), user);
  }
  if (total_ >= config_.connections && !idle_.empty()) {
    ConnectionPtr oldest = std::move(idle_.front());
    idle_.erase(idle_.begin());
    Close(std::move(oldest));
  }
  if (total_ >= config_.connections) {
    waiting_.push_back({.user = &user, .reuse = reuse});
    return;
  }
  Connect(user);
}

void Upstream::Cancel(UpstreamUser& user) {
  std::erase_if(waiting_, [&user](const Waiting& waiting) { return waiting.user == &user; });
  // A connection that is nearly open will do for the next request.
  for (const ConnectionPtr& connection : opening_) {
    if (connection->user_ == &user) connection->user_ = nullptr;
  }
}

void Upstream::Release(ConnectionPtr connection, AfterUse after) noexcept {
  connection->user_ = nullptr;
  if (after != AfterUse::kKeep || context_.draining || !MayBeUsed(*connection)) {
    Close(std::move(connection), after);
  } else {
    Keep(std::move(connection));
  }
  ServeWaiting();
}

void Upstream::DropStale() {
  std::vector<ConnectionPtr> all;
  all.swap(idle_);
  for (ConnectionPtr& connection : all) {
    if (!context_.draining && !retired_ && MayBeUsed(*connection)) {
      idle_.push_back(std::move(connection));
    } else {
      Close(std::move(connection));
    }
  }
}

void Upstream::TakeLimits() {
  while (idle_.size() > config_.idle_connections) {
    ConnectionPtr oldest = std::move(idle_.front());
    idle_.erase(idle_.begin());
    Close(std::move(oldest));
  }
  ServeWaiting();
}

void Upstream::Retire() {
  retired_ = true;
  DropStale();
}

bool Upstream::MayBeUsed(UpstreamConnection& connection) const noexcept {
  // The trust has changed: what it says of this connection nobody knows.
  if (connection.enforcement_->trust != context_.enforcement->trust) return false;
  try {
    // Records that came with the last response wait inside OpenSSL, and no event tells of them.
    return connection.stream_->CheckUse().has_value() && IsSilent(*connection.stream_);
  } catch (const std::bad_alloc&) {  // without memory nobody knows
    return false;
  }
}

// ServeWaiting calls itself where a connection fails at once, which is no reason to go deeper for
// everyone who waits.
void Upstream::ServeWaiting() noexcept {
  if (serving_waiting_) return;
  serving_waiting_ = true;
  while (!waiting_.empty() && (!idle_.empty() || total_ < config_.connections)) {
    const Waiting next = waiting_.front();
    waiting_.pop_front();
    try {
      Acquire(*next.user, next.reuse);
    } catch (const std::bad_alloc&) {
      // It may be among those that open, and is told once.
      Cancel(*next.user);
      next.user->OnNoMemory();
    }
  }
  serving_waiting_ = false;
}

void Upstream::Connect(UpstreamUser& user) {
  opening_.push_back(std::make_unique<UpstreamConnection>(*this));
  ++total_;
  UpstreamConnection& connection = *opening_.back();
  connection.user_ = &user;
  connection.connect_end_ = context_.loop.now() + context_.timeouts.connect;
  connection.timer_.ArmAt(connection.connect_end_);
  FindAddresses(connection);
}

void Upstream::FindAddresses(UpstreamConnection& connection) {
  if (!config_.addresses.empty()) return connection.Open(config_.addresses);
  if (context_.loop.now() < addresses_good_until_) return connection.Open(addresses_);
  if (looking_up_) return;
  looking_up_ = true;
  context_.resolver.LookUp(
      config_.upstream->lookup_name, config_.upstream->port, net::Family::kAny,
      context_.timeouts.connect,
      [this](Result<std::vector<net::Address>> found) { OnAddresses(std::move(found)); });
}

void Upstream::OnAddresses(Result<std::vector<net::Address>> found) {
  looking_up_ = false;
  if (found) {
    addresses_ = *found;
    addresses_good_until_ = context_.loop.now() + kAddressesGoodFor;
  }
  std::vector<UpstreamConnection*> waiting;
  for (const ConnectionPtr& connection : opening_) {
    if (connection->state_ == UpstreamConnection::State::kResolving) {
      waiting.push_back(connection.get());
    }
  }
  for (UpstreamConnection* const connection : waiting) {
    // One of them may have ended another, by way of its user.
    const bool is_there = std::ranges::any_of(
        opening_, [&](const ConnectionPtr& one) { return one.get() == connection; });
    if (!is_there) continue;
    if (found) {
      connection->Open(addresses_);
    } else {
      OnFailed(*connection, found.error());
    }
  }
}

Upstream::ConnectionPtr Upstream::TakeOpening(UpstreamConnection& connection) {
  const auto found = std::ranges::find_if(
      opening_, [&](const ConnectionPtr& one) { return one.get() == &connection; });
  COTTER_CHECK(found != opening_.end());
  ConnectionPtr taken = std::move(*found);
  opening_.erase(found);
  return taken;
}

void Upstream::OnOpened(UpstreamConnection& connection) {
  ++counters_.handshakes;
  const tls::ConnectionRecord* const record = tls::RecordOf(connection.stream_->ssl());
  if (record != nullptr && record->resumed) ++counters_.resumed;
  if (context_.log_connections) LogOpened(config_, *connection.stream_);
  ConnectionPtr taken = TakeOpening(connection);
  UpstreamUser* const user = taken->user_;
  // The trust has changed during the handshake: the verdict was that of the old one.
  if (taken->enforcement_->trust != context_.enforcement->trust) {
    Close(std::move(taken));
    if (user != nullptr) return Connect(*user);
    return ServeWaiting();
  }
  if (user == nullptr) {
    // A look, by which also the end of the handshake leaves.
    if (MayBeUsed(*taken)) {
      Keep(std::move(taken));
    } else {
      Close(std::move(taken));
    }
    return ServeWaiting();
  }
  Lend(std::move(taken), *user);
}

void Upstream::OnFailed(UpstreamConnection& connection, const Error& error) {
  const Failure failure = FailureOf(error);
  ++counters_.upstream_errors[failure.code];
  WriteLog(Level::kWarning, "upstream_failed",
           {{"route", config_.name},
            {"upstream", net::FormatTarget(target())},
            {"code", failure.code},
            {"message", failure.message}});
  ConnectionPtr taken = TakeOpening(connection);
  UpstreamUser* const user = taken->user_;
  Close(std::move(taken));
  if (user != nullptr) user->OnConnectFailed(failure);
  ServeWaiting();
}

// OnNoMemory gives up what a handler of `connection` was at when memory ran out. Who has it in use
// has given it up already.
void Upstream::OnNoMemory(UpstreamConnection& connection) noexcept {
  const auto is_this = [&](const ConnectionPtr& one) { return one.get() == &connection; };
  if (std::ranges::any_of(idle_, is_this)) return OnIdleEnd(connection);
  if (std::ranges::none_of(opening_, is_this)) return;
  ConnectionPtr taken = TakeOpening(connection);
  UpstreamUser* const user = taken->user_;
  Close(std::move(taken));
  if (user != nullptr) user->OnNoMemory();
  ServeWaiting();
}

void Upstream::OnIdleEvent(UpstreamConnection& connection) {
  if (!IsSilent(*connection.stream_)) OnIdleEnd(connection);
}

void Upstream::OnIdleEnd(UpstreamConnection& connection) noexcept {
  const auto found = std::ranges::find_if(
      idle_, [&](const ConnectionPtr& one) { return one.get() == &connection; });
  COTTER_CHECK(found != idle_.end());
  ConnectionPtr taken = std::move(*found);
  idle_.erase(found);
  Close(std::move(taken));
}

void Upstream::Lend(ConnectionPtr connection, UpstreamUser& user) {
  connection->state_ = UpstreamConnection::State::kLent;
  connection->user_ = &user;
  connection->timer_.Cancel();
  connection->watch_.GoFirst(false);
  user.OnConnected(std::move(connection));
}

void Upstream::Keep(ConnectionPtr connection) noexcept {
  if (retired_ || idle_.size() >= config_.idle_connections) return Close(std::move(connection));
  UpstreamConnection& kept = *connection;
  try {
    idle_.push_back(std::move(connection));
  } catch (const std::bad_alloc&) {
    return Close(std::move(connection));  // it did not move
  }
  kept.state_ = UpstreamConnection::State::kIdle;
  kept.timer_.ArmAt(context_.loop.now() + context_.timeouts.pool);
  // What it says now must be known before a request is sent on it.
  kept.watch_.GoFirst(true);
}

void Upstream::Close(ConnectionPtr connection, AfterUse after) noexcept {
  --total_;
  connection->user_ = nullptr;
  connection->timer_.Cancel();
  connection->watch_.EndWithDescriptor();
  const bool was_open = connection->state_ == UpstreamConnection::State::kIdle ||
                        connection->state_ == UpstreamConnection::State::kLent;
  if (connection->stream_ != nullptr && was_open && after != AfterUse::kBreak) {
    try {
      static_cast<void>(connection->stream_->EndWriting());
    } catch (const std::bad_alloc&) {  // of the text of an error that nobody would read
      after = AfterUse::kBreak;
    }
  }
  // One of its own functions may be running.
  context_.loop.Bury(std::move(connection));
}

}  // namespace cotter::gateway
