// SPDX-License-Identifier: Apache-2.0
//
// Standard output: data only, through one buffer, safe for terminals, and checked at the end. One
// object exists in a process; it is used by one thread.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "cli/wrap.h"
#include <cotter/result.h>

namespace cotter::cli {

// How a piece of text stands out on a terminal. Elsewhere all are plain.
enum class Style { kPlain, kBold, kFaint, kGood, kWarning, kBad };

// Whether a stream takes colour.
enum class Colour { kNever, kWhenTerminal };

// Output writes to a file descriptor. Whatever is written passes AppendSafe, so no escape sequence
// but our own ever leaves.
class Output {
 public:
  explicit Output(int descriptor, Colour colour = Colour::kWhenTerminal);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Text writes lines of our own making; line breaks stay. Fields from outside in it must have gone
  // through SafeText.
  void Text(std::string_view text);

  // Field writes one field from outside; a line break in it is escaped.
  void Field(std::string_view text);

  // Styled writes one field from outside in a style.
  void Styled(Style style, std::string_view text);

  // Json writes `value` on one line and a line break.
  void Json(const boost::json::value& value);

  // Flush hands over what is buffered, for commands that print as they go.
  void Flush();

  // Finish flushes, closes and reports whether every byte was taken. A reader that went away is no
  // error: it had what it wanted. Fails with kFileUnreadable.
  [[nodiscard]] Result<void> Finish();

  [[nodiscard]] bool is_terminal() const noexcept { return is_terminal_; }

  // medium is how AppendFor (cli/wrap.h) lays text out for this output.
  [[nodiscard]] Medium medium() const noexcept {
    return is_terminal_ ? Medium::kTerminal : Medium::kFile;
  }

  // reader_gone reports that nobody reads any more: an endless command stops.
  [[nodiscard]] bool reader_gone() const noexcept { return state_ == State::kReaderGone; }

 private:
  enum class State { kGood, kReaderGone, kFailed };

  void FlushIfLarge();

  std::string buffer_;
  int descriptor_;
  int error_ = 0;  // errno of the first failed write
  State state_ = State::kGood;
  bool is_terminal_ = false;
  bool coloured_ = false;
};

}  // namespace cotter::cli
