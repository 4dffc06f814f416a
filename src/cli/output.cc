// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <system_error>
#include <unistd.h>

#include "cli/safe_text.h"

namespace cotter::cli {
namespace {

// Large enough that most answers leave in one write, small enough to stay in the cache.
constexpr std::size_t kFlushSize = std::size_t{64} << 10;

// WantsColour follows no-color.org: NO_COLOR counts when it is set and not empty.
bool WantsColour() noexcept {
  // NOLINTBEGIN(concurrency-mt-unsafe): called once, before there is a second thread.
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  // NOLINTEND(concurrency-mt-unsafe)
  return (no_colour == nullptr || *no_colour == '\0') && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

std::string_view Sequence(Style style) noexcept {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kBold:
      return "\x1b[1m";
    case Style::kFaint:
      return "\x1b[2m";
    case Style::kGood:
      return "\x1b[32m";
    case Style::kWarning:
      return "\x1b[33m";
    case Style::kBad:
      return "\x1b[31m";
  }
  return "";
}

}  // namespace

Output::Output(int descriptor, Colour colour)
    : descriptor_(descriptor), is_terminal_(::isatty(descriptor) == 1) {
  coloured_ = is_terminal_ && colour == Colour::kWhenTerminal && WantsColour();
}

void Output::Text(std::string_view text) {
  AppendSafe(buffer_, text, LineBreaks::kKeep);
  FlushIfLarge();
}

void Output::Field(std::string_view text) {
  AppendSafe(buffer_, text);
  FlushIfLarge();
}

void Output::Styled(Style style, std::string_view text) {
  const bool styled = coloured_ && style != Style::kPlain;
  if (styled) buffer_ += Sequence(style);
  AppendSafe(buffer_, text);
  if (styled) buffer_ += "\x1b[0m";
  FlushIfLarge();
}

void Output::Json(const boost::json::value& value) {
  AppendSafeJson(buffer_, boost::json::serialize(value));
  buffer_ += '\n';
  FlushIfLarge();
}

void Output::FlushIfLarge() {
  if (buffer_.size() >= kFlushSize) Flush();
}

void Output::Flush() {
  std::string_view rest = buffer_;
  while (state_ == State::kGood && !rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      state_ = State::kReaderGone;
    } else if (errno != EINTR) {
      error_ = errno;
      state_ = State::kFailed;
    }
  }
  buffer_.clear();
}

Result<void> Output::Finish() {
  const bool wrote_nothing = buffer_.empty() && state_ == State::kGood;
  Flush();
  // Some file systems tell of a full disk only here. Where nothing was written, a standard output
  // that was closed from the start is nobody's loss.
  if (::close(descriptor_) != 0 && state_ == State::kGood && !wrote_nothing) {
    error_ = errno;
    state_ = State::kFailed;
  }
  if (state_ != State::kFailed) return Ok();
  return Error{Code::kFileUnreadable,
               "standard output cannot be written: " + std::generic_category().message(error_)};
}

}  // namespace cotter::cli
