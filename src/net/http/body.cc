// SPDX-License-Identifier: Apache-2.0
#include "net/http/body.h"

#include <algorithm>

namespace cotter::net::http {
namespace {

// 15 hexadecimal digits are more bytes than there are; one more could overflow.
constexpr int kMaxSizeDigits = 15;

constexpr std::uint32_t kMaxTrailerBytes = 8192;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

BodyReader::BodyReader(Framing framing, std::uint64_t length, Trailers trailers) noexcept
    : trailers_(trailers) {
  switch (framing) {
    case Framing::kNone:
      break;
    case Framing::kLength:
      left_ = length;
      if (length > 0) state_ = State::kLength;
      break;
    case Framing::kChunked:
      state_ = State::kSizeStart;
      break;
    case Framing::kUntilClose:
      state_ = State::kUntilClose;
      break;
  }
}

std::size_t BodyReader::TakeData(std::size_t available) noexcept {
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(available, left_));
  left_ -= taken;
  data_ += taken;
  return taken;
}

std::size_t BodyReader::Take(ByteView bytes) noexcept {
  const std::string_view text = AsText(bytes);
  std::size_t at = 0;
  while (at < text.size() && state_ != State::kDone && state_ != State::kMalformed) {
    if (state_ == State::kUntilClose) {
      data_ += text.size() - at;
      return text.size();
    }
    if (state_ == State::kLength || state_ == State::kData) {
      at += TakeData(text.size() - at);
      if (left_ == 0) state_ = state_ == State::kLength ? State::kDone : State::kDataReturn;
      continue;
    }
    state_ = Next(text[at]);
    if (state_ != State::kMalformed) ++at;
  }
  return at;
}

BodyReader::State BodyReader::Next(char c) noexcept {
  switch (state_) {
    case State::kSizeStart:
    case State::kSize:
      return NextOfSize(c);
    case State::kSizeLineFeed:
      if (c != '\n') return State::kMalformed;
      return left_ > 0 ? State::kData : State::kTrailerStart;
    case State::kDataReturn:
      return c == '\r' ? State::kDataLineFeed : State::kMalformed;
    case State::kDataLineFeed:
      return c == '\n' ? State::kSizeStart : State::kMalformed;
    case State::kLastLineFeed:
      return c == '\n' ? State::kDone : State::kMalformed;
    default:
      return NextOfTrailer(c);
  }
}

// RFC 9112, 7.1: chunk-size is hexadecimal digits, and a line end follows at once.
BodyReader::State BodyReader::NextOfSize(char c) noexcept {
  if (state_ == State::kSizeStart) {
    digits_ = 0;
    left_ = 0;
  }
  if (const int value = HexValue(c); value >= 0) {
    if (++digits_ > kMaxSizeDigits) return State::kMalformed;
    left_ = left_ * 16 + static_cast<std::uint64_t>(value);
    return State::kSize;
  }
  return c == '\r' && digits_ > 0 ? State::kSizeLineFeed : State::kMalformed;
}

BodyReader::State BodyReader::NextOfTrailer(char c) noexcept {
  if (++trailer_bytes_ > kMaxTrailerBytes) return State::kMalformed;
  switch (state_) {
    case State::kTrailerStart:
      if (c == '\r') return State::kLastLineFeed;
      if (trailers_ == Trailers::kRefused) return State::kMalformed;
      return IsToken({&c, 1}) ? State::kTrailerName : State::kMalformed;
    case State::kTrailerName:
      if (c == ':') return State::kTrailerValue;
      return IsToken({&c, 1}) ? State::kTrailerName : State::kMalformed;
    case State::kTrailerValue:
      if (c == '\r') return State::kTrailerLineFeed;
      return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F)
                 ? State::kTrailerValue
                 : State::kMalformed;
    case State::kTrailerLineFeed:
      return c == '\n' ? State::kTrailerStart : State::kMalformed;
    default:
      return State::kMalformed;
  }
}

}  // namespace cotter::net::http
