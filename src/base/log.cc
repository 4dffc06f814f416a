// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <atomic>

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include <cotter/time.h>

namespace cotter::base {
namespace {

std::string_view NameOf(Level level) {
  switch (level) {
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "";
}

void AppendField(std::string& line, const LogField& field) {
  line += ',';
  AppendJsonString(line, field.name);
  line += ':';
  if (const auto* const number = std::get_if<std::int64_t>(&field.value)) {
    line += std::to_string(*number);
  } else {
    AppendJsonString(line, *std::get_if<std::string_view>(&field.value));
  }
}

}  // namespace

void AppendJsonString(std::string& to, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  to += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (byte >= 0x20 && byte < 0x7F) {
      to += c;
    } else {
      to += "\\u00";
      to += kHex[byte >> 4U];
      to += kHex[byte & 0xFU];
    }
  }
  to += '"';
}

void WriteLog(Level level, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line = "{\"time\":";
  AppendJsonString(line, FormatTime(base::Now()));
  AppendField(line, {"level", NameOf(level)});
  AppendField(line, {"event", event});
  for (const LogField& field : fields) AppendField(line, field);
  line += "}\n";
  // A reader that lags is waited for, once; one that stalls loses lines: it is no reason to stop
  // serving.
  static std::atomic<bool> stalls{false};
  constexpr int kPatience = 1000;  // milliseconds
  pollfd room{STDERR_FILENO, POLLOUT, 0};
  if (poll(&room, 1, stalls ? 0 : kPatience) != 1) {
    stalls = true;
    return;
  }
  stalls = false;
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace cotter::base
