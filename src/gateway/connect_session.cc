// SPDX-License-Identifier: Apache-2.0
#include "gateway/connect_session.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "gateway/failure.h"

namespace cotter::gateway {
namespace {

using base::Level;
using base::WriteLog;

using net::IoState;
using net::http::HeadScanner;

constexpr std::string_view kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

// AuthorityOf is the target of a CONNECT request line; empty for any other line.
std::string_view AuthorityOf(std::string_view line) {
  constexpr std::string_view kMethod = "CONNECT ";
  constexpr std::string_view kVersion = " HTTP/1.1";
  if (!line.starts_with(kMethod) || !line.ends_with(kVersion) ||
      line.size() <= kMethod.size() + kVersion.size()) {
    return {};
  }
  return line.substr(kMethod.size(), line.size() - kMethod.size() - kVersion.size());
}

}  // namespace

ConnectSession::ConnectSession(Context& context, Route& route, SessionSet& set, net::Socket client)
    : Session(context, route, set),
      client_(std::move(client)),
      timer_(context.loop.timers(), [this] { Guarded([this] { OnTimeout(); }); }),
      in_(context.blocks),
      server_handler_(*this),
      self_(std::make_shared<ConnectSession*>(this)),
      up_(context.blocks),
      down_(context.blocks) {}

void ConnectSession::Start() {
  auto watch = context_.loop.WatchFor(client_.fd(), *this);
  if (!watch) return End();
  watch_ = *std::move(watch);
  timer_.ArmAt(context_.loop.now() + context_.timeouts.header);
}

void ConnectSession::OnEnd() noexcept {
  *self_ = nullptr;
  watch_.End();
  server_watch_.End();
  timer_.Cancel();
  if (phase_ != Phase::kTunnel) return;
  try {
    WriteLog(Level::kInfo, "tunnel_ended",
             {{"route", route_.config.name},
              {"server", server_name_},
              {"sent", static_cast<std::int64_t>(up_.moved())},
              {"received", static_cast<std::int64_t>(down_.moved())}});
  } catch (const std::bad_alloc&) {  // it ends without a word
    return;
  }
}

void ConnectSession::OnAbort() noexcept {
  if (phase_ != Phase::kTunnel) return;
  client_.ResetOnClose();
  server_->ResetOnClose();
}

void ConnectSession::OnReady(net::Readiness ready) {
  client_.NoteReady(ready);
  if (ready.failed) return Abort();
  Guarded([this] { Go(); });
}

void ConnectSession::Go() {
  if (phase_ == Phase::kHead) ReadHead();
  if (has_ended()) return;
  if (phase_ == Phase::kReply) SendReply();
  if (phase_ == Phase::kTunnel) PumpTunnel();
}

void ConnectSession::ReadHead() {
  for (;;) {
    const net::IoResult read = client_.Read(in_.space());
    if (read.state == IoState::kWouldBlock) return;
    if (read.state != IoState::kDone) return End();
    in_.Commit(read.count);
    const auto state = scanner_.Scan(in_.view(), context_.limits.head);
    if (state == HeadScanner::State::kIncomplete) continue;
    if (state != HeadScanner::State::kComplete) {
      return Refuse(400, "MALFORMED_HEAD", "the request's head is not HTTP/1.1");
    }
    break;
  }
  // RFC 9110, 9.3.6: it has no content. Whoever takes what follows for content and whoever takes it
  // for the tunnel's first bytes would not agree.
  for (const net::http::Field& field : scanner_.fields()) {
    if (field.known == net::http::FieldName::kContentLength ||
        field.known == net::http::FieldName::kTransferEncoding) {
      return Refuse(400, "AMBIGUOUS_FRAMING", "CONNECT has no content");
    }
  }
  const std::string_view authority = AuthorityOf(scanner_.first_line());
  if (authority.empty()) return Refuse(405, "METHOD_NOT_ALLOWED", "CONNECT alone is served here");
  const auto asked = net::ParseTarget(authority, 443);
  const auto& allow = route_.config.allow;
  const auto found = std::ranges::find_if(allow, [&](const net::Target& one) {
    return asked && one.host == asked->host && one.port == asked->port;
  });
  if (found == allow.end()) {
    return Refuse(403, "NOT_ALLOWED", "no tunnel leads there: see `allow` in the route");
  }
  // What follows the head is the client's first bytes for the server.
  in_.Consume(scanner_.size());
  if (!in_.empty()) up_.Put(in_.view());
  in_.Release();
  Open(*found);
}

void ConnectSession::Open(const net::Target& target) {
  server_name_ = net::FormatTarget(target);
  phase_ = Phase::kConnecting;
  timer_.ArmAt(context_.loop.now() + context_.timeouts.connect);
  context_.resolver.LookUp(target.lookup_name, target.port, net::Family::kAny,
                           context_.timeouts.connect,
                           [self = self_](const Result<std::vector<net::Address>>& found) {
                             if (*self == nullptr) return;
                             ConnectSession& session = **self;
                             session.Guarded([&] { session.OnAddresses(found); });
                           });
}

void ConnectSession::OnAddresses(const Result<std::vector<net::Address>>& found) {
  // The time-out has answered already.
  if (phase_ != Phase::kConnecting) return;
  if (!found) {
    const Failure failure = FailureOf(found.error());
    return Refuse(failure.status, failure.code, failure.message);
  }
  addresses_ = *found;
  TryNext();
}

void ConnectSession::TryNext() {
  Error last{Code::kDnsFailed, "the name has no address"};
  while (next_address_ < addresses_.size()) {
    server_watch_.End();
    Result<net::Socket> started = net::StartConnect(addresses_[next_address_++]);
    if (!started) {
      last = started.error();
      continue;
    }
    connecting_ = *std::move(started);
    auto watch = context_.loop.WatchFor(connecting_.fd(), server_handler_);
    if (!watch) return End();
    server_watch_ = *std::move(watch);
    return;
  }
  const Failure failure = FailureOf(last);
  Refuse(failure.status, failure.code, failure.message);
}

void ConnectSession::OnServerReady(net::Readiness ready) {
  if (phase_ == Phase::kConnecting && ready.write) {
    const auto connected = net::FinishConnect(connecting_, addresses_[next_address_ - 1]);
    if (!connected && next_address_ < addresses_.size()) return TryNext();
    if (!connected) {
      const Failure failure = FailureOf(connected.error());
      return Refuse(failure.status, failure.code, failure.message);
    }
    return BeginTunnel(ready);
  }
  if (phase_ != Phase::kTunnel) return;
  server_->NoteReady(ready);
  PumpTunnel();
}

void ConnectSession::BeginTunnel(net::Readiness ready) {
  server_.emplace(std::move(connecting_));
  server_->NoteReady(ready);
  phase_ = Phase::kTunnel;
  ++route_.counters->requests[200];
  down_.Put(AsBytes(kEstablished));
  WriteLog(Level::kInfo, "tunnel",
           {{"route", route_.config.name},
            {"server", server_name_},
            {"verified", "no: TLS is between the client and the server"}});
  timer_.ArmAt(context_.loop.now() + context_.timeouts.session);
  PumpTunnel();
}

void ConnectSession::PumpTunnel() {
  const Pipe::State up = up_.Pump(client_, *server_);
  const Pipe::State down = down_.Pump(*server_, client_);
  const auto failed = [](Pipe::State state) {
    return state == Pipe::State::kFromFailed || state == Pipe::State::kToFailed;
  };
  if (failed(up) || failed(down)) return Abort();
  if (up == Pipe::State::kEnded && down == Pipe::State::kEnded) return End();
  if (up == Pipe::State::kTurn || down == Pipe::State::kTurn) watch_.AskTurn();
}

void ConnectSession::Refuse(int status, std::string_view code, const std::string& message) {
  ++route_.counters->requests[status];
  WriteLog(Level::kWarning, "tunnel_refused",
           {{"route", route_.config.name}, {"code", code}, {"message", message}});
  reply_ = FailureResponse({status, std::string(code), message}, true, false);
  phase_ = Phase::kReply;
  timer_.ArmAt(context_.loop.now() + context_.timeouts.header);
  SendReply();
}

void ConnectSession::SendReply() {
  while (reply_sent_ < reply_.size()) {
    const net::IoResult written = client_.Write(AsBytes(reply_).subspan(reply_sent_));
    if (written.state == IoState::kWouldBlock) return;
    if (written.state != IoState::kDone) return End();
    reply_sent_ += written.count;
  }
  End();
}

void ConnectSession::OnTimeout() {
  if (phase_ == Phase::kConnecting) {
    return Refuse(504, "CONNECT_TIMEOUT", "connecting: no answer in time");
  }
  const std::uint64_t moved = up_.moved() + down_.moved();
  if (phase_ != Phase::kTunnel || moved == seen_) return End();
  seen_ = moved;
  timer_.ArmAt(context_.loop.now() + context_.timeouts.session);
}

}  // namespace cotter::gateway
