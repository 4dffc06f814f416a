// SPDX-License-Identifier: Apache-2.0
//
// What copies of a Client share: libcurl's multi handle, and the rule for who drives it. There is
// no thread of its own. Of the threads that wait for their requests, one drives the connections of
// all, outside every lock, and hands over when its own request has something for it; what belongs
// to the driver (handles, hops, HSTS) is touched by nobody else. Mail and results stand under one
// mutex.
//
// A policy change makes a new generation: a multi handle of its own, so that no connection that was
// judged under the old policy is used again. Requests that are on their way stay in their
// generation where their connection still holds, and end where it does not.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/curl_library.h"
#include "client/hop.h"
#include "client/hsts.h"
#include "client/settings.h"
#include "client/transfer.h"
#include <cotter/client.h>
#include <cotter/openssl.h>

namespace cotter::client {

// Handles that are kept for the next request; one is some 10 KiB.
inline constexpr std::size_t kMostIdleHandles = 8;

class Engine : public std::enable_shared_from_this<Engine> {
  struct Passkey {};  // keeps the constructor to Create, and open to make_shared

 public:
  // Create is Client::Create.
  [[nodiscard]] static Result<std::shared_ptr<Engine>> Create(Settings settings);

  Engine(Passkey /*key*/, Settings settings, tls::Enforcer enforcer);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Start takes a request on. Never fails: what is wrong with it is its result.
  [[nodiscard]] std::shared_ptr<Transfer> Start(Request request);

  // Wait is Pending::Wait. Settle is for a Pending that nobody waited for: cancels, and tells what
  // is untold.
  [[nodiscard]] Result<Response> Wait(Transfer& transfer);
  void Settle(Transfer& transfer) noexcept;
  void Cancel(Transfer& transfer) noexcept;

  // Save is Client::Save.
  [[nodiscard]] Result<void> Save();

  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  [[nodiscard]] const tls::Enforcer& enforcer() const noexcept { return enforcer_; }
  [[nodiscard]] curl_slist* plain_headers() const noexcept { return lists_.plain_headers.get(); }

  // ReadUrl is Url::Parse, which it does not repeat where the request before was for the same URL.
  [[nodiscard]] Result<std::shared_ptr<const Url>> ReadUrl(std::string_view text);

  // For the callbacks, on the driving thread.
  [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }
  void Notify(Transfer& transfer) noexcept;  // the mutex is held: there is mail
  void Tell(Transfer& transfer, BadPin bad);
  void Log(Transfer& transfer, LogLevel level, std::string text);
  [[nodiscard]] BodyUse UseOfBody(Transfer& transfer);  // the answer's header is complete
  void SocketMade(Transfer& transfer) { NameArrived(transfer); }
  void HopRefused() noexcept { refused_ = true; }  // some hop's refusal was set in its handshake
  void KeepProxyRecord(const tls::ConnectionRecord& record) { proxy_record_ = record; }
  [[nodiscard]] const std::optional<tls::ConnectionRecord>& proxy_record() const noexcept {
    return proxy_record_;
  }

 private:
  enum class Order : std::uint8_t { kBegin, kResume, kCancel };
  struct Command {
    Order order;
    std::shared_ptr<Transfer> transfer;
  };
  struct Generation {
    std::size_t number = 0;
    std::shared_ptr<const PolicyIndex> policy;
    CurlMultiPtr multi;
    std::size_t running = 0;
  };
  struct Timer {
    SteadyTime due;
    std::shared_ptr<Transfer> transfer;
  };

  // engine.cc: who drives.
  [[nodiscard]] Result<void> Prepare();
  void Post(Order order, Transfer& transfer);
  void WakeDriver() noexcept;
  void PolicyChanged() noexcept;
  void HandOver() noexcept;
  void DeliverMail(Transfer& transfer, std::unique_lock<std::mutex>& lock);

  // drive.cc: one round after the other.
  // Guarded does one step of a transfer. What is thrown, which is for want of memory, ends that one
  // and no other.
  template <typename Step>
  void Guarded(Transfer& transfer, const Step& step) noexcept {
    try {
      step();
    } catch (...) {
      FinishWithoutMemory(transfer);
    }
  }
  [[nodiscard]] bool Run(Transfer& transfer);
  [[nodiscard]] bool TakeBack(Transfer& transfer) noexcept;
  void DriveFor(Transfer& transfer) noexcept;
  void Round();
  void Obey();
  void Obey(Order order, Transfer& transfer);
  void StartDueTimers();
  void Perform();
  void EndRefused();
  void Sleep();
  [[nodiscard]] bool MayLeave(Transfer& transfer);
  [[nodiscard]] Generation& Current();
  [[nodiscard]] Generation* Find(std::size_t number) noexcept;
  [[nodiscard]] Generation* MakeGeneration(std::shared_ptr<const PolicyIndex> policy);
  void TurnPolicy();
  void DropIdleGenerations();

  // names.cc: one resolver thread for a name, however many requests want it.
  [[nodiscard]] bool WaitsForName(Transfer& transfer);
  void NameArrived(Transfer& transfer);
  void NameFailed(Transfer& transfer) noexcept;
  void LetTry(std::vector<std::shared_ptr<Transfer>> waiting) noexcept;
  void StartNamed();

  // journey.cc: from hop to hop.
  void BeginHop(Transfer& transfer);
  [[nodiscard]] Result<void> CheckHop(Transfer& transfer);
  void EndHop(Transfer& transfer) noexcept;
  void HopDone(Transfer& transfer, CURLcode code);
  void Answered(Transfer& transfer);
  void Failed(Transfer& transfer, Error error);
  [[nodiscard]] std::optional<std::chrono::milliseconds> PlanRetry(Transfer& transfer);
  void RetryLater(Transfer& transfer, std::chrono::milliseconds delay);
  [[nodiscard]] Result<void> Redirect(Transfer& transfer, std::string_view location);
  void NoteHsts(const Transfer& transfer);
  void Finish(Transfer& transfer, Result<Response> result);
  void FinishWithoutMemory(Transfer& transfer) noexcept;
  [[nodiscard]] Response MakeResponse(Transfer& transfer);

  // Constant.
  const Settings settings_;
  const tls::Enforcer enforcer_;
  std::shared_ptr<report::HostBlock> block_;  // null: no host is blocked
  std::shared_ptr<void> subscription_;
  Lists lists_;

  // Under the mutex. `generations_` is changed by the driver alone, and under the mutex.
  std::mutex mutex_;
  std::vector<Command> inbox_;
  std::vector<Transfer*> waiting_;
  std::shared_ptr<const Url> latest_url_;  // without credentials, so that its text says it all
  bool driving_ = false;
  std::size_t callers_for_quiet_ = 0;  // threads that want the driver to pause
  std::condition_variable quiet_;
  std::vector<std::unique_ptr<Generation>> generations_;

  std::atomic<bool> policy_changed_{false};

  // Of the driving thread.
  std::vector<std::shared_ptr<Transfer>> running_;  // each knows its place
  std::vector<Command> orders_;                     // of this round
  bool refused_ = false;                            // a hop that runs may have been refused
  std::vector<Timer> timers_;
  CurlSharePtr cookies_;
  std::unique_ptr<Easy> cookie_file_;  // holds the jar's file open to libcurl
  std::vector<std::unique_ptr<Easy>> idle_;
  HstsStore hsts_;
  std::optional<tls::ConnectionRecord> proxy_record_;
  std::size_t next_generation_ = 1;
  std::unordered_map<std::string, std::vector<std::shared_ptr<Transfer>>> resolving_;
  std::unordered_map<std::string, SteadyTime> resolved_;  // until when libcurl remembers them
  std::vector<std::shared_ptr<Transfer>> named_;          // those whose name has arrived
};

}  // namespace cotter::client
