// SPDX-License-Identifier: Apache-2.0
//
// The HTTP door: a client, on libcurl, that speaks to no server before its policy has said yes. The
// verdict falls inside the TLS handshake, before a byte of the caller's leaves, on every leg: the
// origin, each redirect, an HTTPS proxy. It is cotter's own, never libcurl's code.
//
//   auto client = Client::Create({.pins = {{"api.example.com", {"sha256/AbEi…",
//   "sha256/9Kp2…"}}}}); auto response = client->Get("https://api.example.com/v1"); if (!response
//   && response.error().code == Code::kPinMismatch) …    // never retried
//
// A Client is safe from any thread and starts none: a request makes progress while some thread is
// in Send or Wait, and one of those that wait drives the connections of all of them. Whatever the
// caller supplies (handler, logger, body source and sink, progress) runs on the thread that waits
// for that very request, with no lock held; it may block, throw, or call the client.
//
// libcurl is loaded at the first Create. There is no state of the process: two clients share
// nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/evaluate.h>
#include <cotter/host.h>
#include <cotter/pin.h>
#include <cotter/policy.h>
#include <cotter/policy_source.h>
#include <cotter/report.h>
#include <cotter/result.h>
#include <cotter/time.h>
#include <cotter/trust.h>

namespace cotter::client {

// Pins is a map of host patterns to pins, in any spelling that ParsePin reads. Each pin may match
// anywhere in the verified path; a policy can say more.
using Pins = std::map<std::string, std::vector<std::string>>;

// Header is one header of a request or response. A name may stand several times.
using Header = report::Header;

// Which TLS connection of a request a fact is about.
enum class Leg : std::uint8_t { kOrigin, kProxy };

// BadPin is one connection that pins, a revoked key or an unlisted host refused, or that a rule in
// report mode let through. It owns everything. `event` has the found pins, the verdict and the peer
// that TCP was connected to (a proxy's, where one is used), and may be kept; `url` and `headers`
// are as the caller gave them, secrets among them.
struct BadPin {
  report::ViolationEvent event;
  Leg leg = Leg::kOrigin;
  bool through_proxy = false;  // event.peer is the proxy's: only it knows the origin's address
  std::string method;
  std::string url;
  std::vector<Header> headers;
};

// BadPinHandler is told of every such connection, first or later, before Send or Wait returns. It
// can change nothing: what it throws is dropped, and the request fails as it would have.
using BadPinHandler = std::function<void(const BadPin&)>;

// DefaultBadPinHandler prints "this is the default bad pin handler" to standard output, and nothing
// else.
void DefaultBadPinHandler(const BadPin& event);

// Logger takes lines for people, one event each, key=value. Secrets never reach it: query strings,
// bodies, and header values that could hold one are left out. It may be called from several
// threads at once; what it throws is dropped.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void Debug(std::string_view line) = 0;
  virtual void Info(std::string_view line) = 0;
  virtual void Warn(std::string_view line) = 0;
  virtual void Error(std::string_view line) = 0;
};

// StandardLogger writes information, warnings and errors to standard error; DebugLogger also the
// headers of requests and answers, redacted; NoopLogger nothing, as a null logger does.
[[nodiscard]] std::shared_ptr<Logger> StandardLogger();
[[nodiscard]] std::shared_ptr<Logger> DebugLogger();
[[nodiscard]] std::shared_ptr<Logger> NoopLogger();

// Profile is the TLS that a client speaks. None imitates a browser.
enum class Profile : std::uint8_t {
  kIntermediate,  // TLS 1.2 with forward secrecy and AEAD, and TLS 1.3
  kModern,        // TLS 1.3 alone
  kFips,          // as kIntermediate, and refused unless OpenSSL runs on its FIPS provider
};

// Storage is where cookies or HSTS hosts live.
struct Storage {
  std::string path{};  // a file, read at Create and written by Client::Save; empty: memory alone
};

// ClientCertificate is offered to the origin that a request was made for, after its certificate has
// passed the verdict, and never to another one that a redirect leads to.
struct ClientCertificate {
  std::string certificate;  // PEM file: the certificate, then its issuers
  std::string key;          // PEM file
  std::string passphrase{};
};

// Retry says how often and when a request is tried again. A refusal is never tried again, nor is a
// request that changes something and may have arrived (RFC 9110, 9.2.2).
struct Retry {
  std::uint32_t attempts = 1;                  // in all; 1: none again
  std::chrono::milliseconds first_delay{200};  // doubled each time, less up to half at random
  std::chrono::milliseconds longest_delay{10'000};
};

// Options is how a client behaves. The defaults are the strict ones.
struct Options {
  // What is pinned: a map, or a policy that may change while the client runs. Both together are
  // refused. With neither, PKI decides alone.
  Pins pins{};
  std::shared_ptr<PolicySource> policy{};
  Unlisted unlisted = Unlisted::kPki;  // with `pins`: what becomes of other hosts

  std::shared_ptr<const tls::TrustStore> trust{};  // null: the roots of the system

  // Refused, whatever else is set: there is no client that does not verify. It exists so that code
  // written for clients which have it gets an answer in words.
  bool insecure_skip_verify = false;

  BadPinHandler on_bad_pin = DefaultBadPinHandler;  // null: nobody is told
  std::shared_ptr<report::Sink> violations{};       // told inside the handshake; null: nobody
  // After a refusal, requests to that host and port fail (kPinMismatch) for this long, and are not
  // connected. 0: each tries again.
  std::chrono::seconds block_after_bad_pin{0};
  std::shared_ptr<Logger> logger{};  // null: none

  // The whole request: names, proxy, TLS, redirects, retries, bodies. 0: no limit.
  std::chrono::milliseconds timeout{30'000};
  std::chrono::milliseconds connect_timeout{10'000};  // of each connection; 0: only `timeout`

  Profile profile = Profile::kIntermediate;
  std::string proxy{};  // http://, https://, socks5:// or socks5h://, [USER:PASSWORD@]HOST[:PORT];
                        // no environment variable is read
  std::optional<ClientCertificate> client_certificate{};

  std::optional<Storage> cookies{};         // RFC 6265 with public suffixes; nullopt: none
  std::optional<Storage> hsts = Storage{};  // RFC 6797
  std::uint32_t max_redirects = 10;         // 0: a redirect is the response
  Retry retry{};

  bool http2 = true;                  // offered by ALPN
  bool decompress = true;             // gzip, br, zstd
  std::string user_agent = "cotter";  // empty: no such header

  // Bodies that are kept in memory end here, decoded; a larger one is an error.
  std::uint64_t max_body_bytes = std::uint64_t{64} << 20;

  std::string interface {};            // a local interface or address to connect from
  std::vector<std::string> resolve{};  // HOST:PORT:ADDRESS[,ADDRESS…], as curl's
  std::vector<std::string>
      connect_to{};                   // HOST1:PORT1:HOST2:PORT2, as curl's: TCP alone goes there
  std::uint32_t max_connections = 0;  // at once; requests beyond wait. 0: no limit
  std::uint32_t max_connections_per_host = 0;  // likewise

  std::function<Time()> now{};       // empty: the system clock
  std::function<double()> random{};  // [0, 1), for the back-off; empty: the system's
};

// BodySource fills `buffer` with the next bytes of a request body and returns how many: 0 is the
// end. What it throws ends the request (kCancelled).
using BodySource = std::function<std::size_t(std::span<std::uint8_t> buffer)>;

// BodySink takes the next bytes of a response body, decoded. False ends the request (kCancelled),
// as does an exception. Bodies of redirects and of failed attempts do not reach it.
using BodySink = std::function<bool(ByteView bytes)>;

// Progress is how far the bodies of a request have come. Totals are 0 where nobody said.
struct Progress {
  std::uint64_t received = 0;
  std::uint64_t to_receive = 0;
  std::uint64_t sent = 0;
  std::uint64_t to_send = 0;
};

// Whether a request may use a connection of others.
enum class ConnectionUse : std::uint8_t {
  kShared,  // a live one to the same host, judged again where the policy changed; kept afterwards
  kOwn,     // a new one, closed afterwards
};

// Request is what to ask for.
struct Request {
  std::string method = "GET";
  std::string url{};  // http or https
  // Host, Content-Length, Transfer-Encoding and Proxy-Authorization are the client's own and
  // refused.
  std::vector<Header> headers{};
  std::string body{};
  BodySource source{};  // in place of `body`; such a request is not sent twice
  std::optional<std::uint64_t> source_size{};  // nullopt: chunked
  BodySink sink{};                             // null: Response::body
  std::function<void(const Progress&)> progress{};
  std::optional<std::chrono::milliseconds> timeout{};  // nullopt: of the client
  std::optional<std::uint32_t> max_redirects{};        // nullopt: of the client
  ConnectionUse connection = ConnectionUse::kShared;
};

// ConnectionFacts is what is known of the connection that the final response came on.
struct ConnectionFacts {
  Outcome outcome = Outcome::kNotPinned;
  ReasonSet reasons;
  std::vector<Digest> path;  // SPKI digests of the verified path that passed, leaf to anchor;
                             // empty: no TLS
  std::optional<PinMatch> match{};  // the pin that satisfied the rule
  bool backup_pin = false;          // the match is a backup: the active key is no longer served
  std::string tls_version{};        // "TLSv1.3"; empty: no TLS
  std::string policy_name{};
  std::uint64_t policy_version = 0;
  std::string peer{};  // "ADDRESS:PORT" that TCP was connected to; a proxy's, where one is used
  bool through_proxy = false;  // so it is, and only the proxy knows the origin's address
  bool reused = false;         // the connection had served a request before
  bool resumed = false;  // its handshake resumed a session; the verdict is on what that one showed
};

// Response is the answer to a request.
struct Response {
  int status = 0;
  std::string http_version{};  // "1.1", "2"
  std::string url{};           // of the final request, without credentials
  std::vector<Header> headers{};
  std::string body{};  // decoded; empty with a sink
  ConnectionFacts connection{};
  std::uint32_t redirects = 0;
  std::uint32_t attempts = 1;

  // FindHeader is the value of the first header `name`, in any case; nullopt where there is none.
  // Borrowed.
  [[nodiscard]] std::optional<std::string_view> FindHeader(std::string_view name) const noexcept
      COTTER_LIFETIME_BOUND;
};

// IsRetryable reports that `error` of Send may go away when the same request is made again. Never
// true for a refusal: somebody else answered, and will again.
[[nodiscard]] bool IsRetryable(const Error& error) noexcept;

class Engine;
class Transfer;

// Pending is a request on its way. It belongs to one thread; Cancel alone may be called from
// others. Its destructor cancels what is not finished, and tells what is untold.
class Pending {
 public:
  Pending(Pending&&) noexcept;
  Pending& operator=(Pending&&) noexcept;
  ~Pending();

  // Wait blocks until the response is there, or the error. It is called once.
  [[nodiscard]] Result<Response> Wait();

  // Cancel ends the request soon: Wait fails with kCancelled.
  void Cancel() noexcept;

 private:
  friend class Client;
  Pending(std::shared_ptr<Engine> engine, std::shared_ptr<Transfer> transfer);

  std::shared_ptr<Engine> engine_;
  std::shared_ptr<Transfer> transfer_;
};

// Client is the pinned HTTP client. A handle, copied freely; copies are the same client.
class Client {
 public:
  // Create checks the options as a whole. Fails with kUsage (options that exclude each other,
  // "invalid config: certificate pinning cannot be used with insecure skip verify" among them), the
  // code of a pin, pattern, file or URL in them, kTrustStoreEmpty, kFipsUnavailable, or kInternal
  // where libcurl is missing or not built as it must be.
  [[nodiscard]] static Result<Client> Create(Options options);

  // Send makes a request and waits. A status of 400 or more is a response. Fails with the code of
  // the refusal (kPinMismatch, kRevoked, …), of PKI, kCleartextRefused, kRedirectRefused,
  // kRequestTimeout, kBodyTooLarge, kUrlInvalid, kHttpFailed, or of the network.
  [[nodiscard]] Result<Response> Send(Request request) const;

  // Start begins a request: many of them run at once, on as many connections as the options allow.
  [[nodiscard]] Pending Start(Request request) const;

  // Get, Head and Post are Send for simple requests.
  [[nodiscard]] Result<Response> Get(std::string url) const;
  [[nodiscard]] Result<Response> Head(std::string url) const;
  [[nodiscard]] Result<Response> Post(std::string url, std::string content_type,
                                      std::string body) const;

  // Save writes the cookie and HSTS files, each replaced as a whole, readable by their owner alone.
  // Does nothing where there is none. Fails with kFileUnreadable.
  [[nodiscard]] Result<void> Save() const;

 private:
  explicit Client(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  std::shared_ptr<Engine> engine_;
};

}  // namespace cotter::client
