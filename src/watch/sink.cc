// SPDX-License-Identifier: Apache-2.0
#include "watch/sink.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <openssl/rand.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "client/mail.h"
#include "watch/messages.h"
#include <cotter/policy_file_source.h>
#include <cotter/policy_index.h>

namespace cotter::watch {
namespace {

Error Undelivered(const std::string& why) { return Error{Code::kAlertUndelivered, why}; }

// HttpSink posts JSON.
class HttpSink final : public Sink {
 public:
  HttpSink(SinkConfig config, client::Client client)
      : config_(std::move(config)), client_(std::move(client)) {}

  Result<void> Tell(std::span<const Notification> notifications, Time now) override {
    client::Request request;
    request.method = "POST";
    request.url = config_.url;
    request.body = Body(notifications, now);
    request.headers = {{"Content-Type", "application/json"}};
    if (config_.kind == SinkKind::kWebhook && !config_.secret.empty()) {
      request.headers.push_back(
          {"Cotter-Signature", WebhookSignature(config_.secret, now, request.body)});
    }
    request.max_redirects = 0;
    const Result<client::Response> response = client_.Send(std::move(request));
    if (!response) {
      return Undelivered(std::string(NameOf(response.error().code)) + ": " +
                         response.error().message);
    }
    constexpr int kOk = 200;
    constexpr int kRedirect = 300;
    if (response->status >= kOk && response->status < kRedirect) return Ok();
    return Undelivered("it answered " + std::to_string(response->status));
  }

 private:
  [[nodiscard]] std::string Body(std::span<const Notification> notifications, Time now) const {
    switch (config_.kind) {
      case SinkKind::kAlertmanager:
        return AlertmanagerJson(notifications, now, kAlertLifetimeSeconds);
      case SinkKind::kSlack:
        return SlackJson(notifications.front());
      case SinkKind::kPagerDuty:
        return PagerDutyJson(notifications.front(), config_.secret);
      default:
        return GenericJson(notifications.front());
    }
  }

  SinkConfig config_;
  client::Client client_;
};

class MailSink final : public Sink {
 public:
  MailSink(SinkConfig config, tls::Enforcer enforcer)
      : config_(std::move(config)), enforcer_(std::move(enforcer)) {}

  Result<void> Tell(std::span<const Notification> notifications, Time now) override {
    const client::MailServer server{.url = config_.url,
                                    .user = config_.user,
                                    .password = config_.password,
                                    .cleartext = config_.insecure_cleartext
                                                     ? client::MailCleartext::kInsecureAllowed
                                                     : client::MailCleartext::kRefused,
                                    .timeout = config_.timeout};
    for (const Notification& notification : notifications) {
      const client::MailMessage mail{.from = config_.from,
                                     .to = config_.to,
                                     .text = MailText(notification, config_, now, MessageId(now))};
      if (const Result<void> sent = client::SendMail(server, mail, enforcer_); !sent) {
        return Undelivered(std::string(NameOf(sent.error().code)) + ": " + sent.error().message);
      }
    }
    return Ok();
  }

 private:
  // MessageId is unique (RFC 5322, 3.6.4); its domain is the sender's.
  [[nodiscard]] std::string MessageId(Time now) const {
    std::uint64_t random = 0;
    RAND_bytes(static_cast<unsigned char*>(static_cast<void*>(&random)), sizeof random);
    const std::size_t at = config_.from.rfind('@');
    return std::to_string(now.unix_seconds) + "." + std::to_string(random) + "@" +
           (at == std::string::npos ? "localhost" : config_.from.substr(at + 1));
  }

  SinkConfig config_;
  tls::Enforcer enforcer_;
};

class FileSink final : public Sink {
 public:
  explicit FileSink(std::string path) : path_(std::move(path)) {}

  Result<void> Tell(std::span<const Notification> notifications, Time /*now*/) override {
    const base::Descriptor file(
        open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    std::string lines;
    for (const Notification& notification : notifications) {
      lines += GenericJson(notification) + "\n";
    }
    const bool written =
        file.get() >= 0 &&
        write(file.get(), lines.data(), lines.size()) == static_cast<ssize_t>(lines.size()) &&
        fdatasync(file.get()) == 0;
    if (written) return Ok();
    return Undelivered(path_ + ": " + std::strerror(errno));
  }

 private:
  std::string path_;
};

Result<std::shared_ptr<PolicySource>> PolicyOf(const DeliveryConfig& delivery) {
  if (!delivery.policy.empty()) {
    auto watched = WatchedPolicy::Open({.path = delivery.policy});
    if (!watched) return watched.error();
    return std::shared_ptr<PolicySource>(*std::move(watched));
  }
  Policy policy;
  policy.name = "delivery";
  policy.version = 1;
  Result<PolicyIndex> index = PolicyIndex::Build(policy);
  if (!index) return index.error();
  return std::shared_ptr<PolicySource>(
      HoldPolicy(std::make_shared<const PolicyIndex>(*std::move(index))));
}

}  // namespace

Result<Carriers> MakeCarriers(const DeliveryConfig& delivery) {
  auto trust = tls::LoadTrustStore(delivery.trust);
  if (!trust) return trust.error();
  auto policy = PolicyOf(delivery);
  if (!policy) return policy.error();
  Carriers carriers;
  carriers.make_client = [trust = *trust, policy = *policy](std::chrono::milliseconds timeout) {
    client::Options options;
    options.policy = policy;
    options.trust = trust;
    options.on_bad_pin = nullptr;  // the failure is told as one of delivery
    options.timeout = timeout;
    options.retry.attempts = 1;  // the outbox tries again
    options.user_agent = "cotter-watch";
    return client::Client::Create(std::move(options));
  };
  Result<tls::Enforcer> enforcer = tls::Enforcer::Create({.policy = *policy, .trust = *trust});
  if (!enforcer) return enforcer.error();
  carriers.enforcer = *std::move(enforcer);
  return carriers;
}

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, const Carriers& carriers) {
  switch (config.kind) {
    case SinkKind::kAlertmanager:
    case SinkKind::kWebhook:
    case SinkKind::kSlack:
    case SinkKind::kPagerDuty: {
      SinkConfig own = config;
      if (config.kind == SinkKind::kAlertmanager) {
        while (own.url.ends_with('/')) own.url.pop_back();
        own.url += "/api/v2/alerts";
      }
      Result<client::Client> client = carriers.make_client(config.timeout);
      if (!client) return client.error();
      return std::unique_ptr<Sink>(std::make_unique<HttpSink>(std::move(own), *std::move(client)));
    }
    case SinkKind::kEmail:
      return std::unique_ptr<Sink>(std::make_unique<MailSink>(config, carriers.enforcer.value()));
    case SinkKind::kCommand:
      return MakeCommandSink(config);
    case SinkKind::kFile:
      return std::unique_ptr<Sink>(std::make_unique<FileSink>(config.path));
  }
  return Error{Code::kInternal, "an unknown kind of sink"};
}

}  // namespace cotter::watch
