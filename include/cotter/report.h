// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a violation: an event that owns its data, and the sinks that are told of it: a
// log, an append-only file, counters. Doors make the event and tell the sinks inside the handshake,
// before the error returns, so a sink is quick, never throws, and can change nothing. What has to
// go over the network is spooled instead (<cotter/report_spool.h>).
//
// An event holds no secret and no personal data that cotter could know of: query strings, fragments
// and user names of URLs are gone, and so is the value of every header that is not known to be
// harmless. Sinks write the origin of a URL alone unless asked otherwise, because paths name
// patients.
//
// Events are values. Sinks may be told from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/code.h>
#include <cotter/evaluate.h>
#include <cotter/host.h>
#include <cotter/pin.h>
#include <cotter/policy_index.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::report {

// Header is one HTTP header field.
struct Header {
  std::string name;
  std::string value;

  friend bool operator==(const Header&, const Header&) = default;
};

// kRedacted stands where a secret stood.
inline constexpr std::string_view kRedacted = "[redacted]";

// RedactUrl is `url` without user name, password, query and fragment; where there was a query, the
// text "?[redacted]" says so. A text that is no absolute URL is redacted whole. Allocates.
[[nodiscard]] std::string RedactUrl(std::string_view url);

// OriginOf is scheme, host and port of `url` alone, as it writes them ("https://example.com:8443").
// Redacted whole where it is no absolute URL. Allocates.
[[nodiscard]] std::string OriginOf(std::string_view url);

// RedactHeaders keeps the values of headers that are known to be harmless (Accept, Content-Type,
// User-Agent ...) and writes kRedacted for every other: what is not known may be a secret.
// Allocates.
[[nodiscard]] std::vector<Header> RedactHeaders(std::span<const Header> headers);

// Request is what an HTTP client was about to send, made by MakeRequest and so redacted.
struct Request {
  std::string method;
  std::string url;
  std::vector<Header> headers;
};

// MakeRequest redacts a request. Allocates.
[[nodiscard]] Request MakeRequest(std::string_view method, std::string_view url,
                                  std::span<const Header> headers);

// ViolationEvent is one refused or reported connection. It borrows from nothing.
struct ViolationEvent {
  Time time;         // when it was judged
  std::string host;  // the reference host, canonical
  std::uint16_t port = 0;
  Outcome outcome = Outcome::kPkiError;
  ReasonSet reasons;
  std::optional<Code> code;        // what best explains it
  std::string message;             // for people
  std::vector<Digest> found;       // SPKI digests of the default path, leaf first
  std::string pattern;             // the rule that applied; empty where none did
  std::optional<Time> expires;     // of that rule
  std::vector<Digest> known_pins;  // SPKI pins of that rule that could have matched
  std::string policy_name;
  std::uint64_t policy_version = 0;
  std::string peer;                      // "192.0.2.7:443", "[2001:db8::7]:443"; empty: not known
  std::vector<Bytes> served_chain{};     // DER, as the server sent it, where the door kept it
  std::vector<Bytes> validated_chain{};  // DER, the default path, likewise
  std::optional<Request> request{};      // of an HTTP client

  // The emergency statement that has the rule report, and when it ends; empty for none.
  std::string suspension{};
  std::optional<Time> suspended_until{};
};

// Occurrence is what a door knows at a violation; its members are those of tls::Violation. It
// borrows.
struct Occurrence {
  const Endpoint& endpoint;
  const Verdict& verdict;
  std::span<const Digest> found;
  std::string_view message;
  const PolicyIndex* policy = nullptr;    // what was decided by; null: not known
  std::span<const Bytes> served_chain{};  // as the event has them; empty: not kept
  std::span<const Bytes> validated_chain{};
};

// MakeEvent copies `occurrence`, judged at `now` on a connection to `peer` (PeerOf). Allocates.
[[nodiscard]] ViolationEvent MakeEvent(const Occurrence& occurrence, Time now, std::string peer);

// PeerOf is the address and port that `socket` is connected to, as ViolationEvent::peer has it;
// empty where it is connected to none, or -1. Behind a proxy it is the proxy's.
[[nodiscard]] std::string PeerOf(int socket);

// AlertText is the line that people are woken by: "SSL pin mismatch: api.example.com". Allocates.
[[nodiscard]] std::string AlertText(const ViolationEvent& event);

// LogLine is the event as one line of key=value, without line end: the host and the hash found
// first, control characters escaped, no URL and no header. Allocates.
[[nodiscard]] std::string LogLine(const ViolationEvent& event);

// Sink is told of violations.
class Sink {
 public:
  virtual ~Sink() = default;

  // Tell takes note of `event`. Called on the thread of the connection, inside its handshake.
  virtual void Tell(const ViolationEvent& event) noexcept = 0;
};

// LogFunction writes one line, without line end, wherever the program's log is. It may be called
// from several threads at once. What it throws is dropped.
using LogFunction = std::function<void(std::string_view line)>;

// MakeLogSink is a sink that gives LogLine of each event to `log`.
[[nodiscard]] std::shared_ptr<Sink> MakeLogSink(LogFunction log);

// MakeFanOut is a sink that tells each of `sinks`, in order. Null ones are passed over.
[[nodiscard]] std::shared_ptr<Sink> MakeFanOut(std::vector<std::shared_ptr<Sink>> sinks);

// How much of a URL a file says.
enum class UrlDetail : std::uint8_t {
  kOrigin,  // https://example.com
  kPath,    // https://example.com/Patient/17: the path may be personal data
};

// FileOptions says where and how a file of violations is kept.
struct FileOptions {
  std::string path;
  std::uint64_t max_bytes = std::uint64_t{10} << 20;  // rotated before it grows over this
  std::size_t keep = 5;  // files that rotation leaves beside it: PATH.1, the youngest, to PATH.5
  UrlDetail url = UrlDetail::kOrigin;
  LogFunction on_failure{};  // told when an event could not be written; empty: nobody
};

// OpenFileSink is a sink that appends a line of JSON for each event, in one write, to a file of
// mode 0600 that is opened O_APPEND. A symbolic link, or a file that others may read or write, is
// refused. Where the file was moved away, it is made again. Fails with kFileUnreadable.
[[nodiscard]] Result<std::shared_ptr<Sink>> OpenFileSink(FileOptions options);

// Hosts that the counters tell apart; the rest is counted together, so that a client which is made
// to contact many hosts cannot fill a monitoring system.
inline constexpr std::size_t kMaxCountedHosts = 1000;

// Counters is a sink that counts by host, for Prometheus.
class Counters : public Sink {
 public:
  // Text is the counter ssl_pin_failure{host="..."} in the text exposition format 0.0.4, hosts in
  // order. Hosts over kMaxCountedHosts are counted as host="_other". Allocates.
  [[nodiscard]] virtual std::string Text() const = 0;

  // Count is the counter of `host`.
  [[nodiscard]] virtual std::uint64_t Count(std::string_view host) const = 0;
};

[[nodiscard]] std::shared_ptr<Counters> MakeCounters();

// RateLimit bounds what a sink behind it is told: `burst` events of one host at once, then one each
// `interval`; what was held back is counted in the message of the next event that passes.
struct RateLimit {
  std::uint32_t burst = 10;
  std::int64_t interval_seconds = 60;
};

// MakeRateLimited is a sink that tells `sink` at most as often as `limit` allows, by the events'
// own time.
[[nodiscard]] std::shared_ptr<Sink> MakeRateLimited(std::shared_ptr<Sink> sink, RateLimit limit);

// HostBlock is a sink that remembers endpoints whose connections were refused, for clients that
// leave a host alone for a while after a mismatch.
class HostBlock : public Sink {
 public:
  // Blocked reports whether `host` was refused on `port` less than the block's time before `now`.
  [[nodiscard]] virtual bool Blocked(std::string_view host, std::uint16_t port, Time now) const = 0;
};

[[nodiscard]] std::shared_ptr<HostBlock> MakeHostBlock(std::int64_t seconds);

}  // namespace cotter::report
