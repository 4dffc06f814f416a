// SPDX-License-Identifier: Apache-2.0
//
// One thread that serves many descriptors: epoll, edge-triggered, each descriptor registered once
// for both directions, so that a request costs no system call but those that move its bytes. Who
// is told that a descriptor is ready tries until it would block.
//
// Everything but Post and Stop belongs to the thread that calls Run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "net/async/timer_wheel.h"
#include "net/socket.h"
#include <cotter/result.h>

namespace cotter::net {

// What a descriptor is ready for; several at once.
struct Readiness {
  bool read = false;    // bytes, or the end of them
  bool write = false;   // room
  bool ended = false;   // the peer will send no more: reading on finds the end
  bool failed = false;  // reset, or never connected
};

// EventHandler is told what a descriptor is ready for.
class EventHandler {
 public:
  virtual ~EventHandler() = default;
  virtual void OnReady(Readiness ready) = 0;

 protected:
  EventHandler() = default;
  EventHandler(const EventHandler& /*other*/) {}
  EventHandler& operator=(const EventHandler& /*other*/) { return *this; }

 private:
  friend class EventLoop;

  std::unique_ptr<EventHandler> buried_before_;  // of those that wait for their destruction
};

class EventLoop;

// Watch is the registration of one descriptor; it ends with the object, before the descriptor is
// closed. An event that was already fetched for it is dropped.
class Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept
      : loop_(std::exchange(other.loop_, nullptr)), slot_(other.slot_), fd_(other.fd_) {}
  Watch& operator=(Watch&& other) noexcept;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { End(); }

  void End() noexcept;

  // EndWithDescriptor is End for a descriptor that is closed next and has no duplicate: the kernel
  // forgets it then by itself, which saves a call.
  void EndWithDescriptor() noexcept;

  // GoFirst has the handler told before all others of a round, where `first` is set: for what must
  // not be used any more when something has come.
  void GoFirst(bool first) noexcept;

  // AskTurn tells the handler once more in the next round, with nothing new, whether or not the
  // descriptor becomes ready: for who stopped in the middle so that others get their turn.
  void AskTurn();

 private:
  friend class EventLoop;
  Watch(EventLoop& loop, std::uint32_t slot, int fd) : loop_(&loop), slot_(slot), fd_(fd) {}

  EventLoop* loop_ = nullptr;
  std::uint32_t slot_ = 0;
  int fd_ = -1;
};

// EventLoop must outlive its watches and timers.
class EventLoop {
 public:
  // Fails with kNetworkError where the system has no descriptor left.
  [[nodiscard]] static Result<std::unique_ptr<EventLoop>> Create();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // WatchFor tells `handler`, which outlives the watch, of `fd`. Fails with kNetworkError.
  [[nodiscard]] Result<Watch> WatchFor(int fd, EventHandler& handler);

  // Run serves until Stop.
  void Run();

  // Stop ends Run after what it is doing. Safe from any thread, not from a signal handler.
  void Stop();

  // Post runs `task` on the loop's thread. Safe from any thread.
  void Post(std::function<void()> task);

  // Later runs `task` when the handlers of this round have returned.
  void Later(std::function<void()> task) { later_.push_back(std::move(task)); }

  // Bury destroys `dead` when the handlers of this round have returned: for a handler that ends
  // while it, or one that it was called by, is still running. Needs no memory.
  void Bury(std::unique_ptr<EventHandler> dead) noexcept;

  // AfterEach runs `check` whenever a handler has returned, so that none is running. Keep it cheap.
  void AfterEach(std::function<void()> check) { after_each_ = std::move(check); }

  // Settle runs what was asked for later and destroys what was buried, as Run does after each
  // round. Outside of Run it is for an owner that ends before the loop, with what the buried still
  // use.
  void Settle();

  // now is the time at which the current round began.
  [[nodiscard]] MonotonicTime now() const noexcept { return now_; }
  [[nodiscard]] TimerWheel& timers() noexcept { return timers_; }

 private:
  friend class Watch;
  class Mailbox;

  // Slot is a registration; its number and generation are what epoll gives back.
  struct Slot {
    EventHandler* handler = nullptr;
    std::uint32_t generation = 0;
    bool first = false;
  };

  EventLoop(Socket epoll, std::unique_ptr<Mailbox> mailbox);
  void Dispatch(int timeout);
  void Tell(std::uint64_t key, Readiness ready);
  void Forget(std::uint32_t slot) noexcept;

  MonotonicTime now_;
  TimerWheel timers_;
  Socket epoll_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<std::function<void()>> later_;
  std::vector<std::uint64_t> turns_;         // asked for, as keys of slots
  std::unique_ptr<EventHandler> graveyard_;  // the last one, which has the one before it
  std::function<void()> after_each_;
  std::unique_ptr<Mailbox> mailbox_;
  Watch mail_watch_;
  bool stopped_ = false;

 public:
  ~EventLoop();
};

}  // namespace cotter::net
