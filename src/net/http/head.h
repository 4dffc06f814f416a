// SPDX-License-Identifier: Apache-2.0
//
// The heads of HTTP/1.1 messages (RFC 9112), read strictly: what two readers could understand in
// two ways is refused, because a gateway and a server that disagree about where a message ends are
// how requests are smuggled. Nothing is copied: every view borrows from the buffer that was read.
//
// Refused on top of what the RFC calls invalid: line ends other than CRLF, obs-fold, white space
// before a colon, control characters, more than one Content-Length or Transfer-Encoding, both of
// them together, any transfer coding but chunked, targets that do not begin with "/", versions
// other than 1.1. Pure functions; one scanner belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <cotter/bytes.h>

namespace cotter::net::http {

// The fields that a gateway must know.
enum class FieldName : std::uint8_t {
  kOther,
  kAltSvc,
  kConnection,
  kContentLength,
  kExpect,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kLocation,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
};

// Field is one field line; `value` is without the white space around it.
struct Field {
  std::string_view name;
  std::string_view value;
  FieldName known = FieldName::kOther;
};

// Limits of a head.
struct HeadLimits {
  std::size_t bytes = 16384;
  std::size_t fields = 100;
};

// HeadScanner finds the end of a head while it arrives, and splits it into lines on the way.
class HeadScanner {
 public:
  enum class State : std::uint8_t { kIncomplete, kComplete, kMalformed, kTooLarge };

  // Scan looks at everything that arrived so far; `bytes` begins at the same address until Reset.
  // After kMalformed and kTooLarge there is no going on.
  [[nodiscard]] State Scan(ByteView bytes, const HeadLimits& limits);

  // Of a complete head: its first line, its fields, and how many bytes it has with the empty line.
  [[nodiscard]] std::string_view first_line() const noexcept { return first_line_; }
  [[nodiscard]] std::span<const Field> fields() const noexcept { return fields_; }
  [[nodiscard]] std::size_t size() const noexcept { return line_start_; }

  void Reset() noexcept;

 private:
  State TakeLine(std::string_view line, const HeadLimits& limits);

  std::size_t line_start_ = 0;
  std::size_t searched_ = 0;
  std::string_view first_line_;
  std::vector<Field> fields_;
  bool has_first_line_ = false;
};

// How a message's body ends.
enum class Framing : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

// Refusal is why a head is not served: a status for the client, a stable word, and a sentence.
struct Refusal {
  int status = 400;
  std::string_view code;
  std::string_view message;
};

// RequestHead is what a gateway needs to know of a request.
struct RequestHead {
  std::string_view method;
  std::string_view target;
  std::string_view host;  // as the client wrote it
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;  // of a body with kLength
  bool keep_alive = true;    // the client did not ask to close
  bool expects_continue = false;
};

// ReadRequest understands a complete head, or refuses it.
[[nodiscard]] std::optional<Refusal> ReadRequest(const HeadScanner& head, RequestHead& request);

// ResponseHead is what a gateway needs to know of a response.
struct ResponseHead {
  int status = 0;
  std::string_view reason;
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;
  bool keep_alive = true;  // the connection can carry another request
};

// ReadResponse understands the response to a request with `method`. The refusal's status is 502.
[[nodiscard]] std::optional<Refusal> ReadResponse(const HeadScanner& head, std::string_view method,
                                                  ResponseHead& response);

// IsHopByHop reports that `field` is about one connection alone (RFC 9110, 7.6.1), by its own name
// or because a Connection field among `fields` names it.
[[nodiscard]] bool IsHopByHop(const Field& field, std::span<const Field> fields) noexcept;

// EqualsIgnoringCase compares ASCII text.
[[nodiscard]] bool EqualsIgnoringCase(std::string_view a, std::string_view b) noexcept;

// IsToken reports that `text` is a token (RFC 9110, 5.6.2).
[[nodiscard]] bool IsToken(std::string_view text) noexcept;

// EachListed calls `each` for every element of a comma-separated list until it returns false;
// returns whether it never did.
template <typename Each>
bool EachListed(std::string_view list, Each&& each) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) {
      element.remove_prefix(1);
    }
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) {
      element.remove_suffix(1);
    }
    if (!element.empty() && !each(element)) return false;
  }
  return true;
}

}  // namespace cotter::net::http
