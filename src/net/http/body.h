// SPDX-License-Identifier: Apache-2.0
//
// Where a message's body ends, found while its bytes pass, framing included: nothing is copied or
// written anew, and nothing passes that was not understood. Chunk extensions are refused, because
// readers disagree about their ends. For one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/http/head.h"
#include <cotter/bytes.h>

namespace cotter::net::http {

// Whether a chunked body may end in trailer fields. A request's may not: no server needs them, and
// some take them for header fields.
enum class Trailers : std::uint8_t { kRefused, kAllowed };

class BodyReader {
 public:
  BodyReader() = default;
  BodyReader(Framing framing, std::uint64_t length, Trailers trailers) noexcept;

  // Take looks at the bytes that came and returns how many of them belong to the body. Fewer than
  // all only where the body is done() or malformed().
  [[nodiscard]] std::size_t Take(ByteView bytes) noexcept;

  [[nodiscard]] bool done() const noexcept { return state_ == State::kDone; }
  [[nodiscard]] bool malformed() const noexcept { return state_ == State::kMalformed; }
  [[nodiscard]] bool until_close() const noexcept { return state_ == State::kUntilClose; }

  // data is how many bytes of content passed.
  [[nodiscard]] std::uint64_t data() const noexcept { return data_; }

 private:
  enum class State : std::uint8_t {
    kDone,
    kMalformed,
    kLength,
    kUntilClose,
    kSizeStart,
    kSize,
    kSizeLineFeed,
    kData,
    kDataReturn,
    kDataLineFeed,
    kTrailerStart,
    kTrailerName,
    kTrailerValue,
    kTrailerLineFeed,
    kLastLineFeed,
  };

  std::size_t TakeData(std::size_t available) noexcept;
  State Next(char c) noexcept;
  State NextOfSize(char c) noexcept;
  State NextOfTrailer(char c) noexcept;

  State state_ = State::kDone;
  Trailers trailers_ = Trailers::kRefused;
  std::uint8_t digits_ = 0;
  std::uint32_t trailer_bytes_ = 0;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  std::uint64_t data_ = 0;
};

}  // namespace cotter::net::http
