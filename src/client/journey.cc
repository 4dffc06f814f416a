// SPDX-License-Identifier: Apache-2.0
//
// From hop to hop: what is checked before each, and what follows from its end: a redirect, another
// attempt, or the result.
#include <algorithm>
#include <charconv>
#include <utility>

#include "client/engine.h"
#include "client/gate.h"
#include "client/hop.h"
#include "client/outcome.h"
#include "client/redact.h"
#include "client/request.h"

namespace cotter::client {
namespace {

using std::chrono::milliseconds;

// libcurl counts whole milliseconds on a clock of its own, and ends a request that much early.
constexpr milliseconds kClockTolerance{20};

// Longer Retry-After headers are taken for an hour; the longest delay of the options is the bound.
constexpr std::int64_t kLongestRetryAfter = 3600;

std::optional<std::string_view> FindIn(std::span<const Header> headers, std::string_view name) {
  const auto found = std::ranges::find_if(
      headers, [&](const Header& header) { return SameName(header.name, name); });
  if (found == headers.end()) return std::nullopt;
  return std::string_view(found->value);
}

bool IsRedirect(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// IsBusy reports a status that asks to come back (RFC 9110, 15.6; RFC 6585, 4).
bool IsBusy(int status) noexcept {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

std::uint32_t MostRedirects(const Transfer& transfer, const Options& options) {
  return transfer.request.max_redirects.value_or(options.max_redirects);
}

bool IsFollowed(const Transfer& transfer, const Options& options) {
  return IsRedirect(transfer.hop.status) && MostRedirects(transfer, options) > 0 &&
         FindIn(transfer.hop.received, "location").has_value();
}

milliseconds RetryAfter(const Transfer& transfer) {
  const auto value = FindIn(transfer.hop.received, "retry-after");
  std::int64_t seconds = 0;
  if (value) std::from_chars(value->data(), value->data() + value->size(), seconds);
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kLongestRetryAfter));
}

// TurnIntoGet is what 301, 302 and 303 do to a method (RFC 9110, 15.4).
void TurnIntoGet(Transfer& transfer) {
  const bool keeps = transfer.method == "GET" || transfer.method == "HEAD";
  const bool turns =
      transfer.hop.status == 303 ||
      ((transfer.hop.status == 301 || transfer.hop.status == 302) && transfer.method == "POST");
  if (!turns || keeps) return;
  transfer.method = "GET";
  transfer.sends_body = false;
  std::erase_if(transfer.headers, [](const Header& header) {
    return header.name.size() > 8 && SameName(header.name.substr(0, 8), "content-");
  });
}

}  // namespace

void Engine::BeginHop(Transfer& transfer) {
  if (policy_changed_ || settings_.options.policy->Current() != Current().policy) {
    policy_changed_ = false;
    TurnPolicy();
  }
  if (std::exchange(transfer.begun, true)) {
    transfer.hop = Hop{};
    transfer.body.clear();
  }
  if (Result<void> sound = CheckHop(transfer); !sound) {
    return Finish(transfer, std::move(sound).error());
  }
  if (WaitsForName(transfer)) return;
  if (idle_.empty()) {
    transfer.hop.easy = MakeEasy(settings_, lists_, cookies_.get());
  } else {
    transfer.hop.easy = std::move(idle_.back());
    idle_.pop_back();
  }
  if (!transfer.hop.easy) {
    NameFailed(transfer);
    return Finish(transfer, Error{Code::kInternal, "no memory for a connection"});
  }
  if (Result<void> configured = ConfigureHop(transfer, settings_); !configured) {
    transfer.hop.easy.reset();
    NameFailed(transfer);
    return Finish(transfer, std::move(configured).error());
  }
  if (Run(transfer)) return;
  transfer.hop.easy.reset();
  NameFailed(transfer);
  Finish(transfer, Error{Code::kInternal, "libcurl takes no more requests"});
}

// CheckHop says whether the hop's URL may be asked at all, and makes it https where the host wants
// that.
Result<void> Engine::CheckHop(Transfer& transfer) {
  const Options& options = settings_.options;
  if (transfer.deadline && *transfer.deadline <= std::chrono::steady_clock::now()) {
    return Error{Code::kRequestTimeout, "the request took too long"};
  }
  if (transfer.url->scheme() == Scheme::kHttp && options.hsts &&
      hsts_.Knows(transfer.url->endpoint().host, options.now())) {
    Result<Url> secure = transfer.url->WithTls();
    if (!secure) return secure.error();
    transfer.url = std::make_shared<const Url>(*std::move(secure));
    // The same request, spoken as its host demands: what was meant for it still is.
    if (!transfer.left_origin) transfer.first_url = transfer.url;
  }
  const Endpoint& endpoint = transfer.url->endpoint();
  if (block_ && block_->Blocked(endpoint.host.text(), endpoint.port, options.now())) {
    return Error{Code::kPinMismatch,
                 std::string(endpoint.host.text()) + " is blocked after a bad ssl pin"};
  }
  if (transfer.url->scheme() == Scheme::kHttps) return Ok();
  return CheckClear(*Current().policy, *transfer.url);
}

// EndHop takes the hop's handle back from libcurl; the transfer is not over by that.
void Engine::EndHop(Transfer& transfer) noexcept {
  const std::shared_ptr<Transfer> alive = transfer.shared_from_this();
  NameFailed(transfer);
  if (!TakeBack(transfer)) return;
  transfer.hop.ready = false;
  if (idle_.size() < kMostIdleHandles) {
    idle_.push_back(std::move(transfer.hop.easy));
  }
  transfer.hop.easy.reset();
}

void Engine::HopDone(Transfer& transfer, CURLcode code) {
  Hop& hop = transfer.hop;
  const HopEnd end = LookAtEnd(*hop.easy, code);
  const bool sent = hop.ready;
  hop.facts.reused = end.reused;
  transfer.http_version = end.http_version;
  EndHop(transfer);
  hop.sent = sent;
  if (hop.refusal) return Failed(transfer, *hop.refusal);
  if (code == CURLE_OK || hop.cut) return Answered(transfer);
  const bool late =
      transfer.deadline && *transfer.deadline <= std::chrono::steady_clock::now() + kClockTolerance;
  Failed(transfer, ErrorOf(end, late ? TimeLimit::kReached : TimeLimit::kAhead));
}

void Engine::Failed(Transfer& transfer, Error error) {
  if (IsRetryable(error)) {
    if (const std::optional<milliseconds> delay = PlanRetry(transfer)) {
      Log(transfer, LogLevel::kInfo, "request retried after=" + std::string(NameOf(error.code)));
      return RetryLater(transfer, *delay);
    }
  }
  Finish(transfer, std::move(error));
}

void Engine::Answered(Transfer& transfer) {
  NoteHsts(transfer);
  if (IsFollowed(transfer, settings_.options)) {
    const std::string location(FindIn(transfer.hop.received, "location").value_or(""));
    if (Result<void> led = Redirect(transfer, location); !led) {
      return Finish(transfer, std::move(led).error());
    }
    return BeginHop(transfer);
  }
  if (transfer.hop.retry_delay) {
    Log(transfer, LogLevel::kInfo,
        "request retried after_status=" + std::to_string(transfer.hop.status));
    return RetryLater(transfer, *transfer.hop.retry_delay);
  }
  Finish(transfer, MakeResponse(transfer));
}

BodyUse Engine::UseOfBody(Transfer& transfer) {
  if (IsFollowed(transfer, settings_.options)) return BodyUse::kDiscard;
  if (!IsBusy(transfer.hop.status)) return BodyUse::kDeliver;
  transfer.hop.sent = true;
  transfer.hop.retry_delay = PlanRetry(transfer);
  return transfer.hop.retry_delay ? BodyUse::kDiscard : BodyUse::kDeliver;
}

// PlanRetry is how long to wait before the next attempt; nullopt where there is none.
std::optional<milliseconds> Engine::PlanRetry(Transfer& transfer) {
  const Retry& retry = settings_.options.retry;
  if (transfer.attempts >= retry.attempts || transfer.sink_touched) return std::nullopt;
  if (transfer.hop.sent && !IsIdempotent(transfer.method)) return std::nullopt;
  {
    const std::lock_guard lock(mutex_);
    const Upload& upload = transfer.upload;
    const bool begun = !upload.ready.empty() || upload.ended || upload.failed;
    if (transfer.fault || (transfer.request.source && begun)) return std::nullopt;
  }
  const double factor = static_cast<double>(std::uint64_t{1} << (transfer.attempts - 1));
  const double full = std::min(static_cast<double>(retry.first_delay.count()) * factor,
                               static_cast<double>(retry.longest_delay.count()));
  const double share = 1 - std::clamp(settings_.options.random(), 0.0, 1.0) / 2;
  const milliseconds wanted(static_cast<std::int64_t>(full * share));
  const milliseconds delay = std::min(std::max(wanted, RetryAfter(transfer)), retry.longest_delay);
  if (transfer.deadline && std::chrono::steady_clock::now() + delay >= *transfer.deadline) {
    return std::nullopt;
  }
  return delay;
}

void Engine::RetryLater(Transfer& transfer, milliseconds delay) {
  ++transfer.attempts;
  timers_.push_back({std::chrono::steady_clock::now() + delay, transfer.shared_from_this()});
}

// Redirect turns the transfer to where the answer leads.
Result<void> Engine::Redirect(Transfer& transfer, std::string_view location) {
  const auto refused = [&](std::string_view why) {
    return Error{Code::kRedirectRefused, "the redirect is not followed: " + std::string(why)};
  };
  if (transfer.redirects >= MostRedirects(transfer, settings_.options)) {
    return refused("there were " + std::to_string(transfer.redirects) + " before it");
  }
  Result<Url> next = transfer.url->Resolve(location);
  if (!next) return refused(next.error().message);
  if (transfer.url->scheme() == Scheme::kHttps && next->scheme() == Scheme::kHttp) {
    return refused("it leads from https to http");
  }
  TurnIntoGet(transfer);
  if (transfer.sends_body && transfer.request.source) {
    return refused("the body was streamed and cannot be sent again");
  }
  if (!next->SameOrigin(*transfer.url)) {
    transfer.left_origin = true;
    std::erase_if(transfer.headers, [](const Header& header) { return !MayCross(header.name); });
  }
  ++transfer.redirects;
  transfer.url = std::make_shared<const Url>(*std::move(next));
  Log(transfer, LogLevel::kInfo,
      "redirect followed url=" + report::RedactUrl(transfer.url->text()));
  return Ok();
}

void Engine::NoteHsts(const Transfer& transfer) {
  if (!settings_.options.hsts || transfer.url->scheme() != Scheme::kHttps) return;
  // The first of several counts (RFC 6797, 8.1).
  const auto value = FindIn(transfer.hop.received, "strict-transport-security");
  if (!value) return;
  if (const std::optional<HstsDirective> directive = ParseHsts(*value)) {
    hsts_.Note(transfer.url->endpoint().host, *directive, settings_.options.now());
  }
}

Response Engine::MakeResponse(Transfer& transfer) {
  Response response;
  response.status = transfer.hop.status;
  response.http_version = transfer.http_version;
  response.url = transfer.url->text();
  response.headers = std::move(transfer.hop.received);
  response.body = std::move(transfer.body);
  response.connection = std::move(transfer.hop.facts);
  response.redirects = transfer.redirects;
  response.attempts = transfer.attempts;
  return response;
}

// Finish hands the result over. What is said of a transfer after that is not heard.
void Engine::Finish(Transfer& transfer, Result<Response> result) {
  if (transfer.finished) return;
  transfer.finished = true;
  if (settings_.options.logger) {
    std::string line = "request finished method=" + transfer.method +
                       " url=" + report::RedactUrl(transfer.url->text());
    line += result ? " status=" + std::to_string(result->status)
                   : " error=" + std::string(NameOf(result.error().code));
    Log(transfer, result ? LogLevel::kInfo : LogLevel::kError, std::move(line));
  }
  const std::lock_guard lock(mutex_);
  transfer.result = std::move(result);
  Notify(transfer);
}

// FinishWithoutMemory allocates nothing: the text is short enough to stand in the string itself.
void Engine::FinishWithoutMemory(Transfer& transfer) noexcept {
  EndHop(transfer);
  transfer.finished = true;
  const std::lock_guard lock(mutex_);
  if (!transfer.result) transfer.result = Error{Code::kInternal, std::string(kNoMemory)};
  Notify(transfer);
}

}  // namespace cotter::client
