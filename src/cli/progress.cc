// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <algorithm>
#include <cstdint>

#include <unistd.h>

namespace cotter::cli {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr std::chrono::milliseconds kRedraw{200};

void Write(std::string_view text) {
  // Nothing depends on it: a terminal that went away is found out by what matters.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

std::string DurationText(std::int64_t seconds) {
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds / 3600) + " h";
}

}  // namespace

std::string ProgressText(std::size_t done, std::size_t all, std::chrono::milliseconds took) {
  const std::size_t filled = all == 0 ? kBarWidth : kBarWidth * std::min(done, all) / all;
  std::string text = "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "] " +
                     std::to_string(done) + "/" + std::to_string(all);
  if (done == 0 || took.count() <= 0) return text;
  const double rate = static_cast<double>(done) * 1000 / static_cast<double>(took.count());
  const auto shown = static_cast<std::int64_t>(rate * 10 + 0.5);
  text += ", " + std::to_string(shown / 10);
  if (shown < 100) text += "." + std::to_string(shown % 10);
  text += "/s";
  if (done < all) {
    const double left = static_cast<double>(all - done) / rate;
    text += ", " + DurationText(static_cast<std::int64_t>(left + 0.5)) + " left";
  }
  return text;
}

Progress::Progress(std::size_t all) : all_(all), enabled_(isatty(STDERR_FILENO) == 1) {}

void Progress::Show(std::size_t done) {
  const Clock::time_point now = Clock::now();
  if (!enabled_ || now - drawn_at_ < kRedraw) return;
  drawn_at_ = now;
  shown_ = true;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - began_);
  Write("\r\x1b[K" + ProgressText(done, all_, took));
}

void Progress::Clear() {
  if (!shown_) return;
  shown_ = false;
  Write("\r\x1b[K");
}

}  // namespace cotter::cli
