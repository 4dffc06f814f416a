// SPDX-License-Identifier: Apache-2.0
#include "watch/messages.h"

#include <utility>

#include <boost/json.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "policy/document.h"
#include "policy/table_reader.h"

namespace cotter::watch {
namespace {

namespace json = boost::json;
using policy::TableReader;

std::string ExplainOf(const Notification& notification) {
  return "cotter explain " + std::string(NameOf(notification.condition.code));
}

json::object Facts(const Notification& notification) {
  const Subject& subject = notification.subject;
  const Condition& condition = notification.condition;
  json::object object{{"status", NameOf(notification.notice)},
                      {"alert", NameOf(condition.code)},
                      {"severity", NameOf(condition.severity)},
                      {"text", condition.text},
                      {"details", condition.details},
                      {"target", subject.name},
                      {"host", subject.host},
                      {"group", subject.group},
                      {"region", subject.region},
                      {"vendor", subject.vendor},
                      {"owner", subject.owner},
                      {"since", FormatTime(notification.since)},
                      {"explain", ExplainOf(notification)}};
  if (notification.until) object["until"] = FormatTime(*notification.until);
  if (notification.previous_severity) {
    object["previous_severity"] = NameOf(*notification.previous_severity);
  }
  return object;
}

void AddLabel(json::object& labels, std::string_view name, const std::string& value) {
  // Alertmanager takes an empty label for one that is not there.
  if (!value.empty()) labels[name] = value;
}

json::object AlertmanagerAlert(const Notification& notification, Severity severity, Time end) {
  const Subject& subject = notification.subject;
  json::object labels{{"alertname", NameOf(notification.condition.code)},
                      {"target", subject.name},
                      {"severity", NameOf(severity)},
                      {"source", "cotter-watch"}};
  AddLabel(labels, "host", subject.host);
  AddLabel(labels, "group", subject.group);
  AddLabel(labels, "region", subject.region);
  AddLabel(labels, "vendor", subject.vendor);
  AddLabel(labels, "owner", subject.owner);
  return {{"labels", std::move(labels)},
          {"annotations", json::object{{"summary", notification.condition.text},
                                       {"description", notification.condition.details},
                                       {"explain", ExplainOf(notification)}}},
          {"startsAt", FormatTime(notification.since)},
          {"endsAt", FormatTime(end)}};
}

std::string Headline(const Notification& notification) {
  const bool over = notification.notice == Notice::kResolved;
  return (over ? "[resolved] " : "") + notification.condition.text;
}

// HeaderText is a text of ours or of a server in a header: one line of ASCII.
std::string HeaderText(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  std::string header;
  for (const char c : text.substr(0, kLongest)) header += c >= 0x20 && c < 0x7F ? c : '?';
  return header;
}

// AppendBody appends lines as mail has them. Many keys make a long one, and servers refuse lines of
// over 998 bytes (RFC 5322, 2.1.1): those are broken at a space, or anywhere between characters.
void AppendBody(std::string& mail, std::string_view body) {
  constexpr std::size_t kLongest = 900;
  std::size_t begin = mail.size();  // of the line
  const auto end_line = [&](std::size_t at) {
    mail.insert(at, "\r\n");
    begin = at + 2;
  };
  for (const char c : body) {
    if (c == '\r') continue;
    if (c == '\n') {
      end_line(mail.size());
      continue;
    }
    const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
    if (mail.size() - begin >= kLongest && !continues) {
      const std::size_t space = mail.rfind(' ');
      end_line(space != std::string::npos && space >= begin ? space + 1 : mail.size());
    }
    mail += c;
  }
}

// MailDate is the date of RFC 5322, 3.3.
std::string MailDate(Time time) {
  constexpr std::string_view kDays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
  constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::int64_t kDay = 86'400;
  constexpr std::int64_t kWeek = 7;
  const CivilTime civil = ToCivil(time);
  const auto two = [](unsigned number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
  };
  // 1970 began on a Thursday.
  const std::int64_t day = ((time.unix_seconds / kDay) % kWeek + kWeek) % kWeek;
  std::string date(kDays[static_cast<std::size_t>(day)]);
  date += ", " + std::to_string(civil.day) + " ";
  date += kMonths[civil.month - 1];
  return date + " " + std::to_string(civil.year) + " " + two(civil.hour) + ":" + two(civil.minute) +
         ":" + two(civil.second) + " +0000";
}

}  // namespace

std::string GenericJson(const Notification& notification) {
  return json::serialize(Facts(notification));
}

Result<Notification> ParseNotification(std::string_view json) {
  const policy::ParsedDocument parsed = policy::ParseJsonDocument(json);
  if (parsed.issue) return Error{Code::kFormatMalformed, parsed.issue->message};
  policy::ReadLog log{policy::Errors::kFirst};
  TableReader table(parsed.document->root(), "the alert", log);
  Notification notification;
  const auto text = [&](std::string_view key) { return table.String(key).value_or(""); };
  constexpr policy::Word<Severity> kSeverities[] = {{"warning", Severity::kWarning},
                                                    {"critical", Severity::kCritical}};
  const std::string status = text("status");
  const auto code = FindCode(text("alert"));
  const auto severity = table.Choice("severity", kSeverities);
  notification.condition.text = text("text");
  notification.condition.details = text("details");
  notification.subject = {.name = text("target"),
                          .host = text("host"),
                          .group = text("group"),
                          .region = text("region"),
                          .vendor = text("vendor"),
                          .owner = text("owner")};
  const auto since = table.Date("since");
  notification.until = table.Date("until");
  notification.previous_severity = table.Choice("previous_severity", kSeverities);
  static_cast<void>(text("explain"));
  table.Finish();
  if (!log.issues().empty()) return Error{Code::kFormatMalformed, log.issues().front().message};
  if (!code || !severity || !since || (status != "firing" && status != "resolved")) {
    return Error{Code::kFormatMalformed, "expected an alert"};
  }
  notification.condition.code = *code;
  notification.condition.severity = *severity;
  notification.since = *since;
  notification.notice = status == "resolved"             ? Notice::kResolved
                        : notification.previous_severity ? Notice::kWorse
                                                         : Notice::kFiring;
  return notification;
}

std::string AlertmanagerJson(std::span<const Notification> notifications, Time now,
                             std::int64_t lifetime_seconds) {
  json::array alerts;
  for (const Notification& notification : notifications) {
    const bool over = notification.notice == Notice::kResolved;
    const Time end =
        over ? notification.until.value_or(now) : Time{now.unix_seconds + lifetime_seconds};
    alerts.emplace_back(AlertmanagerAlert(notification, notification.condition.severity, end));
    // The severity is a label, so an alert that got worse is another one there.
    if (notification.previous_severity) {
      alerts.emplace_back(AlertmanagerAlert(notification, *notification.previous_severity, now));
    }
  }
  return json::serialize(alerts);
}

std::string SlackJson(const Notification& notification) {
  std::string text = Headline(notification);
  if (!notification.condition.details.empty()) text += "\n" + notification.condition.details;
  return json::serialize(json::object{{"text", text + "\n" + ExplainOf(notification)}});
}

std::string PagerDutyJson(const Notification& notification, std::string_view routing_key) {
  if (notification.notice == Notice::kResolved) {
    return json::serialize(json::object{{"routing_key", routing_key},
                                        {"event_action", "resolve"},
                                        {"dedup_key", notification.Key()}});
  }
  const std::string source =
      notification.subject.host.empty() ? notification.subject.name : notification.subject.host;
  return json::serialize(
      json::object{{"routing_key", routing_key},
                   {"event_action", "trigger"},
                   {"dedup_key", notification.Key()},
                   {"payload", json::object{{"summary", notification.condition.text},
                                            {"source", source},
                                            {"severity", NameOf(notification.condition.severity)},
                                            {"timestamp", FormatTime(notification.since)},
                                            {"custom_details", Facts(notification)}}}});
}

std::string MailText(const Notification& notification, const SinkConfig& sink, Time now,
                     std::string_view message_id) {
  std::string mail = "From: <" + sink.from + ">\r\nTo: ";
  for (std::size_t i = 0; i < sink.to.size(); ++i) {
    mail += (i == 0 ? "<" : ",\r\n <") + sink.to[i] + ">";
  }
  mail += "\r\nSubject: " + HeaderText(Headline(notification)) + "\r\nDate: " + MailDate(now) +
          "\r\nMessage-ID: <" + std::string(message_id) +
          ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
          "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
  const Subject& subject = notification.subject;
  std::string body = Headline(notification) + "\n\n";
  if (!notification.condition.details.empty()) body += notification.condition.details + "\n\n";
  body += "alert: " + std::string(NameOf(notification.condition.code)) +
          "\nseverity: " + std::string(NameOf(notification.condition.severity)) +
          "\ntarget: " + subject.name + "\nsince: " + FormatTime(notification.since) + "\n";
  if (notification.until) body += "until: " + FormatTime(*notification.until) + "\n";
  const std::pair<std::string_view, const std::string*> more[] = {{"group: ", &subject.group},
                                                                  {"region: ", &subject.region},
                                                                  {"vendor: ", &subject.vendor},
                                                                  {"owner: ", &subject.owner}};
  for (const auto& [name, value] : more) {
    if (!value->empty()) body += std::string(name) + *value + "\n";
  }
  body += "what to do: " + ExplainOf(notification) + "\n";
  AppendBody(mail, body);
  return mail;
}

std::string WebhookSignature(std::string_view secret, Time now, std::string_view body) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const std::string seconds = std::to_string(now.unix_seconds);
  const std::string message = seconds + "." + std::string(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), AsBytes(message).data(),
       message.size(), mac.data(), &size);
  std::string text = "t=" + seconds + ",v1=";
  for (std::size_t i = 0; i < size; ++i) {
    text += kHex[mac[i] >> 4U];
    text += kHex[mac[i] & 0xFU];
  }
  return text;
}

}  // namespace cotter::watch
