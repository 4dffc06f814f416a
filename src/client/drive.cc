// SPDX-License-Identifier: Apache-2.0
//
// The rounds of the driving thread: orders, policy, timers, libcurl, sleep.
#include <algorithm>
#include <array>
#include <utility>

#include "client/engine.h"
#include "client/gate.h"

namespace cotter::client {
namespace {

using std::chrono::milliseconds;

// The driver looks around at least this often; whatever matters wakes it sooner.
constexpr milliseconds kLongestSleep{1000};

// Connections of an older generation wake the driver through the select sets that libcurl gives of
// them, which end at descriptor 1023. What is beyond is looked after this often.
constexpr milliseconds kOldGenerationSleep{50};
constexpr std::size_t kMaxOldDescriptors = 256;

struct OldDescriptors {
  std::array<curl_waitfd, kMaxOldDescriptors> list{};
  unsigned count = 0;

  void Add(CURLM* multi) {
    fd_set reads;
    fd_set writes;
    fd_set faults;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_ZERO(&faults);
    int highest = -1;
    if (Curl().multi_fdset(multi, &reads, &writes, &faults, &highest) != CURLM_OK) return;
    for (int descriptor = 0; descriptor <= highest && count < list.size(); ++descriptor) {
      unsigned events = 0;
      if (FD_ISSET(descriptor, &reads)) events |= CURL_WAIT_POLLIN;
      if (FD_ISSET(descriptor, &writes)) events |= CURL_WAIT_POLLOUT;
      if (events == 0) continue;
      list[count++] = {descriptor, static_cast<short>(events), 0};
    }
  }
};

// Unfinished has a turn of the policy begin again that ended half-way, for want of memory.
struct Unfinished {
  std::atomic<bool>& changed;
  bool finished = false;

  explicit Unfinished(std::atomic<bool>& flag) : changed(flag) {}
  ~Unfinished() {
    if (!finished) changed = true;
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
};

}  // namespace

// DriveFor throws nothing: whoever drives must come to the point where another one can.
void Engine::DriveFor(Transfer& transfer) noexcept {
  while (true) {
    try {
      Round();
    } catch (...) {
      FinishWithoutMemory(transfer);
    }
    if (MayLeave(transfer)) return;
    Sleep();
  }
}

bool Engine::MayLeave(Transfer& transfer) {
  if (transfer.finished) return true;
  const std::lock_guard lock(mutex_);
  return !transfer.mail.empty() || callers_for_quiet_ > 0;
}

void Engine::Round() {
  if (policy_changed_.exchange(false)) TurnPolicy();
  Obey();
  if (!timers_.empty()) StartDueTimers();
  Perform();
  if (std::exchange(refused_, false)) EndRefused();
  if (!named_.empty()) StartNamed();
  if (generations_.size() > 1) DropIdleGenerations();
}

void Engine::Obey() {
  {
    const std::lock_guard lock(mutex_);
    orders_.swap(inbox_);
  }
  for (const Command& command : orders_) {
    Transfer& transfer = *command.transfer;
    if (!transfer.finished) Guarded(transfer, [&] { Obey(command.order, transfer); });
  }
  orders_.clear();
}

void Engine::Obey(Order order, Transfer& transfer) {
  switch (order) {
    case Order::kBegin:
      return BeginHop(transfer);
    case Order::kResume:
      // What is paused and cannot go on pauses itself again.
      if (transfer.hop.easy) {
        static_cast<void>(Curl().easy_pause(transfer.hop.easy->handle.get(), CURLPAUSE_CONT));
      }
      return;
    case Order::kCancel:
      EndHop(transfer);
      std::erase_if(timers_, [&](const Timer& timer) { return timer.transfer.get() == &transfer; });
      return Finish(transfer, Error{Code::kCancelled, "the request was cancelled"});
  }
}

void Engine::StartDueTimers() {
  const SteadyTime now = std::chrono::steady_clock::now();
  std::vector<std::shared_ptr<Transfer>> due;
  due.reserve(timers_.size());  // so that none is lost for want of memory
  std::erase_if(timers_, [&](const Timer& timer) {
    if (timer.due > now) return false;
    due.push_back(timer.transfer);
    return true;
  });
  for (const std::shared_ptr<Transfer>& transfer : due) {
    Guarded(*transfer, [&] { BeginHop(*transfer); });
  }
}

void Engine::Perform() {
  // A hop that ends here may begin another one, in the newest generation.
  for (std::size_t i = 0; i < generations_.size(); ++i) {
    CURLM* const multi = generations_[i]->multi.get();
    int running = 0;
    static_cast<void>(Curl().multi_perform(multi, &running));
    int left = 0;
    while (const CURLMsg* const message = Curl().multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      char* of = nullptr;
      static_cast<void>(Curl().easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &of));
      // What libcurl keeps for us as a char* is the Easy.
      Transfer* const transfer = static_cast<Easy*>(static_cast<void*>(of))->transfer;
      const std::shared_ptr<Transfer> alive = transfer->shared_from_this();
      Guarded(*alive, [&] { HopDone(*alive, code); });
    }
  }
}

// EndRefused ends the hops that were refused in their handshake and that libcurl still works on: it
// tries for ever to send an alert that does not leave.
void Engine::EndRefused() {
  const std::vector<std::shared_ptr<Transfer>> running = running_;
  for (const std::shared_ptr<Transfer>& transfer : running) {
    if (!transfer->hop.refusal) continue;
    Guarded(*transfer, [&] { HopDone(*transfer, CURLE_SSL_CONNECT_ERROR); });
  }
}

void Engine::Sleep() {
  milliseconds longest = kLongestSleep;
  if (!timers_.empty()) {
    const SteadyTime now = std::chrono::steady_clock::now();
    for (const Timer& timer : timers_) {
      const auto left = std::chrono::ceil<milliseconds>(timer.due - now);
      longest = std::clamp(left, milliseconds(0), longest);
    }
  }
  CURLM* const current = generations_.back()->multi.get();
  if (generations_.size() == 1) {
    static_cast<void>(
        Curl().multi_poll(current, nullptr, 0, static_cast<int>(longest.count()), nullptr));
    return;
  }
  OldDescriptors old;
  for (std::size_t i = 0; i + 1 < generations_.size(); ++i) old.Add(generations_[i]->multi.get());
  longest = std::min(longest, kOldGenerationSleep);
  static_cast<void>(Curl().multi_poll(current, old.list.data(), old.count,
                                      static_cast<int>(longest.count()), nullptr));
}

// Run hands the transfer's handle to the newest multi handle. False where that takes no more.
bool Engine::Run(Transfer& transfer) {
  Generation& generation = Current();
  running_.push_back(transfer.shared_from_this());
  if (Curl().multi_add_handle(generation.multi.get(), transfer.hop.easy->handle.get()) !=
      CURLM_OK) {
    running_.pop_back();
    return false;
  }
  transfer.hop.place = running_.size() - 1;
  transfer.hop.generation = generation.number;
  ++generation.running;
  return true;
}

// TakeBack takes the transfer's handle out again. False where it runs nowhere. The transfer may go
// with its place, so the caller holds it.
bool Engine::TakeBack(Transfer& transfer) noexcept {
  Generation* const generation = Find(std::exchange(transfer.hop.generation, 0));
  if (generation == nullptr) return false;
  static_cast<void>(
      Curl().multi_remove_handle(generation->multi.get(), transfer.hop.easy->handle.get()));
  --generation->running;
  const std::size_t place = transfer.hop.place;
  running_.back()->hop.place = place;
  std::swap(running_[place], running_.back());
  running_.pop_back();
  return true;
}

Engine::Generation& Engine::Current() { return *generations_.back(); }

Engine::Generation* Engine::Find(std::size_t number) noexcept {
  for (const std::unique_ptr<Generation>& generation : generations_) {
    if (generation->number == number) return generation.get();
  }
  return nullptr;
}

Engine::Generation* Engine::MakeGeneration(std::shared_ptr<const PolicyIndex> policy) {
  const Options& options = settings_.options;
  auto generation = std::make_unique<Generation>();
  generation->number = next_generation_++;
  generation->policy = std::move(policy);
  generation->multi.reset(Curl().multi_init());
  CURLM* const multi = generation->multi.get();
  if (multi == nullptr) return nullptr;
  const bool set =
      Curl().multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                          static_cast<long>(options.max_connections)) == CURLM_OK &&
      Curl().multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                          static_cast<long>(options.max_connections_per_host)) == CURLM_OK;
  if (!set) return nullptr;
  const std::lock_guard lock(mutex_);
  generations_.push_back(std::move(generation));
  return generations_.back().get();
}

// TurnPolicy puts a new policy into force: what is on its way is judged again, and whatever begins
// from now on finds no connection of before.
void Engine::TurnPolicy() {
  const std::shared_ptr<const PolicyIndex> policy = settings_.options.policy->Current();
  if (policy == Current().policy) return;
  Unfinished turn(policy_changed_);
  std::vector<std::shared_ptr<Transfer>> live;
  for (const std::shared_ptr<Transfer>& transfer : running_) {
    if (transfer->hop.ready) live.push_back(transfer);
  }
  for (const std::shared_ptr<Transfer>& transfer : live) {
    if (const Result<void> held = Rejudge(*transfer, *policy); !held) {
      EndHop(*transfer);
      Finish(*transfer, held.error());
    }
  }
  // Without memory for another handle the old one would serve on with judged connections.
  COTTER_CHECK(MakeGeneration(policy) != nullptr);
  // Idle handles remember which multi handle they last ran in.
  idle_.clear();
  // Each multi handle remembers names for itself.
  resolved_.clear();
  turn.finished = true;
}

void Engine::DropIdleGenerations() {
  std::vector<std::unique_ptr<Generation>> dropped;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i + 1 < generations_.size();) {
      if (generations_[i]->running > 0) {
        ++i;
        continue;
      }
      dropped.push_back(std::move(generations_[i]));
      generations_.erase(generations_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

}  // namespace cotter::client
