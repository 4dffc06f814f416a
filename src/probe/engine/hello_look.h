// SPDX-License-Identifier: Apache-2.0
//
// A look by a ClientHello of our own: what the server chooses of it, or that it refuses. For the
// loop's thread.
#pragma once

#include <optional>
#include <string>

#include "probe/engine/attempt.h"
#include "probe/engine/hello.h"

namespace cotter::probe {

class HelloLook final : public Attempt {
 public:
  HelloLook(net::EventLoop& loop, const Errand& errand, Bytes hello, Done done);

  // choice is what the server chose; nullopt where it refused, or the look failed (see error()).
  [[nodiscard]] const std::optional<ServerChoice>& choice() const noexcept { return choice_; }

  // refused reports that the server declined in words or by hanging up: both are usual.
  [[nodiscard]] bool refused() const noexcept { return refused_; }

 protected:
  void Begin(net::Socket socket) override;
  void Drive() override;

 private:
  void Refuse();

  Bytes unsent_;
  net::Socket socket_;
  Bytes received_;
  std::optional<ServerChoice> choice_;
  bool refused_ = false;
};

}  // namespace cotter::probe
