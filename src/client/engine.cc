// SPDX-License-Identifier: Apache-2.0
//
// Who drives, and what passes between the driver and those who wait.
#include "client/engine.h"

#include <algorithm>
#include <utility>

#include "client/deliver.h"
#include "client/hop.h"
#include "client/request.h"
#include "client/storage.h"

namespace cotter::client {
namespace {

std::optional<SteadyTime> DeadlineOf(const Request& request, const Options& options) {
  const std::chrono::milliseconds timeout = request.timeout.value_or(options.timeout);
  if (timeout.count() <= 0) return std::nullopt;
  return std::chrono::steady_clock::now() + timeout;
}

// AcceptEncoding is the header that libcurl would write anew for each request.
std::string AcceptEncoding() {
  const int features = Curl().version_info(CURLVERSION_NOW)->features;
  std::string codings;
  const auto add = [&](int feature, std::string_view names) {
    if ((features & feature) != 0) codings.append(codings.empty() ? "" : ", ").append(names);
  };
  add(CURL_VERSION_LIBZ, "deflate, gzip");
  add(CURL_VERSION_BROTLI, "br");
  add(CURL_VERSION_ZSTD, "zstd");
  return "Accept-Encoding: " + (codings.empty() ? "identity" : codings);
}

bool AppendAll(CurlListPtr& list, const std::vector<std::string>& texts) {
  return std::ranges::all_of(texts, [&](const std::string& text) { return Append(list, text); });
}

}  // namespace

Engine::Engine(Passkey /*key*/, Settings settings, tls::Enforcer enforcer)
    : settings_(std::move(settings)), enforcer_(std::move(enforcer)) {}

Result<std::shared_ptr<Engine>> Engine::Create(Settings settings) {
  Result<tls::Enforcer> enforcer = tls::Enforcer::Create({.policy = settings.options.policy,
                                                          .trust = settings.options.trust,
                                                          .now = settings.options.now,
                                                          .resume = tls::Resumption::kBound});
  if (!enforcer) return enforcer.error();
  auto engine = std::make_shared<Engine>(Passkey{}, std::move(settings), *std::move(enforcer));
  if (const Result<void> prepared = engine->Prepare(); !prepared) return prepared.error();
  return engine;
}

Engine::~Engine() {
  // No Pending is left, so nobody waits; libcurl wants its handles back before it goes.
  while (!running_.empty()) {
    const std::shared_ptr<Transfer> transfer = running_.back();
    EndHop(*transfer);
  }
}

Result<void> Engine::Prepare() {
  const Options& options = settings_.options;
  const Error no_memory{Code::kInternal, "no memory for a client"};
  std::vector<std::string> plain;
  if (!options.user_agent.empty()) plain.push_back("User-Agent: " + options.user_agent);
  if (options.decompress) plain.push_back(AcceptEncoding());
  if (!AppendAll(lists_.resolve, options.resolve) ||
      !AppendAll(lists_.connect, options.connect_to) || !AppendAll(lists_.plain_headers, plain)) {
    return no_memory;
  }
  if (options.block_after_bad_pin.count() > 0) {
    block_ = report::MakeHostBlock(options.block_after_bad_pin.count());
  }
  if (options.hsts) {
    if (Result<void> read = ReadHsts(options.hsts->path, hsts_); !read) return read;
  }
  if (options.cookies) {
    Result<CurlSharePtr> cookies = OpenCookies(options.cookies->path);
    if (!cookies) return cookies.error();
    cookies_ = *std::move(cookies);
  }
  if (MakeGeneration(options.policy->Current()) == nullptr) return no_memory;
  // An option that libcurl refuses, as an interface's name, is found here and not at a request.
  std::unique_ptr<Easy> easy = MakeEasy(settings_, lists_, cookies_.get());
  if (easy == nullptr) return Error{Code::kUsage, "invalid config: libcurl refuses an option"};
  idle_.reserve(kMostIdleHandles);
  idle_.push_back(std::move(easy));
  subscription_ = options.policy->Subscribe([weak = weak_from_this()] {
    if (const std::shared_ptr<Engine> engine = weak.lock()) engine->PolicyChanged();
  });
  return Ok();
}

std::shared_ptr<Transfer> Engine::Start(Request request) {
  const std::optional<SteadyTime> deadline = DeadlineOf(request, settings_.options);
  auto transfer = std::make_shared<Transfer>(*this, std::move(request), deadline);
  if (const Result<void> sound = PrepareRequest(*transfer); !sound) {
    transfer->result = sound.error();
    return transfer;
  }
  Post(Order::kBegin, *transfer);
  return transfer;
}

Result<std::shared_ptr<const Url>> Engine::ReadUrl(std::string_view text) {
  {
    const std::lock_guard lock(mutex_);
    if (latest_url_ && latest_url_->text() == text) return latest_url_;
  }
  Result<Url> url = Url::Parse(text);
  if (!url) return url.error();
  auto read = std::make_shared<const Url>(*std::move(url));
  if (!read->credentials()) {
    const std::lock_guard lock(mutex_);
    latest_url_ = read;
  }
  return std::shared_ptr<const Url>(std::move(read));
}

void Engine::Post(Order order, Transfer& transfer) {
  const std::lock_guard lock(mutex_);
  inbox_.push_back({order, transfer.shared_from_this()});
  WakeDriver();
}

// WakeDriver is called with the mutex held, which keeps the generation from going.
void Engine::WakeDriver() noexcept {
  if (driving_ && !generations_.empty()) {
    static_cast<void>(Curl().multi_wakeup(generations_.back()->multi.get()));
  }
}

void Engine::PolicyChanged() noexcept {
  policy_changed_ = true;
  const std::lock_guard lock(mutex_);
  WakeDriver();
}

void Engine::Notify(Transfer& transfer) noexcept {
  if (transfer.waiting) transfer.wake.notify_one();
}

// HandOver is called with the mutex held, when nobody drives any more.
void Engine::HandOver() noexcept {
  if (callers_for_quiet_ > 0) {
    quiet_.notify_all();
  } else if (!waiting_.empty()) {
    waiting_.front()->wake.notify_one();
  }
}

Result<Response> Engine::Wait(Transfer& transfer) {
  std::unique_lock lock(mutex_);
  while (true) {
    // Whoever was woken to drive, and has something else to do, wakes the next one: else nobody
    // drives, and all wait for ever.
    if (!driving_ && (!transfer.mail.empty() || transfer.result)) HandOver();
    if (!transfer.mail.empty()) {
      DeliverMail(transfer, lock);
    } else if (transfer.result) {
      if (transfer.fault) return *transfer.fault;
      return *std::move(transfer.result);
    } else if (!driving_ && callers_for_quiet_ == 0) {
      driving_ = true;
      lock.unlock();
      DriveFor(transfer);
      lock.lock();
      driving_ = false;
      HandOver();
    } else {
      transfer.waiting = true;
      waiting_.push_back(&transfer);
      transfer.wake.wait(lock);
      std::erase(waiting_, &transfer);
      transfer.waiting = false;
    }
  }
}

// DeliverMail runs what the caller supplied, with the mutex released.
void Engine::DeliverMail(Transfer& transfer, std::unique_lock<std::mutex>& lock) {
  Mail mail = std::exchange(transfer.mail, {});
  const bool abandoned = transfer.abandoned;
  lock.unlock();
  TellAndLog(settings_.options, mail);
  Delivery delivery;
  if (!abandoned) delivery = DeliverBody(transfer.request, mail);
  lock.lock();
  bool resume = false;
  if (delivery.fault) {
    if (!transfer.fault) transfer.fault = delivery.fault;
    transfer.upload.failed = true;
    inbox_.push_back({Order::kCancel, transfer.shared_from_this()});
  }
  if (mail.wants_upload && !delivery.fault) {
    transfer.upload.ready = std::move(delivery.upload);
    transfer.upload.taken = 0;
    transfer.upload.ended = transfer.upload.ready.empty();
    resume = std::exchange(transfer.send_paused, false);
  }
  if (!mail.received.empty() && std::exchange(transfer.receive_paused, false)) resume = true;
  if (resume) inbox_.push_back({Order::kResume, transfer.shared_from_this()});
  WakeDriver();
}

void Engine::Cancel(Transfer& transfer) noexcept try {
  Post(Order::kCancel, transfer);
} catch (...) {
  // No memory for the order: the request ends by its deadline.
  return;
}

void Engine::Settle(Transfer& transfer) noexcept try {
  {
    const std::lock_guard lock(mutex_);
    transfer.abandoned = true;
    transfer.upload.failed = true;
    inbox_.push_back({Order::kCancel, transfer.shared_from_this()});
    WakeDriver();
  }
  static_cast<void>(Wait(transfer).has_value());
} catch (...) {
  return;
}

void Engine::Tell(Transfer& transfer, BadPin bad) {
  if (settings_.options.violations) settings_.options.violations->Tell(bad.event);
  if (block_) block_->Tell(bad.event);
  if (settings_.options.logger) {
    Log(transfer, LogLevel::kWarn, "violation " + report::LogLine(bad.event));
  }
  if (!settings_.options.on_bad_pin) return;
  const std::lock_guard lock(mutex_);
  transfer.mail.bad_pins.push_back(std::move(bad));
  Notify(transfer);
}

void Engine::Log(Transfer& transfer, LogLevel level, std::string text) {
  if (!settings_.options.logger) return;
  const std::lock_guard lock(mutex_);
  transfer.mail.log.push_back({level, std::move(text)});
  Notify(transfer);
}

Result<void> Engine::Save() {
  std::unique_lock lock(mutex_);
  ++callers_for_quiet_;
  WakeDriver();
  quiet_.wait(lock, [&] { return !driving_; });
  driving_ = true;
  --callers_for_quiet_;
  lock.unlock();
  const Options& options = settings_.options;
  Result<void> saved = Ok();
  if (options.hsts) saved = WriteHsts(options.hsts->path, hsts_, options.now());
  if (saved && options.cookies) saved = WriteCookies(options.cookies->path, cookies_.get());
  lock.lock();
  driving_ = false;
  HandOver();
  return saved;
}

}  // namespace cotter::client
