// SPDX-License-Identifier: Apache-2.0
//
// A thread for what waits (for an HTTP server, a mail server, a program), one task at a time; the
// answer comes back on the event loop. The object belongs to the loop's thread.
#pragma once

#include <functional>
#include <memory>

#include "net/async/event_loop.h"
#include <cotter/result.h>

namespace cotter::watch {

class Worker {
 public:
  using Task = std::function<Result<void>()>;
  using Done = std::function<void(Result<void>)>;

  // `loop` outlives the object.
  explicit Worker(net::EventLoop& loop);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The destructor waits for the task that is running; its Done is not called any more.
  ~Worker();

  // Run has `task` run on the thread, and then `done` on the loop's. What the task throws is an
  // error. Not while it is_busy().
  void Run(Task task, Done done);

  [[nodiscard]] bool is_busy() const noexcept;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace cotter::watch
