// SPDX-License-Identifier: Apache-2.0
//
// A bounded pool of threads that requests wait in, and the way back to JavaScript. Not libuv's own
// pool: a request may wait for 30 seconds, and files and name service would wait with it.
#pragma once

#include <functional>
#include <memory>

#include "src/napi.h"

namespace cotter::node {

// Requests that run at once; more wait for a thread. Each waits for the network and little else.
inline constexpr std::size_t kMaxThreads = 16;

// Pool is one environment's (the main thread's, or a worker's).
class Pool {
 public:
  // Create makes the pool and ties it to `env`; false where Node refuses.
  [[nodiscard]] static bool Create(napi_env env);

  // Of is the pool of `env`.
  [[nodiscard]] static Pool& Of(napi_env env);

  // Run has `work` run on a thread of the pool, and keeps the event loop alive until Finish. On the
  // thread of the environment.
  void Run(std::function<void()> work);

  // Finish says that what was given to Run is done and its promise settled. On the thread of the
  // environment.
  void Finish();

  struct State;

  // mailbox is what Post takes, and may outlive the pool.
  [[nodiscard]] const std::shared_ptr<State>& mailbox() const noexcept { return state_; }

  // Stop drops what waits, and waits for the threads, but not for ever: one may wait for the
  // network. On the thread of the environment, when that goes.
  void Stop();

  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

 private:
  explicit Pool(std::shared_ptr<State> state) : state_(std::move(state)) {}

  napi_env env_ = nullptr;
  std::size_t running_ = 0;
  std::shared_ptr<State> state_;
};

// Post has `task` run on the thread of the environment; tasks run in the order in which one thread
// posts them. From any thread. Dropped where the environment is going.
void Post(const std::shared_ptr<Pool::State>& mailbox, std::function<void(napi_env)> task);

}  // namespace cotter::node
