// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP server for the figures and checks of a program: one request a connection, an answer,
// the end. For people, monitoring systems and agents, never for many clients at once. For the
// loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "net/async/event_loop.h"
#include "net/async/listener.h"
#include <cotter/result.h>

namespace cotter::net::http {

// PageRequest is what was asked for.
struct PageRequest {
  std::string method;  // "GET", "HEAD", or "POST" where the limits allow a body
  std::string host;    // what the client calls the server, as it was sent
  std::string path;    // without the query
  std::string query;   // as it was sent, without "?"
  std::string body;
};

// Page is the answer.
struct Page {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

// PageLimits bounds what clients can take.
struct PageLimits {
  std::size_t connections =
      64;                // more end the oldest that has not asked yet, or are closed at once
  std::size_t body = 0;  // of a POST; 0: there is none
  std::chrono::seconds receive{10};
  std::chrono::seconds send{10};
};

class PageServer {
 public:
  // Reply is called once, on the loop's thread, at once or later; where the client has gone by
  // then, or the server, nothing happens.
  using Reply = std::function<void(Page)>;
  using Serve = std::function<void(const PageRequest&, Reply)>;

  // Start serves what `listener` accepts until the object ends; `loop` outlives it. Fails with
  // kNetworkError.
  [[nodiscard]] static Result<std::unique_ptr<PageServer>> Start(EventLoop& loop, Listener listener,
                                                                 PageLimits limits, Serve serve);
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;
  ~PageServer();

 private:
  class Session;

  PageServer(EventLoop& loop, PageLimits limits, Serve serve);
  void Accept(Socket client);

  EventLoop& loop_;
  PageLimits limits_;
  Serve serve_;
  std::list<std::unique_ptr<Session>> sessions_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace cotter::net::http
