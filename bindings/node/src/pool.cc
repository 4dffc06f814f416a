// SPDX-License-Identifier: Apache-2.0
#include "src/pool.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "src/values.h"

namespace cotter::node {

// State outlives the pool where a thread is still waiting for the network when Node ends.
struct Pool::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> waiting;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool stopped = false;
  // Null once the environment goes: Node then frees it, whoever still holds on to it.
  napi_threadsafe_function to_loop = nullptr;
};

namespace {

// What a thread of the pool gets to end by itself when Node ends.
constexpr std::chrono::seconds kPatience{2};

using Task = std::function<void(napi_env)>;

void RunTask(napi_env env, napi_value /*callback*/, void* /*context*/, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  // Nothing may throw through Node's frames; without memory the promise stays open.
  try {
    if (env != nullptr) (*task)(env);
  } catch (...) {
    return;
  }
}

void Work(const std::shared_ptr<Pool::State>& state) {
  std::unique_lock lock(state->mutex);
  while (true) {
    ++state->idle;
    state->changed.wait(lock, [&] { return state->stopped || !state->waiting.empty(); });
    --state->idle;
    if (state->stopped) break;
    const std::function<void()> work = std::move(state->waiting.front());
    state->waiting.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
  --state->threads;
  state->changed.notify_all();
}

void FreePool(napi_env /*env*/, void* data, void* /*hint*/) {
  const std::unique_ptr<Pool> pool(static_cast<Pool*>(data));
}

void StopPool(void* data) { static_cast<Pool*>(data)->Stop(); }

}  // namespace

bool Pool::Create(napi_env env) {
  auto state = std::make_shared<State>();
  if (napi_create_threadsafe_function(env, nullptr, nullptr, ToText(env, "cotter"), 0, 1, nullptr,
                                      nullptr, nullptr, RunTask, &state->to_loop) != napi_ok) {
    return false;
  }
  napi_unref_threadsafe_function(env, state->to_loop);
  auto pool = std::unique_ptr<Pool>(new Pool(std::move(state)));
  pool->env_ = env;
  // Hooks run in reverse order: ours, which comes later, runs before the function's own, which
  // frees it.
  if (napi_add_env_cleanup_hook(env, StopPool, pool.get()) != napi_ok) return false;
  return napi_set_instance_data(env, pool.release(), FreePool, nullptr) == napi_ok;
}

Pool& Pool::Of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Pool*>(data);
}

void Pool::Stop() {
  std::unique_lock lock(state_->mutex);
  state_->stopped = true;
  state_->to_loop = nullptr;
  state_->waiting.clear();
  state_->changed.notify_all();
  state_->changed.wait_for(lock, kPatience, [this] { return state_->threads == 0; });
}

void Pool::Run(std::function<void()> work) {
  if (running_++ == 0) napi_ref_threadsafe_function(env_, state_->to_loop);
  const std::lock_guard lock(state_->mutex);
  state_->waiting.push_back(std::move(work));
  if (state_->idle < state_->waiting.size() && state_->threads < kMaxThreads) {
    ++state_->threads;
    std::thread([state = state_] { Work(state); }).detach();
  }
  state_->changed.notify_one();
}

void Pool::Finish() {
  if (--running_ == 0) napi_unref_threadsafe_function(env_, state_->to_loop);
}

void Post(const std::shared_ptr<Pool::State>& mailbox, Task task) {
  auto owned = std::make_unique<Task>(std::move(task));
  const std::lock_guard lock(mailbox->mutex);
  if (mailbox->to_loop != nullptr &&
      napi_call_threadsafe_function(mailbox->to_loop, owned.get(), napi_tsfn_nonblocking) ==
          napi_ok) {
    (void)owned.release();  // RunTask has it now
  }
}

}  // namespace cotter::node
