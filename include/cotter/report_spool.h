// SPDX-License-Identifier: Apache-2.0
//
// Outboxes: sinks whose events leave the machine later, over a connection that the program
// provides. The spool keeps reports on disk (RFC 7469, 3, with the policy's version) and sends each
// at most once a day; the webhook sends alerts to people. A Courier drives both from a thread of
// its own, or a program calls Deliver itself.
//
// What leaves is host names, pins, dates and counts: no URL, no header, no peer, no identifier of
// the machine or of a person. Nothing is sent through a connection that is failing its pins: the
// PostFunction is expected to hold a policy of its own, and a violation of the very host that an
// outbox sends to is logged and not sent.
//
// Outboxes may be used from any thread. No lock is held while a PostFunction or LogFunction runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cotter/report.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::report {

// PostRequest is one HTTP POST that an outbox asks for.
struct PostRequest {
  std::string url;
  std::string content_type;
  std::string body;
};

// PostReply is what the server answered.
struct PostReply {
  int status = 0;
  std::optional<std::int64_t> retry_after_seconds{};  // of its Retry-After header
};

// PostFunction sends one request and waits for the answer, with time-outs of its own. It follows no
// redirect. It fails with the code of what went wrong, a pin mismatch among them.
using PostFunction = std::function<Result<PostReply>(const PostRequest&)>;

// RandomFunction is 64 random bits a call.
using RandomFunction = std::function<std::uint64_t()>;

// Outbox is a sink whose events are sent later.
class Outbox : public Sink {
 public:
  // NextDue is when Deliver has something to do; nullopt where nothing waits.
  [[nodiscard]] virtual std::optional<Time> NextDue() const = 0;

  // Deliver sends what is due at `now` through `post`. Failures are logged, and tried again later.
  virtual void Deliver(const PostFunction& post, Time now) = 0;

  // OnWork has `wake` called after each event that makes NextDue earlier. One at a time.
  virtual void OnWork(std::function<void()> wake) = 0;
};

// The spool's bounds: over them the oldest record is dropped, and the drop counted.
inline constexpr std::size_t kMaxSpoolRecords = 64;
inline constexpr std::size_t kMaxSpoolBytes = std::size_t{64} << 10;

// SpoolOptions says what is kept where, and where it goes.
struct SpoolOptions {
  std::string directory;           // made with mode 0700; of this process alone
  std::string report_url;          // https; of another domain and key than what is pinned
  double sampling_fraction = 1.0;  // of failures that this client reports at all; 0 to 1
  LogFunction log{};               // told of what is dropped, or could not be kept or sent
  RandomFunction random{};         // empty: the system's
};

// Spool keeps one record for each (host, reasons, served pins, policy and its version).
//
// The first failure of a record is sent within 30 seconds, as a full report; full reports of one
// record are at least a day apart. Failures in between are counted, and the count is sent after at
// most 1 minute, 5 minutes, 30 minutes, 6 hours, 24 hours, then daily, each with full jitter. What
// could not be sent waits on the same schedule. 429 and 503 put everything off by their
// Retry-After; 410 ends reporting for good. Each record is a file of mode 0600, written whole or
// not at all, so a crash loses the counts since the last sending at most.
class Spool : public Outbox {
 public:
  // Records is how many records are kept.
  [[nodiscard]] virtual std::size_t Records() const = 0;

  // Dropped is how many failures were dropped for the spool's bounds, in all.
  [[nodiscard]] virtual std::uint64_t Dropped() const = 0;
};

// OpenSpool opens the directory and reads what an earlier process left there; broken files are
// removed and logged. Fails with kUsage (no https URL, a fraction outside 0 to 1) or
// kFileUnreadable (a directory that others may use, or that another process has open).
[[nodiscard]] Result<std::shared_ptr<Spool>> OpenSpool(SpoolOptions options);

// What a webhook's receiver understands.
enum class WebhookForm : std::uint8_t {
  kGeneric,    // an object with the text and the facts
  kSlack,      // {"text": ...}; Mattermost, Rocket.Chat and Teams workflows take it too
  kPagerDuty,  // Events API v2
};

// WebhookOptions says whom to alert.
struct WebhookOptions {
  std::string url;  // https; a secret of many services, so only its origin is ever logged
  WebhookForm form = WebhookForm::kGeneric;
  std::string routing_key{};  // of PagerDuty; a secret
  LogFunction log{};          // told of every alert that could not be sent
  RandomFunction random{};    // empty: the system's
};

// Alerts that wait in memory; over it the oldest is dropped and logged. Put MakeRateLimited before
// a webhook: people cannot read more.
inline constexpr std::size_t kMaxWaitingAlerts = 64;

// MakeWebhook is an outbox of alerts. Each is tried 4 times, within 30 minutes or so. Fails with
// kUsage where the URL is not https, or a routing key is missing.
[[nodiscard]] Result<std::shared_ptr<Outbox>> MakeWebhook(WebhookOptions options);

// Courier sends what is due in `outboxes`, from one thread, until it is destroyed; the destructor
// waits for a post that is under way.
class Courier {
 public:
  // Start starts the thread. `now` is the clock; empty: the system's.
  [[nodiscard]] static std::unique_ptr<Courier> Start(std::vector<std::shared_ptr<Outbox>> outboxes,
                                                      PostFunction post,
                                                      std::function<Time()> now = {});

  virtual ~Courier() = default;
};

}  // namespace cotter::report
