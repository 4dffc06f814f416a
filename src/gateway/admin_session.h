// SPDX-License-Identifier: Apache-2.0
//
// One client of the admin socket: a GET, an answer, the end. For the loop's thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "gateway/buffer.h"
#include "gateway/session.h"
#include "net/async/socket_stream.h"
#include "net/http/head.h"

namespace cotter::gateway {

// AdminAnswer is what a path shows.
struct AdminAnswer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class AdminSession final : public Session {
 public:
  using Find = std::function<AdminAnswer(std::string_view path)>;

  AdminSession(Context& context, Route& route, SessionSet& set, net::Socket client,
               const Find& find);

  void Start() override;
  void Drain() override {}
  void OnReady(net::Readiness ready) override;

 private:
  void OnEnd() override;
  void Pump();
  // Both report whether there is more to do now.
  bool ReadHead();
  bool SendAnswer();
  [[nodiscard]] AdminAnswer AnswerTo() const;
  void Answer(const AdminAnswer& answer);

  const Find& find_;
  net::SocketStream client_;
  net::Watch watch_;
  net::Timer timer_;
  Buffer in_;
  net::http::HeadScanner scanner_;
  std::string out_;
  std::size_t sent_ = 0;
};

}  // namespace cotter::gateway
