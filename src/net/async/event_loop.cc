// SPDX-License-Identifier: Apache-2.0
#include "net/async/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <span>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace cotter::net {
namespace {

// Events fetched by one call. More only delays the first of them.
constexpr std::size_t kMaxEvents = 256;

std::uint64_t Key(std::uint32_t slot, std::uint32_t generation) {
  return std::uint64_t{generation} << 32 | slot;
}

Readiness ReadinessOf(std::uint32_t events) {
  return {.read = (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
          .write = (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0,
          .ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
          .failed = (events & EPOLLERR) != 0};
}

}  // namespace

// Mailbox is how other threads reach the loop.
class EventLoop::Mailbox final : public EventHandler {
 public:
  explicit Mailbox(Socket descriptor) : descriptor_(std::move(descriptor)) {}

  [[nodiscard]] int fd() const noexcept { return descriptor_.fd(); }

  void Put(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    const std::uint64_t one = 1;
    // Only a full counter could make this fail, and then the loop is awake already.
    [[maybe_unused]] const ssize_t written = write(descriptor_.fd(), &one, sizeof one);
  }

  void OnReady(Readiness /*ready*/) override {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t taken = read(descriptor_.fd(), &count, sizeof count);
    std::vector<std::function<void()>> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
    }
    for (const std::function<void()>& task : tasks) {
      try {
        task();
      } catch (const std::bad_alloc&) {  // the others are not to blame
        continue;
      }
    }
  }

 private:
  Socket descriptor_;
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
};

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    End();
    loop_ = std::exchange(other.loop_, nullptr);
    slot_ = other.slot_;
    fd_ = other.fd_;
  }
  return *this;
}

void Watch::End() noexcept {
  if (loop_ == nullptr) return;
  epoll_event unused{};
  epoll_ctl(loop_->epoll_.fd(), EPOLL_CTL_DEL, fd_, &unused);
  EndWithDescriptor();
}

void Watch::EndWithDescriptor() noexcept {
  if (loop_ != nullptr) std::exchange(loop_, nullptr)->Forget(slot_);
}

void Watch::GoFirst(bool first) noexcept {
  if (loop_ != nullptr) loop_->slots_[slot_].first = first;
}

void Watch::AskTurn() {
  if (loop_ != nullptr) loop_->turns_.push_back(Key(slot_, loop_->slots_[slot_].generation));
}

Result<std::unique_ptr<EventLoop>> EventLoop::Create() {
  Socket epoll(epoll_create1(EPOLL_CLOEXEC));
  if (epoll.fd() < 0) return ErrorOf(errno, "creating an event queue");
  Socket mail(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (mail.fd() < 0) return ErrorOf(errno, "creating an event descriptor");
  auto mailbox = std::make_unique<Mailbox>(std::move(mail));
  Mailbox& box = *mailbox;
  std::unique_ptr<EventLoop> loop(new EventLoop(std::move(epoll), std::move(mailbox)));
  Result<Watch> watch = loop->WatchFor(box.fd(), box);
  if (!watch) return std::move(watch).error();
  loop->mail_watch_ = *std::move(watch);
  return loop;
}

EventLoop::EventLoop(Socket epoll, std::unique_ptr<Mailbox> mailbox)
    : now_(std::chrono::steady_clock::now()),
      timers_(now_),
      epoll_(std::move(epoll)),
      mailbox_(std::move(mailbox)) {}

EventLoop::~EventLoop() {
  Settle();
  mail_watch_.End();
}

Result<Watch> EventLoop::WatchFor(int fd, EventHandler& handler) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
    // So that to forget needs no memory.
    free_slots_.reserve(slots_.capacity());
  }
  const std::uint32_t number = free_slots_.back();
  Slot& slot = slots_[number];
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = Key(number, slot.generation);
  if (epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return ErrorOf(errno, "watching a descriptor");
  }
  slot.handler = &handler;
  free_slots_.pop_back();
  return Watch(*this, number, fd);
}

void EventLoop::Forget(std::uint32_t slot) noexcept {
  slots_[slot].handler = nullptr;
  slots_[slot].first = false;
  ++slots_[slot].generation;
  free_slots_.push_back(slot);
}

void EventLoop::Run() {
  stopped_ = false;
  while (!stopped_) {
    const auto until = timers_.UntilNext(now_);
    int timeout = -1;
    if (until) timeout = static_cast<int>(std::min<std::int64_t>(until->count(), 60'000));
    if (!later_.empty() || !turns_.empty()) timeout = 0;
    Dispatch(timeout);
    timers_.Advance(now_);
    Settle();
  }
}

void EventLoop::Dispatch(int timeout) {
  std::array<epoll_event, kMaxEvents> events;
  const int count =
      epoll_wait(epoll_.fd(), events.data(), static_cast<int>(events.size()), timeout);
  now_ = std::chrono::steady_clock::now();
  std::vector<std::uint64_t> turns;
  turns.swap(turns_);
  const std::span<const epoll_event> came(events.data(),
                                          static_cast<std::size_t>(std::max(count, 0)));
  const auto goes_first = [this](const epoll_event& event) {
    return slots_[static_cast<std::uint32_t>(event.data.u64)].first;
  };
  // Who goes first is settled before anybody is told, so that everybody is told once.
  std::array<bool, kMaxEvents> told;
  for (std::size_t i = 0; i < came.size(); ++i) told[i] = goes_first(came[i]);
  for (std::size_t i = 0; i < came.size(); ++i) {
    if (told[i]) Tell(came[i].data.u64, ReadinessOf(came[i].events));
  }
  for (std::size_t i = 0; i < came.size(); ++i) {
    if (!told[i]) Tell(came[i].data.u64, ReadinessOf(came[i].events));
  }
  for (const std::uint64_t key : turns) Tell(key, {});
}

void EventLoop::Tell(std::uint64_t key, Readiness ready) {
  const auto number = static_cast<std::uint32_t>(key);
  const Slot slot = slots_[number];
  if (slot.handler == nullptr || Key(number, slot.generation) != key) return;
  slot.handler->OnReady(ready);
  if (after_each_) after_each_();
}

void EventLoop::Settle() {
  std::vector<std::function<void()>> tasks;
  tasks.swap(later_);
  for (const std::function<void()>& task : tasks) task();
  // Destroying one may bury another.
  while (graveyard_ != nullptr) {
    const std::unique_ptr<EventHandler> dead = std::move(graveyard_);
    graveyard_ = std::move(dead->buried_before_);
  }
}

void EventLoop::Bury(std::unique_ptr<EventHandler> dead) noexcept {
  dead->buried_before_ = std::move(graveyard_);
  graveyard_ = std::move(dead);
}

void EventLoop::Stop() {
  Post([this] { stopped_ = true; });
}

void EventLoop::Post(std::function<void()> task) { mailbox_->Put(std::move(task)); }

}  // namespace cotter::net
