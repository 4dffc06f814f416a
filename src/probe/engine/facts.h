// SPDX-License-Identifier: Apache-2.0
//
// What the engine answers: facts, and no opinion on them. What was seen is kept also where a look
// failed later on or the chain does not verify. Chains are shared between the looks that saw the
// same bytes, so thousands of addresses of a farm cost one. Plain values.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/address.h"
#include "net/target.h"
#include "probe/engine/question.h"
#include "probe/offer.h"
#include "probe/situation.h"
#include <cotter/code.h>
#include <cotter/openssl.h>
#include <cotter/path.h>
#include <cotter/pin.h>
#include <cotter/policy_index.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::probe {

// The phases of a look, in their order.
enum class Phase : std::uint8_t { kResolve, kConnect, kPreamble, kHandshake, kRequest };
inline constexpr std::size_t kPhases = 5;

// NameOf is "resolve", "connect", "preamble", "handshake" or "request".
[[nodiscard]] std::string_view NameOf(Phase phase) noexcept;

// LeafFacts is what is asked of an end-entity certificate beside what diagnosis reads.
struct LeafFacts {
  std::string key;               // "EC P-256", "RSA 2048", "Ed25519"; empty where it cannot be read
  std::size_t key_bits = 0;      // 0 likewise
  bool usual_key = false;        // ECDSA P-256 or P-384, or RSA of 2048 to 4096 bits
  bool must_staple = false;      // demands a staple (RFC 7633)
  bool names_responder = false;  // names an OCSP responder
  std::size_t embedded_scts = 0;  // signed certificate timestamps inside
};

// ChainFacts is one presented chain and what came of it.
struct ChainFacts {
  SeenChain seen;                              // `peers` is empty: see the looks
  std::vector<std::vector<Digest>> path_pins;  // SPKI digests of each verified path, default first
  LeafFacts leaf;
  std::shared_ptr<const PolicyIndex> policy;  // what `seen.verdict` borrows its rule from
};

// What a stapled OCSP response says.
enum class StapleState : std::uint8_t {
  kNone,     // none was sent
  kGood,     // signed for the issuer, current, and good
  kRevoked,  // the same, but the certificate is revoked
  kUnknown,  // the same, but the responder does not know the certificate
  kInvalid,  // malformed, for another certificate, signed by nobody entitled, or out of date
};

// NameOf is "none", "good", "revoked", "unknown" or "invalid".
[[nodiscard]] std::string_view NameOf(StapleState state) noexcept;

// StapleFacts is the OCSP staple of one handshake (RFC 6066, 8).
struct StapleFacts {
  StapleState state = StapleState::kNone;
  std::string problem;  // why it is invalid; empty otherwise
  std::optional<Time> this_update;
  std::optional<Time> next_update;
};

// HttpFacts is what is kept of the head of an answer. Fields are cut at kMaxFieldKept bytes.
inline constexpr std::size_t kMaxFieldKept = 512;
struct HttpFacts {
  int status = 0;  // 100 to 599
  std::string server;
  std::string location;
  std::optional<std::string> hsts;              // Strict-Transport-Security, the first
  std::optional<std::string> hpkp;              // Public-Key-Pins
  std::optional<std::string> hpkp_report_only;  // Public-Key-Pins-Report-Only
  std::optional<Time> date;
};

// Why a look was made.
enum class Purpose : std::uint8_t { kUsual, kOtherKey, kWithoutName, kResumption };

// NameOf is "usual", "other_key", "without_name" or "resumption".
[[nodiscard]] std::string_view NameOf(Purpose purpose) noexcept;

// Timings is how long each phase took; zero where it did not take place.
using Timings = std::array<std::chrono::microseconds, kPhases>;

// LookFacts is what one connection showed.
struct LookFacts {
  Purpose purpose = Purpose::kUsual;
  Offer offer = Offer::kAnyKey;

  // Why the look ended early, and where. Everything that was seen before is here all the same.
  std::optional<Error> error;
  Phase ended_in = Phase::kConnect;  // meaningful with `error`

  std::shared_ptr<const ChainFacts> chain;  // null where none was presented, or without `trust`
  std::shared_ptr<const PresentedChain> presented;  // without `trust`, where one was
  // "TLSv1.3"; empty where the handshake failed, but for a verdict that refuses.
  std::string version;
  // The server proved that it holds the key of its certificate. Anybody can present the certificate
  // of somebody else, and fail after it.
  bool proved = false;
  std::string suite;  // "TLS_AES_256_GCM_SHA384"
  std::string group;  // of the key exchange: "X25519"; empty for RSA's
  std::string alpn;   // empty where none was agreed
  StapleFacts staple;
  std::size_t scts = 0;           // sent as a TLS extension
  std::optional<HttpFacts> http;  // where headers were wanted and the answer was HTTP
  std::shared_ptr<const tls::ConnectionRecord> record;  // the verdict of Settings::enforcer
  std::shared_ptr<const SmallAnswer> clear;             // to Settings::in_clear
  bool resumed = false;  // of Purpose::kResumption: the session was taken up again
  Timings timings{};

  [[nodiscard]] bool completed() const noexcept { return !version.empty(); }
};

// Whether a server takes part in something.
enum class Support : std::uint8_t { kNo, kYes, kUnknown };

// VersionFacts is the answer to a hello of one version.
struct VersionFacts {
  TlsVersion version = TlsVersion::kTls13;
  Support support = Support::kUnknown;
  std::string suite;           // that the server chose
  std::optional<Error> error;  // why it is not known
};

// AddressFacts is one address.
struct AddressFacts {
  std::string peer;                      // "127.0.0.1:443", or what a proxy was asked for
  std::optional<net::Address> address;   // nullopt through a proxy
  std::vector<LookFacts> looks;          // the usual one first; at least one
  std::vector<VersionFacts> versions;    // where wanted, oldest first
  std::vector<std::string> weak_suites;  // where wanted: those that the server accepts, by name

  // The address says nothing about the server, where others answered: see Look::passed_over.
  bool passed_over = false;

  [[nodiscard]] const LookFacts& usual() const noexcept { return looks.front(); }
};

// HostFacts is the answer to a question.
struct HostFacts {
  net::Target target;
  std::shared_ptr<const Settings> settings;  // those of the question
  Time at;                                   // when it was answered
  std::optional<Error> failure;  // no address is known; `addresses` is empty then, and only then
  std::vector<AddressFacts> addresses;  // in the order of the name service
  std::chrono::microseconds resolving{0};
};

// Tally counts what the engine did, and every reason for which it could not look.
struct Tally {
  std::uint64_t questions = 0;    // answered
  std::uint64_t looks = 0;        // ended, well or not
  std::uint64_t connections = 0;  // begun; hellos for versions and suites count here too
  std::uint64_t chains_judged = 0;
  std::uint64_t chains_known = 0;                          // judged a short while before
  std::map<std::pair<Phase, Code>, std::uint64_t> failed;  // looks, and names without address
};

}  // namespace cotter::probe
