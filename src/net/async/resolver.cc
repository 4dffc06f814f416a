// SPDX-License-Identifier: Apache-2.0
#include "net/async/resolver.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include <system_error>

namespace cotter::net {

// Home is what threads that are left behind may still look at.
struct Resolver::Home : std::enable_shared_from_this<Home> {
  struct Question {
    // Only the loop's thread may touch what an answer holds, so it travels in a box.
    std::shared_ptr<Answer> answer;
    std::string name;
    std::uint16_t port;
    Family family;
    Deadline deadline;
  };

  void Begin(const Question& question);
  void Finish(const Answer& answer, Result<std::vector<Address>> found);
  bool EndsWithin(std::chrono::milliseconds time);
  void Send(std::function<void()> task);

  Ask ask;

  std::mutex mutex;
  std::condition_variable ended;
  EventLoop* loop = nullptr;  // null once the resolver is gone

  // The loop's thread alone looks at these.
  std::size_t running = 0;
  std::deque<Question> waiting;
};

namespace {

constexpr std::chrono::milliseconds kMemoryPause{100};

template <typename Work>
bool HadMemoryFor(const Work& work) {
  try {
    work();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace

// EndsWithin waits for the end of the resolver, and reports whether it came.
bool Resolver::Home::EndsWithin(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex);
  return ended.wait_for(lock, time, [this] { return loop == nullptr; });
}

void Resolver::Home::Send(std::function<void()> task) {
  const std::lock_guard lock(mutex);
  if (loop != nullptr) loop->Post(std::move(task));
}

void Resolver::Home::Begin(const Question& question) {
  ++running;
  const auto home = shared_from_this();
  try {
    std::thread([home, question] {
      const auto answer_now = [&] {
        auto found = std::make_shared<Result<std::vector<Address>>>(
            home->ask(question.name, question.port, question.family, question.deadline));
        home->Send(
            [home, answer = question.answer, found] { home->Finish(*answer, std::move(*found)); });
      };
      // Whoever asked waits for an answer, so it is tried until there is memory for one.
      while (!HadMemoryFor(answer_now) && !home->EndsWithin(kMemoryPause)) continue;
    }).detach();
  } catch (const std::system_error&) {
    Send([home, answer = question.answer] {
      home->Finish(*answer, Error{Code::kDnsFailed, "no thread is left for a look-up"});
    });
  }
}

// Finish is for the end of a look-up, after which the resolver may be gone: the next one begins,
// and who asked is answered.
void Resolver::Home::Finish(const Answer& answer, Result<std::vector<Address>> found) {
  if (loop == nullptr) return;
  --running;
  if (!waiting.empty()) {
    const Question next = std::move(waiting.front());
    waiting.pop_front();
    Begin(next);
  }
  answer(std::move(found));
}

Resolver::Resolver(EventLoop& loop, Ask ask) : home_(std::make_shared<Home>()) {
  home_->loop = &loop;
  home_->ask = std::move(ask);
}

Resolver::~Resolver() {
  {
    const std::lock_guard lock(home_->mutex);
    home_->loop = nullptr;
  }
  home_->ended.notify_all();
  home_->waiting.clear();
}

void Resolver::LookUp(const std::string& name, std::uint16_t port, Family family,
                      std::chrono::milliseconds timeout, Answer answer) {
  Home::Question question{std::make_shared<Answer>(std::move(answer)), name, port, family,
                          Deadline::After(timeout)};
  if (home_->running < kMostAtOnce) return home_->Begin(question);
  home_->waiting.push_back(std::move(question));
}

}  // namespace cotter::net
