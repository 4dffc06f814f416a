// SPDX-License-Identifier: Apache-2.0
#include "net/http/page_server.h"

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "net/async/socket_stream.h"
#include "net/http/head.h"

namespace cotter::net::http {
namespace {

std::string_view PhraseOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 421:
      return "Misdirected Request";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Answer";
  }
}

// One read of the socket; heads and most bodies fit.
constexpr std::size_t kReadSize = 16'384;

}  // namespace

class PageServer::Session final : public EventHandler {
 public:
  Session(PageServer& server, Socket client)
      : server_(server),
        client_(std::move(client)),
        timer_(server.loop_.timers(), [this] { End(); }) {}

  void Start(std::list<std::unique_ptr<Session>>::iterator place) {
    place_ = place;
    auto watch = server_.loop_.WatchFor(client_.fd(), *this);
    if (!watch) return End();
    watch_ = *std::move(watch);
    timer_.ArmAt(server_.loop_.now() + server_.limits_.receive);
  }

  void OnReady(Readiness ready) override {
    client_.NoteReady(ready);
    if (ready.failed) return End();
    try {
      while (!ended_ && Step()) {
      }
    } catch (const std::bad_alloc&) {
      End();
    }
  }

  // EndUnasked ends it where it has asked for nothing yet, and reports whether it did.
  bool EndUnasked() {
    if (stage_ != Stage::kHead && stage_ != Stage::kBody) return false;
    End();
    return true;
  }

 private:
  // Step reports whether there is more to do now.
  bool Step() {
    switch (stage_) {
      case Stage::kHead:
      case Stage::kBody:
        return ReadMore();
      case Stage::kServing:
        return false;
      case Stage::kAnswer:
        return SendMore();
    }
    return false;
  }

  bool ReadMore() {
    std::array<std::uint8_t, kReadSize> bytes{};
    const IoResult read = client_.Read(bytes);
    if (read.state == IoState::kWouldBlock) return false;
    if (read.state != IoState::kDone) {
      End();
      return false;
    }
    in_.insert(in_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(read.count));
    if (stage_ == Stage::kHead && !TakeHead()) return true;
    if (stage_ == Stage::kBody && in_.size() >= body_start_ + body_size_) CallServe();
    return true;
  }

  // TakeHead reports whether a head that is served is there. It scans once all of the head has
  // come: the buffer moves while it grows.
  bool TakeHead() {
    constexpr std::string_view kEnd = "\r\n\r\n";
    constexpr HeadLimits kLimits;
    if (AsText(in_).find(kEnd) == std::string_view::npos && in_.size() < kLimits.bytes)
      return false;
    HeadScanner scanner;
    const HeadScanner::State state = scanner.Scan(in_, kLimits);
    if (state == HeadScanner::State::kIncomplete) return false;
    if (state != HeadScanner::State::kComplete) return Refuse(400, "not HTTP/1.1");
    RequestHead head;
    if (const auto refusal = ReadRequest(scanner, head)) {
      return Refuse(refusal->status, refusal->message);
    }
    is_head_ = head.method == "HEAD";
    const bool takes_body = head.method == "POST" && server_.limits_.body != 0;
    if (head.method != "GET" && !is_head_ && !takes_body) {
      return Refuse(405, "GET alone is served here");
    }
    if (head.expects_continue) return Refuse(417, "send the body at once");
    if (head.framing == Framing::kChunked) return Refuse(411, "a body needs its length");
    if (head.length > (takes_body ? server_.limits_.body : 0))
      return Refuse(413, "too long a body");
    body_start_ = scanner.size();
    body_size_ = static_cast<std::size_t>(head.length);
    const std::size_t question = head.target.find('?');
    request_.method = head.method;
    request_.host = head.host;
    request_.path = head.target.substr(0, question);
    if (question != std::string_view::npos) request_.query = head.target.substr(question + 1);
    stage_ = Stage::kBody;
    return true;
  }

  void CallServe() {
    stage_ = Stage::kServing;
    timer_.Cancel();
    request_.body = AsText(ByteView(in_).subspan(body_start_, body_size_));
    in_.clear();
    // The reply may come when the session has gone.
    const std::weak_ptr<Session*> self = self_;
    server_.serve_(request_, [self](Page page) {
      const std::shared_ptr<Session*> alive = self.lock();
      if (!alive || (*alive)->stage_ != Stage::kServing) return;
      (*alive)->Answer(page);
      while (!(*alive)->ended_ && (*alive)->SendMore()) {
      }
    });
  }

  bool Refuse(int status, std::string_view why) {
    Answer({.status = status, .body = std::string(why) + "\n"});
    return false;
  }

  void Answer(const Page& page) {
    out_ = "HTTP/1.1 " + std::to_string(page.status) + " ";
    out_ += PhraseOf(page.status);
    out_ += "\r\nContent-Type: " + page.type +
            "\r\nCache-Control: no-store\r\nContent-Length: " + std::to_string(page.body.size()) +
            "\r\nConnection: close\r\n\r\n";
    if (!is_head_) out_ += page.body;
    stage_ = Stage::kAnswer;
    timer_.ArmAt(server_.loop_.now() + server_.limits_.send);
  }

  bool SendMore() {
    const IoResult written = client_.Write(AsBytes(out_).subspan(sent_));
    if (written.state == IoState::kWouldBlock) return false;
    sent_ += written.count;
    if (written.state == IoState::kDone && sent_ < out_.size()) return true;
    End();
    return false;
  }

  void End() {
    if (ended_) return;
    ended_ = true;
    watch_.End();
    timer_.Cancel();
    std::unique_ptr<Session> mine = std::move(*place_);
    server_.sessions_.erase(place_);
    server_.loop_.Bury(std::move(mine));
  }

  enum class Stage : std::uint8_t { kHead, kBody, kServing, kAnswer };

  PageServer& server_;
  SocketStream client_;
  Watch watch_;
  Timer timer_;
  std::list<std::unique_ptr<Session>>::iterator place_;
  std::shared_ptr<Session*> self_ = std::make_shared<Session*>(this);  // replies hold it weakly
  Stage stage_ = Stage::kHead;
  std::vector<std::uint8_t> in_;
  std::size_t body_start_ = 0;
  std::size_t body_size_ = 0;
  PageRequest request_;
  std::string out_;
  std::size_t sent_ = 0;
  bool is_head_ = false;
  bool ended_ = false;
};

PageServer::PageServer(EventLoop& loop, PageLimits limits, Serve serve)
    : loop_(loop), limits_(limits), serve_(std::move(serve)) {}

PageServer::~PageServer() = default;

Result<std::unique_ptr<PageServer>> PageServer::Start(EventLoop& loop, Listener listener,
                                                      PageLimits limits, Serve serve) {
  std::unique_ptr<PageServer> server(new PageServer(loop, limits, std::move(serve)));
  PageServer* const borrowed = server.get();
  auto acceptor = Acceptor::Start(loop, std::move(listener), [borrowed](Socket client) {
    borrowed->Accept(std::move(client));
  });
  if (!acceptor) return acceptor.error();
  server->acceptor_ = *std::move(acceptor);
  return server;
}

void PageServer::Accept(Socket client) {
  // Who connects and asks nothing must not keep the others out.
  if (sessions_.size() >= limits_.connections &&
      std::ranges::none_of(sessions_, [](const auto& session) { return session->EndUnasked(); })) {
    return;
  }
  sessions_.push_back(std::make_unique<Session>(*this, std::move(client)));
  sessions_.back()->Start(std::prev(sessions_.end()));
}

}  // namespace cotter::net::http
