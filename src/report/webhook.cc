// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <deque>
#include <mutex>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "report/https_url.h"
#include "report/random.h"
#include "report/text.h"
#include <cotter/report_spool.h>

namespace cotter::report {
namespace {

namespace json = boost::json;

// Waits before the second, third and fourth try; half of each is jitter.
constexpr std::array<std::int64_t, 3> kRetries = {60, 300, 1500};

struct Alert {
  std::string host;
  std::string body;
  std::size_t tries = 0;
  Time due;
};

json::object Facts(const ViolationEvent& event) {
  json::array found;
  for (const Digest& pin : event.found) found.emplace_back(FormatPin(pin));
  return {{"host", event.host},
          {"port", event.port},
          {"outcome", NameOf(event.outcome)},
          {"found", std::move(found)},
          {"policy", event.policy_name},
          {"policy_version", event.policy_version},
          {"time", FormatTime(event.time)}};
}

std::string Body(const ViolationEvent& event, const WebhookOptions& options) {
  const std::string text = AlertText(event);
  switch (options.form) {
    case WebhookForm::kSlack:
      return json::serialize(json::object{{"text", text + ", found " + PinList(event.found)}});
    case WebhookForm::kPagerDuty:
      return json::serialize(
          json::object{{"routing_key", options.routing_key},
                       {"event_action", "trigger"},
                       {"dedup_key", text},
                       {"payload", json::object{{"summary", text},
                                                {"source", event.host},
                                                {"severity", "critical"},
                                                {"timestamp", FormatTime(event.time)},
                                                {"custom_details", Facts(event)}}}});
    case WebhookForm::kGeneric:
      break;
  }
  json::object body = Facts(event);
  body["text"] = text;
  return json::serialize(body);
}

class Webhook final : public Outbox {
 public:
  Webhook(WebhookOptions options, std::string host)
      : options_(std::move(options)), host_(std::move(host)) {
    options_.random = OrSystemRandom(std::move(options_.random));
  }

  void Tell(const ViolationEvent& event) noexcept override {
    try {
      if (event.host == host_) {
        return Log(
            "event=alert_not_sent msg=\"the webhook's server itself is failing its pins\" host=" +
            Quoted(event.host));
      }
      Alert alert{event.host, Body(event, options_), 0, event.time};
      std::optional<std::string> dropped;
      std::function<void()> wake;
      {
        const std::lock_guard lock(mutex_);
        alerts_.push_back(std::move(alert));
        if (alerts_.size() > kMaxWaitingAlerts) {
          dropped = alerts_.front().host;
          alerts_.pop_front();
        }
        wake = wake_;
      }
      if (dropped) Log("event=alert_dropped msg=\"too many wait\" host=" + Quoted(*dropped));
      if (wake) wake();
    } catch (...) {
      return;  // a sink can change nothing
    }
  }

  std::optional<Time> NextDue() const override {
    const std::lock_guard lock(mutex_);
    std::optional<Time> next;
    for (const Alert& alert : alerts_) {
      if (!next || alert.due < *next) next = alert.due;
    }
    return next;
  }

  void Deliver(const PostFunction& post, Time now) override {
    while (std::optional<Alert> alert = TakeDue(now)) {
      const std::string failure = Send(post, alert->body);
      if (failure.empty()) continue;
      const bool again = alert->tries < kRetries.size();
      Log("event=alert_failed host=" + Quoted(alert->host) +
          " to=" + Quoted(OriginOf(options_.url)) + failure + " retry=" + (again ? "yes" : "no"));
      if (!again) continue;
      const std::int64_t wait = kRetries[alert->tries++];
      alert->due = Time{now.unix_seconds + wait / 2 + Jitter(options_.random, wait / 2)};
      const std::lock_guard lock(mutex_);
      alerts_.push_back(std::move(*alert));
    }
  }

  void OnWork(std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }

 private:
  std::optional<Alert> TakeDue(Time now) {
    const std::lock_guard lock(mutex_);
    for (auto alert = alerts_.begin(); alert != alerts_.end(); ++alert) {
      if (alert->due > now) continue;
      std::optional<Alert> taken(std::move(*alert));
      alerts_.erase(alert);
      return taken;
    }
    return std::nullopt;
  }

  // Send is why the alert could not be sent, as part of a log line; empty where it was.
  std::string Send(const PostFunction& post, const std::string& body) const {
    try {
      if (!post) return " msg=\"there is nothing to send with\"";
      const Result<PostReply> reply = post({options_.url, "application/json", body});
      if (!reply) {
        return " code=" + std::string(NameOf(reply.error().code)) +
               " msg=" + Quoted(reply.error().message);
      }
      if (reply->status >= 200 && reply->status < 300) return {};
      return " status=" + std::to_string(reply->status);
    } catch (...) {
      return " msg=\"sending threw an exception\"";
    }
  }

  void Log(const std::string& line) const noexcept {
    try {
      if (options_.log) options_.log(line);
    } catch (...) {
      return;
    }
  }

  WebhookOptions options_;
  std::string host_;
  mutable std::mutex mutex_;
  std::function<void()> wake_;
  std::deque<Alert> alerts_;
};

}  // namespace

Result<std::shared_ptr<Outbox>> MakeWebhook(WebhookOptions options) {
  Result<std::string> host = HttpsHost(options.url);
  if (!host) return std::move(host).error();
  if (options.form == WebhookForm::kPagerDuty && options.routing_key.empty()) {
    return Error{Code::kUsage, "PagerDuty needs a routing key"};
  }
  return std::shared_ptr<Outbox>(
      std::make_shared<Webhook>(std::move(options), std::move(host).value()));
}

}  // namespace cotter::report
