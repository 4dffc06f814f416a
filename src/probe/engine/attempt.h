// SPDX-License-Identifier: Apache-2.0
//
// One connection of the engine, from the first packet to its end: TCP, a proxy's tunnel, STARTTLS,
// and then what a derived class does with it. Nothing in it waits, and every phase has a limit. For
// the loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/async/event_loop.h"
#include "net/connect.h"
#include "net/preamble.h"
#include "net/target.h"
#include "probe/engine/facts.h"
#include "probe/engine/question.h"
#include <cotter/result.h>

namespace cotter::probe {

// Errand is where a connection goes. What it points to outlives the attempt.
struct Errand {
  const net::Route* route = nullptr;
  const net::Target* target = nullptr;
  const Settings* settings = nullptr;
  net::MonotonicTime until{};  // the end of all looks at this address
};

class Attempt : public net::EventHandler {
 public:
  // `done` is called once, when the attempt has ended. It must not destroy the attempt, which may
  // still be at work: EventLoop::Bury does.
  using Done = std::function<void()>;

  Attempt(net::EventLoop& loop, const Errand& errand, Done done);
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() override = default;

  // Start begins to connect. `done` may be called before it returns.
  void Start();

  void OnReady(net::Readiness ready) final;

  // Of an attempt that has ended: why it failed, if it did, in which phase, and how long each took.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }
  [[nodiscard]] Phase phase() const noexcept { return phase_; }
  [[nodiscard]] const Timings& timings() const noexcept { return timings_; }

 protected:
  // Begin takes the connected socket; TLS comes next.
  virtual void Begin(net::Socket socket) = 0;

  // Drive goes on as far as it can without waiting.
  virtual void Drive() = 0;

  // Enter begins a phase, which has to end within `limit`.
  void Enter(Phase phase, std::chrono::milliseconds limit);

  // AskTurn comes back to Drive in the next round.
  void AskTurn() { watch_.AskTurn(); }

  void End();
  void Fail(Error error);

  [[nodiscard]] const Errand& errand() const noexcept { return errand_; }
  [[nodiscard]] bool ended() const noexcept { return ended_; }

 private:
  void Connect();
  void FinishConnect();
  void NextDialogue();
  void DriveDialogue();
  void CountTime();
  void OnLate();
  void Release();

  net::EventLoop& loop_;
  Errand errand_;
  Done done_;
  net::Timer timer_;
  net::Watch watch_;
  net::Socket socket_;
  std::size_t next_address_ = 0;
  // What is still to be spoken before TLS; the dialogue that is, and what of it could not be sent.
  std::vector<std::unique_ptr<net::Preamble>> preambles_;
  std::unique_ptr<net::Preamble> preamble_;
  std::optional<net::Dialogue> dialogue_;
  std::string unsent_;
  bool go_ahead_ = false;
  bool begun_ = false;
  bool ended_ = false;
  Phase phase_ = Phase::kConnect;
  net::MonotonicTime entered_{};
  Timings timings_{};
  std::optional<Error> error_;
};

}  // namespace cotter::probe
