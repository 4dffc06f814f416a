// SPDX-License-Identifier: Apache-2.0
//
// The loggers that come with the client, and the default handler.
#include <cstdio>
#include <string>

#include <unistd.h>

#include <cotter/client.h>

namespace cotter::client {
namespace {

// StreamLogger writes each line with one call, so that lines of several threads do not mix.
class StreamLogger final : public Logger {
 public:
  enum class Detail { kStandard, kDebug };

  explicit StreamLogger(Detail detail) : detail_(detail) {}

  void Debug(std::string_view line) override {
    if (detail_ == Detail::kDebug) Write("debug", line);
  }
  void Info(std::string_view line) override { Write("info", line); }
  void Warn(std::string_view line) override { Write("warn", line); }
  void Error(std::string_view line) override { Write("error", line); }

 private:
  static void Write(std::string_view level, std::string_view line) {
    std::string text("cotter: ");
    text.append(level).append(": ").append(line);
    // What a server said must not speak to a terminal, or forge a line.
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > '~') c = '_';
    }
    text += '\n';
    // A log that cannot be written stops nothing.
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    static_cast<void>(written);
  }

  Detail detail_;
};

class SilentLogger final : public Logger {
 public:
  void Debug(std::string_view /*line*/) override {}
  void Info(std::string_view /*line*/) override {}
  void Warn(std::string_view /*line*/) override {}
  void Error(std::string_view /*line*/) override {}
};

}  // namespace

std::shared_ptr<Logger> StandardLogger() {
  return std::make_shared<StreamLogger>(StreamLogger::Detail::kStandard);
}

std::shared_ptr<Logger> DebugLogger() {
  return std::make_shared<StreamLogger>(StreamLogger::Detail::kDebug);
}

// One for all, so that a client knows it and writes no lines for it.
std::shared_ptr<Logger> NoopLogger() {
  static const std::shared_ptr<Logger> logger = std::make_shared<SilentLogger>();
  return logger;
}

void DefaultBadPinHandler(const BadPin& /*event*/) {
  static_cast<void>(std::puts("this is the default bad pin handler"));
  static_cast<void>(std::fflush(stdout));
}

}  // namespace cotter::client
