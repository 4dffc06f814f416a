// SPDX-License-Identifier: Apache-2.0
//
// A request without TLS, for what tells causes apart: a fixed one that carries nothing of the
// caller's, and a bounded answer that nobody trusts. For the loop's thread.
#pragma once

#include <memory>
#include <string>

#include "net/socket.h"
#include "probe/engine/attempt.h"
#include "probe/small_http.h"

namespace cotter::probe {

class ClearLook final : public Attempt {
 public:
  ClearLook(net::EventLoop& loop, const Errand& errand, const SmallRequest& request, Done done)
      : Attempt(loop, errand, std::move(done)), unsent_(TextOf(request)) {}

  // answer is what was said, of a look that has ended; null where error() is set.
  [[nodiscard]] const std::shared_ptr<const SmallAnswer>& answer() const noexcept {
    return answer_;
  }

 protected:
  void Begin(net::Socket socket) override;
  void Drive() override;

 private:
  void Read();

  net::Socket socket_;
  std::string unsent_;
  std::string received_;
  std::shared_ptr<const SmallAnswer> answer_;
};

}  // namespace cotter::probe
