// SPDX-License-Identifier: Apache-2.0
#include "watch/worker.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace cotter::watch {
namespace {

Result<void> RunSafely(const Worker::Task& task) {
  try {
    return task();
  } catch (const std::exception& failure) {
    return Error{Code::kInternal, failure.what()};
  }
}

}  // namespace

// What the thread and the owner share; the thread holds it too.
struct Worker::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  Task task;             // under the mutex
  bool stopped = false;  // likewise
  Done done;             // the loop's thread alone
  bool gone = false;     // likewise
  net::EventLoop* loop = nullptr;
  std::thread thread;

  static void Serve(const std::shared_ptr<Shared>& self) {
    std::unique_lock lock(self->mutex);
    while (true) {
      self->changed.wait(lock, [&] { return self->stopped || self->task; });
      if (self->stopped) return;
      const Task task = std::exchange(self->task, nullptr);
      lock.unlock();
      Result<void> result = RunSafely(task);
      lock.lock();
      if (self->stopped) return;
      self->loop->Post([weak = std::weak_ptr(self), result = std::move(result)] {
        const std::shared_ptr<Shared> alive = weak.lock();
        if (!alive || alive->gone) return;
        const Done call = std::exchange(alive->done, nullptr);
        call(result);
      });
    }
  }
};

Worker::Worker(net::EventLoop& loop) : shared_(std::make_shared<Shared>()) {
  shared_->loop = &loop;
  shared_->thread = std::thread([shared = shared_] { Shared::Serve(shared); });
}

Worker::~Worker() {
  shared_->gone = true;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
    shared_->changed.notify_one();
  }
  shared_->thread.join();
}

void Worker::Run(Task task, Done done) {
  shared_->done = std::move(done);
  const std::lock_guard lock(shared_->mutex);
  shared_->task = std::move(task);
  shared_->changed.notify_one();
}

bool Worker::is_busy() const noexcept { return shared_->done != nullptr; }

}  // namespace cotter::watch
