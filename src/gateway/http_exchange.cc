// SPDX-License-Identifier: Apache-2.0
//
// The part of an HTTP session where a request and its response pass.
#include <algorithm>
#include <utility>

#include "gateway/failure.h"
#include "gateway/http_fields.h"
#include "gateway/http_session.h"

namespace cotter::gateway {
namespace {

using net::IoResult;
using net::IoState;
using net::http::HeadScanner;

// A server that answers 1xx for ever is not answering.
constexpr std::uint8_t kMaxInterimResponses = 16;

}  // namespace

HttpSession::Step HttpSession::PumpExchange() {
  const Step request = PumpRequest();
  if (has_ended() || phase_ != Phase::kExchange) return Step::kProgress;
  const Step response = PumpResponse();
  return request == Step::kProgress ? request : response;
}

// PumpRequest sends the head, then the body as it comes.
HttpSession::Step HttpSession::PumpRequest() {
  if (request_broken_) return Step::kBlocked;
  const bool in_head = to_upstream_sent_ < to_upstream_.size();
  if (!in_head && request_ready_ == 0) {
    if (request_body_.done()) return Step::kBlocked;
    if (in_.empty()) {
      const IoResult read = client_.Read(in_.space());
      if (read.state == IoState::kWouldBlock) return Step::kBlocked;
      if (read.state != IoState::kDone) {
        End();
        return Step::kBlocked;
      }
      in_.Commit(read.count);
      window_bytes_ += read.count;
    }
    request_ready_ = request_body_.Take(in_.view());
    if (request_body_.malformed() || request_body_.data() > context_.limits.body) {
      if (response_begun_) {
        client_.ResetOnClose();
        End();
      } else if (request_body_.malformed()) {
        Refuse(400, "MALFORMED_BODY", "the request's body is not framed as HTTP/1.1 has it");
      } else {
        Refuse(413, "REQUEST_TOO_LARGE", "the request's body is over the limit");
      }
      return Step::kProgress;
    }
  }
  const ByteView bytes =
      in_head ? AsBytes(to_upstream_).subspan(to_upstream_sent_) : in_.view().first(request_ready_);
  const IoResult written = upstream_->stream().Write(bytes);
  if (written.state == IoState::kWouldBlock) return Step::kBlocked;
  if (written.state != IoState::kDone) {
    // The server may have answered before it stopped reading.
    request_broken_ = true;
    return Step::kProgress;
  }
  moved_ += written.count;
  last_progress_ = context_.loop.now();
  if (in_head) {
    to_upstream_sent_ += written.count;
  } else {
    in_.Consume(written.count);
    request_ready_ -= written.count;
  }
  return Step::kProgress;
}

HttpSession::Step HttpSession::PumpResponse() {
  if (to_client_sent_ < to_client_.size() || response_ready_ > 0) return FlushToClient();
  if (response_begun_ && response_body_.done()) {
    FinishExchange();
    return Step::kProgress;
  }
  if (!upstream_in_.empty()) {
    if (response_begun_) {
      response_ready_ = response_body_.Take(upstream_in_.view());
      if (!response_body_.malformed()) return Step::kProgress;
      FailUpstream({502, "BAD_RESPONSE", "the server's response is not HTTP/1.1"});
      return Step::kProgress;
    }
    switch (response_scanner_.Scan(upstream_in_.view(), {.bytes = kBlockSize, .fields = 1000})) {
      case HeadScanner::State::kComplete:
        TakeResponseHead();
        return Step::kProgress;
      case HeadScanner::State::kMalformed:
        FailUpstream({502, "BAD_RESPONSE", "the server's response is not HTTP/1.1"});
        return Step::kProgress;
      case HeadScanner::State::kTooLarge:
        FailUpstream({502, "BAD_RESPONSE", "the head of the server's response is over the limit"});
        return Step::kProgress;
      case HeadScanner::State::kIncomplete:
        break;
    }
  }
  return ReadResponse();
}

HttpSession::Step HttpSession::FlushToClient() {
  const IoResult written = client_.Write(AsBytes(to_client_).subspan(to_client_sent_),
                                         upstream_in_.view().first(response_ready_));
  if (written.state == IoState::kWouldBlock) return Step::kBlocked;
  if (written.state != IoState::kDone) {
    End();
    return Step::kBlocked;
  }
  moved_ += written.count;
  window_bytes_ += written.count;
  const std::size_t head = std::min(written.count, to_client_.size() - to_client_sent_);
  to_client_sent_ += head;
  upstream_in_.Consume(written.count - head);
  response_ready_ -= written.count - head;
  if (to_client_sent_ == to_client_.size()) {
    to_client_.clear();
    to_client_sent_ = 0;
  }
  return Step::kProgress;
}

HttpSession::Step HttpSession::ReadResponse() {
  const IoResult read = upstream_->stream().Read(upstream_in_.space());
  switch (read.state) {
    case IoState::kDone:
      upstream_in_.Commit(read.count);
      moved_ += read.count;
      last_progress_ = context_.loop.now();
      return Step::kProgress;
    case IoState::kWouldBlock:
      return Step::kBlocked;
    case IoState::kEnd:
      if (response_begun_ && response_body_.until_close()) {
        response_body_ = {};
        return Step::kProgress;
      }
      FailUpstream({502, "CONNECTION_CLOSED", "the server ended the connection in its response"});
      return Step::kProgress;
    case IoState::kFailed:
      break;
  }
  FailUpstream(FailureOf(upstream_->stream().error()));
  return Step::kProgress;
}

void HttpSession::TakeResponseHead() {
  net::http::ResponseHead response;
  const std::string_view method = is_head_ ? "HEAD" : "GET";
  if (const auto refusal = net::http::ReadResponse(response_scanner_, method, response)) {
    return FailUpstream({502, std::string(refusal->code), std::string(refusal->message)});
  }
  const bool is_interim = response.status < 200;
  if (is_interim && ++interim_responses_ > kMaxInterimResponses) {
    return FailUpstream({502, "BAD_RESPONSE", "the server sent too many interim responses"});
  }
  if (!is_interim) {
    response_begun_ = true;
    may_retry_ = false;
    status_ = response.status;
    response_keep_alive_ = response.keep_alive;
    response_body_ =
        net::http::BodyReader(response.framing, response.length, net::http::Trailers::kAllowed);
    // A body that ends with the connection, and a request that is not wanted to its end.
    if (response_body_.until_close()) keep_alive_ = false;
  }
  AppendClientHead(to_client_, response, response_scanner_.fields(), route_.upstream->target(),
                   is_interim || keep_alive_);
  upstream_in_.Consume(response_scanner_.size());
  response_scanner_.Reset();
  // The next head, where this was an interim one, needs the whole block.
  if (is_interim) return upstream_in_.Compact();
  // What is there of the body leaves in one call with the head.
  if (!upstream_in_.empty()) response_ready_ = response_body_.Take(upstream_in_.view());
}

void HttpSession::FinishExchange() {
  const bool request_done = request_body_.done() && request_ready_ == 0 && !request_broken_ &&
                            to_upstream_sent_ == to_upstream_.size();
  // Bytes behind a response answer nothing that was asked.
  const bool reusable = request_done && response_keep_alive_ && upstream_in_.empty();
  ++route_.counters->requests[status_];
  route_.upstream->Release(std::move(upstream_), reusable ? AfterUse::kKeep : AfterUse::kClose);
  upstream_in_.Release();
  to_upstream_.clear();
  to_upstream_sent_ = 0;
  if (!request_done) return Discard();
  if (!keep_alive_ || IsDraining()) return in_.empty() ? End() : Discard();
  ExpectRequest();
}

void HttpSession::FailUpstream(Failure failure) {
  const bool untouched = !response_begun_ && interim_responses_ == 0 && upstream_in_.empty();
  const bool was_reused = upstream_->reused();
  DropUpstream();
  response_scanner_.Reset();
  if (response_begun_ || interim_responses_ > 0) {
    // The client must not take what it got for the whole.
    client_.ResetOnClose();
    return End();
  }
  if (may_retry_ && was_reused && untouched && failure.code == "CONNECTION_CLOSED") {
    // The server closed an idle connection just when it was used again.
    may_retry_ = false;
    ++route_.counters->retries;
    phase_ = Phase::kAcquire;
    return route_.upstream->Acquire(*this, Reuse::kForbidden);
  }
  ++route_.counters->upstream_errors[failure.code];
  Reply(failure);
}

}  // namespace cotter::gateway
