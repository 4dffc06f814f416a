// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "watch/config_reader.h"

namespace cotter::watch {
namespace {

using policy::TableReader;
using policy::Value;
using policy::Word;

constexpr Word<SinkKind> kKinds[] = {{"alertmanager", SinkKind::kAlertmanager},
                                     {"webhook", SinkKind::kWebhook},
                                     {"slack", SinkKind::kSlack},
                                     {"pagerduty", SinkKind::kPagerDuty},
                                     {"email", SinkKind::kEmail},
                                     {"command", SinkKind::kCommand},
                                     {"file", SinkKind::kFile}};

constexpr std::size_t kMaxSecretFile = 4096;

// PagerDuty has one address for everybody.
constexpr std::string_view kPagerDutyUrl = "https://events.pagerduty.com/v2/enqueue";

// HostOf is the host of a URL, in brackets where it is an IPv6 address.
std::string_view HostOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url = url.substr(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) url = url.substr(at + 1);
  if (url.starts_with('[')) return url.substr(0, url.find(']') + 1);
  return url.substr(0, url.find(':'));
}

bool IsThisMachine(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host == "127.0.0.1";
}

// CheckScheme refuses what goes over the network in clear.
void CheckScheme(TableReader& table, std::string_view key, std::string_view url,
                 std::string_view secure, std::string_view clear, bool insecure_cleartext) {
  const bool is_clear = url.starts_with(clear);
  if (HostOf(url).empty() || (!url.starts_with(secure) && !is_clear)) {
    return table.Fail(Code::kPolicyInvalid, key,
                      "expected a URL that begins with " + std::string(secure));
  }
  if (is_clear && !insecure_cleartext && !IsThisMachine(HostOf(url))) {
    table.Fail(Code::kPolicyInvalid, key,
               "without TLS everybody on the way reads and changes what is sent; "
               "insecure_cleartext = true allows it");
  }
}

// ReadOneLine is the first line of a small file.
std::string ReadOneLine(TableReader& table, std::string_view key, const std::string& path,
                        ConfigReader& reader) {
  const Result<std::string> content = reader.read(reader.PathOf(path), kMaxSecretFile);
  if (!content) {
    table.Fail(content.error().code, key, content.error().message);
    return {};
  }
  std::string line = content->substr(0, content->find_first_of("\r\n"));
  if (line.empty()) table.Fail(Code::kPolicyInvalid, key, path + ": the first line is empty");
  return line;
}

void ReadEmail(TableReader& table, ConfigReader& reader, SinkConfig& sink) {
  sink.url = table.String("server").value_or("");
  if (!sink.url.starts_with("smtps://") && !sink.url.starts_with("smtp://")) {
    table.Fail(Code::kPolicyInvalid, "server", "expected smtps://HOST or smtp://HOST:PORT");
  }
  sink.from = table.String("from").value_or("");
  sink.to = table.Strings("to");
  if (sink.from.empty()) table.Fail(Code::kPolicyInvalid, "from", "expected the sender's address");
  if (sink.to.empty()) table.Fail(Code::kPolicyInvalid, "to", "expected who is told");
  sink.user = table.String("user").value_or("");
  sink.password = ReadSecret(table, "password_file", reader);
  std::vector<std::string> addresses = sink.to;
  addresses.push_back(sink.from);
  for (const std::string& address : addresses) {
    // What ends up in a line of the mail or of SMTP.
    const bool is_sound = std::all_of(address.begin(), address.end(), [](char c) {
      return c > 0x20 && c < 0x7F && c != '<' && c != '>' && c != ',';
    });
    if (!is_sound) table.Fail(Code::kPolicyInvalid, "to", "expected a mail address: " + address);
  }
}

void ReadTarget(TableReader& table, ConfigReader& reader, SinkConfig& sink) {
  switch (sink.kind) {
    case SinkKind::kAlertmanager:
    case SinkKind::kSlack:
      sink.url = ReadUrl(table, {"url", "url_file"}, reader, sink.insecure_cleartext);
      return;
    case SinkKind::kWebhook:
      sink.url = ReadUrl(table, {"url", "url_file"}, reader, sink.insecure_cleartext);
      sink.secret = ReadSecret(table, "secret_file", reader);
      return;
    case SinkKind::kPagerDuty:
      sink.url = table.String("url").value_or(std::string(kPagerDutyUrl));
      CheckScheme(table, "url", sink.url, "https://", "http://", sink.insecure_cleartext);
      sink.secret = ReadSecret(table, "routing_key_file", reader);
      if (sink.secret.empty()) {
        table.Fail(Code::kPolicyInvalid, "routing_key_file", "expected a file with the key");
      }
      return;
    case SinkKind::kEmail:
      return ReadEmail(table, reader, sink);
    case SinkKind::kCommand:
      sink.command = table.Strings("command");
      if (sink.command.empty() || !sink.command.front().starts_with('/')) {
        table.Fail(Code::kPolicyInvalid, "command",
                   "expected the absolute path of a program, and its arguments");
      }
      return;
    case SinkKind::kFile:
      if (const auto path = table.String("path")) {
        sink.path = reader.PathOf(*path);
      } else {
        table.Fail(Code::kPolicyInvalid, "path", "expected the file that lines are added to");
      }
      return;
  }
}

}  // namespace

std::string_view NameOf(SinkKind kind) noexcept {
  for (const Word<SinkKind>& word : kKinds) {
    if (word.value == kind) return word.text;
  }
  return {};
}

std::string ReadUrl(TableReader& table, UrlKeys keys, ConfigReader& reader,
                    bool insecure_cleartext) {
  std::string url = table.String(keys.plain).value_or("");
  if (const auto path = table.String(keys.in_file)) {
    if (!url.empty()) table.Fail(Code::kPolicyInvalid, keys.plain, "the URL is given twice");
    url = ReadOneLine(table, keys.in_file, *path, reader);
  }
  CheckScheme(table, keys.plain, url, "https://", "http://", insecure_cleartext);
  return url;
}

std::string ReadSecret(TableReader& table, std::string_view key, ConfigReader& reader) {
  const auto path = table.String(key);
  return path ? ReadOneLine(table, key, *path, reader) : std::string();
}

void ReadSink(Value value, ConfigReader& reader, WatchConfig& config) {
  TableReader table(value, "[[sink]]", reader.log);
  SinkConfig sink;
  if (const auto kind = table.Choice("type", kKinds)) {
    sink.kind = *kind;
  } else {
    table.Fail(Code::kPolicyInvalid, "type", "expected what kind of sink this is");
  }
  sink.name = ReadName(table, "name", std::string(NameOf(sink.kind)));
  sink.insecure_cleartext = table.Boolean("insecure_cleartext") == true;
  ReadTarget(table, reader, sink);
  ReadSeconds(table, "timeout", 1, sink.timeout);
  if (const auto severity = table.Choice("at_least", kSeverityWords)) sink.at_least = *severity;
  if (table.Boolean("recoveries") == false) sink.recoveries = false;
  sink.groups = table.Strings("groups");
  table.Finish();
  for (const SinkConfig& other : config.sinks) {
    if (other.name == sink.name) {
      table.Fail(Code::kPolicyDuplicate, "name", "two sinks are called " + sink.name);
    }
  }
  if (config.sinks.size() >= kMaxSinks) {
    table.Fail(Code::kPolicyInvalid, "type", "more sinks than the limit");
  }
  config.sinks.push_back(std::move(sink));
}

}  // namespace cotter::watch
