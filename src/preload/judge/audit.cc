// SPDX-License-Identifier: Apache-2.0
#include "preload/judge/audit.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "preload/judge/state.h"

namespace cotter::preload {
namespace {

// AppendQuoted appends a JSON string. Bytes that are not printable ASCII are escaped, so that a
// line stays a line, and JSON, whatever a name holds.
void AppendQuoted(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (byte < 0x20 || byte >= 0x7F) {
      out.append("\\u00").append({kHex[byte >> 4], kHex[byte & 15]});
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendField(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  AppendQuoted(out, text);
}

std::string_view NameOf(Action action) {
  switch (action) {
    case Action::kAllowed:
      return "allowed";
    case Action::kReported:
      return "reported";
    case Action::kRefused:
      return "refused";
  }
  return {};
}

template <typename Range, typename Text>
void AppendList(std::string& out, std::string_view name, const Range& range, Text text) {
  out.append(",\"").append(name).append("\":[");
  bool first = true;
  for (const auto& item : range) {
    if (!first) out += ',';
    first = false;
    AppendQuoted(out, text(item));
  }
  out += ']';
}

std::string LineOf(const Event& event, Time now) {
  const PolicyIndex& policy = TheState().policy;
  std::string line = "{\"time\":";
  AppendQuoted(line, FormatTime(now));
  AppendField(line, "action", NameOf(event.action));
  AppendField(line, "program", program_invocation_name);
  line.append(",\"pid\":").append(std::to_string(::getpid()));
  if (event.endpoint != nullptr) {
    AppendField(line, "host", event.endpoint->host.text());
    line.append(",\"port\":").append(std::to_string(event.endpoint->port));
  }
  AppendField(line, "peer", event.peer);
  AppendField(line, "outcome", event.outcome);
  if (event.code) AppendField(line, "code", cotter::NameOf(*event.code));
  AppendList(line, "reasons", event.reasons,
             [](Reason reason) { return cotter::NameOf(CodeOf(reason)); });
  if (!event.message.empty()) AppendField(line, "message", event.message);
  AppendList(line, "found", event.found, [](const Digest& pin) { return FormatPin(pin); });
  if (!event.rule.empty()) AppendField(line, "rule", event.rule);
  AppendField(line, "policy", policy.name());
  line.append(",\"policy_version\":").append(std::to_string(policy.version()));
  line.append(",\"resumed\":").append(event.resumed ? "true" : "false");
  return line + "}\n";
}

// WriteAudit appends one line. The file is opened for each: programs close descriptors that they do
// not know.
void WriteAudit(const std::string& line) {
  const State& state = TheState();
  const char* const path = state.settings.audit_path;
  const int file = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  const ssize_t written = file < 0 ? -1 : ::write(file, line.data(), line.size());
  if (file >= 0) ::close(file);
  if (written == static_cast<ssize_t>(line.size())) return;
  const std::string lost = "cotter: error: exec: the audit file could not be written: " + line;
  state.services.say(lost.data(), lost.size() - 1);
}

bool IsAudited(const Event& event) {
  const Settings& settings = TheState().settings;
  if (settings.audit_path[0] == '\0') return false;
  if (event.action != Action::kAllowed) return true;
  return settings.audit_events == AuditEvents::kAll ||
         (event.unlisted && settings.audit_events == AuditEvents::kUnlisted);
}

}  // namespace

void Tell(const Event& event, Time now) {
  const int saved = errno;
  if (IsAudited(event)) WriteAudit(LineOf(event, now));
  if (event.action != Action::kAllowed) {
    std::string line = event.action == Action::kRefused ? "cotter: error: " : "cotter: warning: ";
    if (event.endpoint != nullptr) {
      line.append(event.endpoint->host.text()).append(":");
      line.append(std::to_string(event.endpoint->port)).append(": ");
    }
    line.append(event.message);
    if (event.code) line.append(" (").append(cotter::NameOf(*event.code)).append(")");
    TheState().services.say(line.data(), line.size());
  }
  errno = saved;
}

void TellUndecidable(std::string_view why, std::string_view peer, Action action) {
  Tell({.action = action,
        .outcome = cotter::NameOf(Outcome::kPkiError),
        .code = Code::kNoVerifiedPath,
        .message = why,
        .peer = peer},
       base::Now());
}

}  // namespace cotter::preload
