// SPDX-License-Identifier: Apache-2.0
//
// Server is a TLS server on loopback with a knob for everything that a client must survive: what
// is presented, which protocol features are on, and what goes wrong when. It answers one fixed
// HTTP response to each request and keeps a record of what clients did and disclosed. For demos,
// rehearsals and tests; it accepts everything and protects nothing.
//
// The listener and each connection have a thread of their own. Every wait is bounded by the
// connection's deadline and ended by Stop, which the destructor calls. A Server may be used from
// any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/authority.h"
#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::lab {

// The protocol that is spoken before TLS, and that asks for it.
enum class Starttls : std::uint8_t {
  kNone,
  kSmtp,
  kImap,
  kPop3,
  kFtp,
  kXmpp,
  kPostgres,
  kMysql,
  kLdap,
  kHttpProxy,  // an HTTP proxy whose every CONNECT tunnel ends in this same server
};

// How the server goes about STARTTLS.
enum class StarttlsConduct : std::uint8_t {
  kOffered,   // as its RFC says
  kRefused,   // not offered, and refused when asked for
  kInjected,  // bytes in clear follow the go-ahead before TLS begins (CVE-2011-0411 mirrored)
};

enum class TlsVersion : std::uint8_t { kTls10, kTls11, kTls12, kTls13 };

enum class Resumption : std::uint8_t {
  kTickets,
  kSessionIds,  // state on the server; in TLS 1.3, tickets that only name it
  kOff,
};

enum class ClientCertificates : std::uint8_t { kNotRequested, kRequested, kRequired };

// Who the client meets in the handshake.
enum class Authentication : std::uint8_t {
  kCertificate,
  kInsecureAnonymous,     // TLS 1.2 with anonymous suites alone: no certificate at all
  kInsecurePreSharedKey,  // an external PSK (ServerOptions::psk): no certificate at all
};

// When a fault strikes.
enum class Phase : std::uint8_t {
  kOnAccept,        // in place of the first byte, whatever the protocol
  kBeforeTls,       // after STARTTLS, in place of the answer to the ClientHello
  kMidHandshake,    // after half of the server's first flight
  kAfterHandshake,  // in place of the answer to the first request
};

// What goes wrong.
enum class Fault : std::uint8_t {
  kNone,
  kSilence,    // the connection stays open, nothing is said
  kClose,      // closed in order, without a TLS close_notify
  kHalfClose,  // the server's direction is closed, the other one is read on
  kReset,      // TCP RST
  kGarbage,    // 4 KiB that are not TLS, then closed
  kPlainHttp,  // an HTTP/1.1 400 in clear, then closed
  kEndless,    // data for ever: text on accept, HelloRequests in a handshake, a body after it
};

// Psk is an external pre-shared key.
struct Psk {
  std::string identity;
  Bytes key;
};

// NameIdentities is what is presented to clients that ask for one server name.
struct NameIdentities {
  std::string server_name;
  std::vector<Identity> identities;
};

// ServerOptions are the knobs. The defaults make a sound server.
struct ServerOptions {
  std::string address = "127.0.0.1";  // a loopback address; others are refused
  std::uint16_t port = 0;             // 0: any free one

  // What is presented: at most one identity a key type, chosen by the client's signature
  // algorithms. The chain is sent exactly as it stands.
  std::vector<Identity> identities;
  std::vector<NameIdentities> by_server_name;  // in place of `identities` for these names
  // Given: after a TLS 1.2 handshake the server asks for a renegotiation and presents this.
  std::optional<Identity> renegotiate_with;

  TlsVersion min_version = TlsVersion::kTls12;
  TlsVersion max_version = TlsVersion::kTls13;
  Authentication authentication = Authentication::kCertificate;
  std::optional<Psk> psk;
  Resumption resumption = Resumption::kTickets;
  std::vector<std::string> alpn;  // in the server's order of preference
  ClientCertificates client_certificates = ClientCertificates::kNotRequested;

  Starttls starttls = Starttls::kNone;
  StarttlsConduct starttls_conduct = StarttlsConduct::kOffered;

  Fault fault = Fault::kNone;
  Phase phase = Phase::kOnAccept;
  // Not zero: every byte is sent alone, with this pause after it.
  std::chrono::milliseconds dribble{0};
  // Every connection ends after this long.
  std::chrono::milliseconds deadline{std::chrono::seconds(30)};

  // The answer to every HTTP request, sent as it stands; but an upgrade to WebSocket is granted,
  // and then a message "hello" is sent at once and in answer to each of the client's.
  std::string response =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
};

// The first bytes that a client sent are kept up to this many; all of them are counted.
inline constexpr std::size_t kMaxKeptBytes = std::size_t{64} << 10;

// Connections are recorded one by one up to this many; all of them are counted.
inline constexpr std::size_t kMaxConnectionRecords = 1000;

// ConnectionRecord is what one client did.
struct ConnectionRecord {
  std::string preamble;  // what it sent in clear before TLS, the first kMaxKeptBytes
  std::optional<std::string> server_name;  // SNI
  std::string tls_version;                 // "TLSv1.3"; empty before the handshake is complete
  std::string alpn;                        // empty: none
  bool handshake_completed = false;
  bool resumed = false;
  bool renegotiated = false;
  std::vector<Certificate> client_certificates;  // every one that it disclosed
  std::optional<std::string> alert;  // the first alert that it sent, "handshake_failure"
  std::uint64_t application_bytes = 0;
  std::string application_data;  // the first kMaxKeptBytes; messages of a WebSocket unmasked
  bool closed = false;           // the connection is over
};

// ServerRecord is what all clients did.
struct ServerRecord {
  std::uint64_t connections = 0;
  std::uint64_t handshakes_completed = 0;
  std::uint64_t handshakes_resumed = 0;
  std::uint64_t application_bytes = 0;
  std::uint64_t closed = 0;
  std::vector<ConnectionRecord> details;  // in the order of arrival
};

// Server serves from Start to Stop.
class Server {
 public:
  // Start binds, listens and begins to serve. Fails with kNetworkError when the address cannot be
  // bound or is not loopback, with kTlsFailed when OpenSSL refuses the options.
  [[nodiscard]] static Result<Server> Start(ServerOptions options);

  ~Server();
  Server(Server&& other) noexcept;
  Server& operator=(Server&& other) noexcept;

  [[nodiscard]] std::uint16_t port() const noexcept;

  // authority is "127.0.0.1:PORT" or "[::1]:PORT". Allocates.
  [[nodiscard]] std::string authority() const;

  // Present changes what handshakes that begin from now on are shown. Fails with kTlsFailed when
  // OpenSSL refuses it; what was shown before stays.
  [[nodiscard]] Result<void> Present(const std::vector<Identity>& identities);

  // Record is what happened so far.
  [[nodiscard]] ServerRecord Record() const;

  // WaitFor blocks until `holds` is true of the record, at most for `patience`. It reports whether
  // it became true. `holds` runs under the server's lock and must not call the server.
  [[nodiscard]] bool WaitFor(const std::function<bool(const ServerRecord&)>& holds,
                             std::chrono::milliseconds patience) const;

  // Stop closes everything and joins every thread. Idempotent; the record stays.
  void Stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace cotter::lab
