// SPDX-License-Identifier: Apache-2.0
//
// A notification in the words of each kind of receiver, and in the form that the state keeps. Pure
// functions, safe from any thread. Each allocates its result.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "watch/alert_book.h"
#include "watch/config.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::watch {

// GenericJson is the object of the generic webhook, of commands and of files; ParseNotification
// reads it back. Fails with kFormatMalformed.
[[nodiscard]] std::string GenericJson(const Notification& notification);
[[nodiscard]] Result<Notification> ParseNotification(std::string_view json);

// AlertmanagerJson is the body of POST /api/v2/alerts (Alertmanager's OpenAPI, postAlerts).
// Alerts that are open end on their own `lifetime_seconds` after `now`, should nobody repeat them.
[[nodiscard]] std::string AlertmanagerJson(std::span<const Notification> notifications, Time now,
                                           std::int64_t lifetime_seconds);

// SlackJson is {"text": ...}, which Mattermost, Rocket.Chat and Teams workflows take too.
[[nodiscard]] std::string SlackJson(const Notification& notification);

// PagerDutyJson is an event of the Events API v2.
[[nodiscard]] std::string PagerDutyJson(const Notification& notification,
                                        std::string_view routing_key);

// MailText is a whole message (RFC 5322), with CRLF and dots as they are.
[[nodiscard]] std::string MailText(const Notification& notification, const SinkConfig& sink,
                                   Time now, std::string_view message_id);

// WebhookSignature is "t=SECONDS,v1=HEX": HMAC-SHA256 with `secret` over "SECONDS.BODY".
[[nodiscard]] std::string WebhookSignature(std::string_view secret, Time now,
                                           std::string_view body);

}  // namespace cotter::watch
