// SPDX-License-Identifier: Apache-2.0
#include "gateway/http_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "gateway/failure.h"
#include "gateway/http_fields.h"

namespace cotter::gateway {
namespace {

using net::IoResult;
using net::IoState;
using net::http::HeadScanner;

// What one session may move before others get their turn.
constexpr std::size_t kBytesInATurn = std::size_t{1} << 20;

// What counts as progress of a client in one body time-out: who sends a byte now and then does not
// keep a connection to the server.
constexpr std::uint64_t kLeastWindowBytes = 1024;

// How long, and for how many bytes, a client that was answered early may go on sending.
constexpr std::chrono::seconds kDiscardTime{2};
constexpr std::uint64_t kDiscardBytes = std::uint64_t{1} << 20;

// The first bytes of a body leave in the record of their head, where they fit in one.
constexpr std::size_t kMaxFirstBody = 12'288;

}  // namespace

HttpSession::HttpSession(Context& context, Route& route, SessionSet& set, net::Socket client)
    : Session(context, route, set),
      client_(std::move(client)),
      timer_(context.loop.timers(), [this] { Guarded([this] { OnTimeout(); }); }),
      in_(context.blocks),
      upstream_in_(context.blocks) {}

void HttpSession::Start() {
  auto watch = context_.loop.WatchFor(client_.fd(), *this);
  if (!watch) return End();
  watch_ = *std::move(watch);
  // The first request is due in the time of a head.
  timer_.ArmAt(context_.loop.now() + context_.timeouts.header);
}

void HttpSession::Drain() {
  keep_alive_ = false;
  if (phase_ != Phase::kHead) return;
  // What has arrived and was not read yet is still served, and so is the first request of a client
  // that has just connected: an end would be a reset to somebody who did nothing wrong.
  client_.NoteReady({.read = true});
  Guarded([this] { Pump(); });
  if (!has_ended() && phase_ == Phase::kHead && in_.empty() && was_served_) End();
}

void HttpSession::OnEnd() noexcept {
  watch_.EndWithDescriptor();
  timer_.Cancel();
  if (phase_ == Phase::kAcquire) route_.upstream->Cancel(*this);
  DropUpstream();
}

void HttpSession::OnAbort() noexcept {
  const bool begun = response_begun_ || interim_responses_ > 0;
  if (phase_ == Phase::kExchange && begun) client_.ResetOnClose();
}

void HttpSession::DropUpstream() {
  if (upstream_ != nullptr) route_.upstream->Release(std::move(upstream_), AfterUse::kClose);
  upstream_in_.Release();
  response_ready_ = 0;
}

void HttpSession::OnReady(net::Readiness ready) {
  client_.NoteReady(ready);
  // A reset, or both directions closed: nobody is there to be answered.
  if (ready.failed) return End();
  Guarded([this] { Pump(); });
}

void HttpSession::OnUpstreamReady() {
  Guarded([this] { Pump(); });
}

void HttpSession::OnConnected(std::unique_ptr<UpstreamConnection> connection) {
  upstream_ = std::move(connection);
  phase_ = Phase::kExchange;
  to_upstream_sent_ = 0;
  request_broken_ = false;
  last_progress_ = context_.loop.now();
  window_bytes_ = 0;
  timer_.ArmAt(context_.loop.now() + std::min(context_.timeouts.response, context_.timeouts.body));
  Guarded([this] { Pump(); });
}

void HttpSession::OnConnectFailed(const Failure& failure) {
  Guarded([this, &failure] {
    Reply(failure);
    Pump();
  });
}

void HttpSession::OnNoMemory() noexcept {
  Guarded([this] {
    Reply({503, "NO_MEMORY", "there is no memory for a connection to the server"});
    Pump();
  });
}

void HttpSession::Pump() {
  if (is_pumping_ || has_ended()) return;
  is_pumping_ = true;
  Step step = Step::kProgress;
  moved_ = 0;
  while (step == Step::kProgress && !has_ended() && moved_ < kBytesInATurn) {
    switch (phase_) {
      case Phase::kHead:
        step = PumpHead();
        break;
      case Phase::kAcquire:
        step = Step::kBlocked;
        break;
      case Phase::kExchange:
        step = PumpExchange();
        break;
      case Phase::kReply:
        step = PumpReply();
        break;
      case Phase::kDiscard:
        step = PumpDiscard();
        break;
    }
  }
  is_pumping_ = false;
  if (step == Step::kProgress && !has_ended()) watch_.AskTurn();
}

HttpSession::Step HttpSession::PumpHead() {
  for (;;) {
    if (!in_.empty()) {
      switch (scanner_.Scan(in_.view(), context_.limits.head)) {
        case HeadScanner::State::kComplete:
          BeginRequest();
          return Step::kProgress;
        case HeadScanner::State::kMalformed:
          Refuse(400, "MALFORMED_HEAD", "the request's head is not HTTP/1.1");
          return Step::kProgress;
        case HeadScanner::State::kTooLarge:
          Refuse(431, "HEAD_TOO_LARGE", "the request's head is over the limit");
          return Step::kProgress;
        case HeadScanner::State::kIncomplete:
          break;
      }
    }
    const bool was_empty = in_.empty();
    const IoResult read = client_.Read(in_.space());
    if (read.state == IoState::kWouldBlock) {
      if (was_empty) {
        in_.Release();
        MarkIdle();
      }
      return Step::kBlocked;
    }
    if (read.state != IoState::kDone) {
      End();
      return Step::kBlocked;
    }
    in_.Commit(read.count);
    if (was_empty) {
      MarkBusy();
      timer_.ArmAt(context_.loop.now() + context_.timeouts.header);
    }
  }
}

void HttpSession::BeginRequest() {
  net::http::RequestHead request;
  is_head_ = false;
  keep_alive_ = false;
  if (const auto refusal = ReadRequest(scanner_, request)) {
    return Refuse(refusal->status, refusal->code, refusal->message);
  }
  is_head_ = request.method == "HEAD";
  if (!IsOurName(request.host)) {
    return Refuse(421, "MISDIRECTED", "the gateway is not called that: see `hosts` in its route");
  }
  if (request.length > context_.limits.body) {
    return Refuse(413, "REQUEST_TOO_LARGE", "the request's body is over the limit");
  }
  may_retry_ = request.framing == net::http::Framing::kNone &&
               (is_head_ || request.method == "GET" || request.method == "PUT" ||
                request.method == "DELETE" || request.method == "OPTIONS");
  request_body_ =
      net::http::BodyReader(request.framing, request.length, net::http::Trailers::kRefused);
  AppendUpstreamHead(to_upstream_, request, scanner_.fields(), route_.upstream->target(),
                     route_.config.idle_connections > 0);
  in_.Consume(scanner_.size());
  scanner_.Reset();
  if (!AppendFirstBody()) {
    to_upstream_.clear();
    return Refuse(400, "MALFORMED_BODY", "the request's body is not framed as HTTP/1.1 has it");
  }
  if (request_body_.data() > context_.limits.body) {
    to_upstream_.clear();
    return Refuse(413, "REQUEST_TOO_LARGE", "the request's body is over the limit");
  }
  keep_alive_ = request.keep_alive && !IsDraining();
  response_begun_ = false;
  interim_responses_ = 0;
  status_ = 0;
  phase_ = Phase::kAcquire;
  // The connection has time-outs of its own; this one is for waiting until one is free.
  timer_.ArmAt(context_.loop.now() + context_.timeouts.connect + context_.timeouts.handshake +
               std::chrono::seconds(1));
  route_.upstream->Acquire(*this, Reuse::kAllowed);
}

bool HttpSession::IsOurName(std::string_view host) const {
  return IsNameOfRoute(host, route_.config, route_.bound);
}

// AppendFirstBody puts what is there of the body behind the head; false where it is malformed.
bool HttpSession::AppendFirstBody() {
  if (request_body_.done() || in_.empty()) return true;
  const std::size_t room = std::min(in_.size(), kMaxFirstBody);
  const std::size_t taken = request_body_.Take(in_.view().first(room));
  to_upstream_ += AsText(in_.view().first(taken));
  in_.Consume(taken);
  return !request_body_.malformed();
}

void HttpSession::ExpectRequest() {
  was_served_ = true;
  phase_ = Phase::kHead;
  in_.Compact();
  timer_.ArmAt(context_.loop.now() +
               (in_.empty() ? context_.timeouts.idle : context_.timeouts.header));
}

void HttpSession::Refuse(int status, std::string_view code, std::string_view message) {
  keep_alive_ = false;
  Reply({status, std::string(code), std::string(message)});
}

void HttpSession::Reply(const Failure& failure) {
  DropUpstream();
  if (!request_body_.done() || request_ready_ > 0) keep_alive_ = false;
  ++route_.counters->requests[failure.status];
  to_client_ = FailureResponse(failure, !keep_alive_, is_head_);
  to_client_sent_ = 0;
  to_upstream_.clear();
  to_upstream_sent_ = 0;
  request_ready_ = 0;
  phase_ = Phase::kReply;
  window_bytes_ = 0;
  timer_.ArmAt(context_.loop.now() + context_.timeouts.body);
}

HttpSession::Step HttpSession::PumpReply() {
  if (to_client_sent_ < to_client_.size()) return FlushToClient();
  if (!keep_alive_) {
    Discard();
    return Step::kProgress;
  }
  ExpectRequest();
  return Step::kProgress;
}

// Discard ends the client's connection so that it can still read its response: a close with unread
// bytes would be a reset.
void HttpSession::Discard() {
  phase_ = Phase::kDiscard;
  window_bytes_ = 0;
  in_.Release();
  if (client_.EndWriting() != IoState::kDone) return End();
  timer_.ArmAt(context_.loop.now() + kDiscardTime);
}

HttpSession::Step HttpSession::PumpDiscard() {
  std::array<std::uint8_t, 4096> unwanted;
  const IoResult read = client_.Read(unwanted);
  if (read.state == IoState::kWouldBlock) return Step::kBlocked;
  window_bytes_ += read.count;
  if (read.state == IoState::kDone && window_bytes_ <= kDiscardBytes) return Step::kProgress;
  End();
  return Step::kBlocked;
}

bool HttpSession::WaitsForClient() const noexcept {
  if (to_client_sent_ < to_client_.size() || response_ready_ > 0) return true;
  return !request_broken_ && to_upstream_sent_ == to_upstream_.size() && request_ready_ == 0 &&
         !request_body_.done();
}

void HttpSession::OnTimeout() {
  switch (phase_) {
    case Phase::kHead:
      if (in_.empty()) return End();
      Refuse(408, "HEADER_TIMEOUT", "the request's head took too long");
      return Pump();
    case Phase::kAcquire:
      route_.upstream->Cancel(*this);
      Reply({503, "UPSTREAM_BUSY", "no connection to the server became free in time"});
      return Pump();
    case Phase::kDiscard:
      return End();
    case Phase::kReply:
      client_.ResetOnClose();
      return End();
    case Phase::kExchange:
      break;
  }
  if (WaitsForClient()) {
    if (window_bytes_ < kLeastWindowBytes) return OnClientTooSlow();
    window_bytes_ = 0;
    return timer_.ArmAt(context_.loop.now() + context_.timeouts.body);
  }
  const auto limit = response_begun_ ? context_.timeouts.body : context_.timeouts.response;
  if (last_progress_ + limit > context_.loop.now()) return timer_.ArmAt(last_progress_ + limit);
  FailUpstream({504, "RESPONSE_TIMEOUT", "the server did not answer in time"});
  Pump();
}

void HttpSession::OnClientTooSlow() {
  if (response_begun_ || interim_responses_ > 0) {
    client_.ResetOnClose();
    return End();
  }
  Refuse(408, "BODY_TIMEOUT", "the request's body took too long");
  Pump();
}

}  // namespace cotter::gateway
