// SPDX-License-Identifier: Apache-2.0
#include "gateway/admin_session.h"

#include <utility>

#include "gateway/failure.h"

namespace cotter::gateway {

using net::IoState;
using net::http::HeadScanner;

AdminSession::AdminSession(Context& context, Route& route, SessionSet& set, net::Socket client,
                           const Find& find)
    : Session(context, route, set),
      find_(find),
      client_(std::move(client)),
      // One time-out for all of it: a head and an answer are small.
      timer_(context.loop.timers(), [this] { End(); }),
      in_(context.blocks) {}

void AdminSession::Start() {
  auto watch = context_.loop.WatchFor(client_.fd(), *this);
  if (!watch) return End();
  watch_ = *std::move(watch);
  timer_.ArmAt(context_.loop.now() + context_.timeouts.header);
}

void AdminSession::OnEnd() {
  watch_.End();
  timer_.Cancel();
}

void AdminSession::OnReady(net::Readiness ready) {
  client_.NoteReady(ready);
  if (ready.failed) return End();
  while (!has_ended() && (out_.empty() ? ReadHead() : SendAnswer())) {
  }
}

bool AdminSession::ReadHead() {
  const net::IoResult read = client_.Read(in_.space());
  if (read.state == IoState::kWouldBlock) return false;
  if (read.state != IoState::kDone) {
    End();
    return false;
  }
  in_.Commit(read.count);
  const auto state = scanner_.Scan(in_.view(), {});
  if (state == HeadScanner::State::kIncomplete) return true;
  if (state == HeadScanner::State::kComplete) {
    Answer(AnswerTo());
  } else {
    Answer({.status = 400, .body = "not HTTP/1.1\n"});
  }
  return true;
}

AdminAnswer AdminSession::AnswerTo() const {
  net::http::RequestHead request;
  if (const auto refusal = ReadRequest(scanner_, request)) {
    return {.status = refusal->status, .body = std::string(refusal->message) + "\n"};
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return {.status = 405, .body = "GET alone is served here\n"};
  }
  return find_(request.target.substr(0, request.target.find('?')));
}

void AdminSession::Answer(const AdminAnswer& answer) {
  out_ = "HTTP/1.1 " + std::to_string(answer.status) + " ";
  out_ += ReasonPhrase(answer.status);
  out_ += "\r\nContent-Type: " + answer.type +
          "\r\nCache-Control: no-store\r\nContent-Length: " + std::to_string(answer.body.size()) +
          "\r\nConnection: close\r\n\r\n";
  if (!scanner_.first_line().starts_with("HEAD ")) out_ += answer.body;
}

bool AdminSession::SendAnswer() {
  const net::IoResult written = client_.Write(AsBytes(out_).subspan(sent_));
  if (written.state == IoState::kWouldBlock) return false;
  sent_ += written.count;
  if (written.state == IoState::kDone && sent_ < out_.size()) return true;
  End();
  return false;
}

}  // namespace cotter::gateway
