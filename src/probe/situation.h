// SPDX-License-Identifier: Apache-2.0
//
// Situation is what was seen of a connection that fails, as facts: the chains that were met, what
// the policy says of each, and what was asked besides to tell causes apart. Diagnose reads it and
// asks nothing more, so that every cause can be tried on made-up facts. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probe/look.h"
#include "probe/seen_certificate.h"
#include <cotter/code.h>
#include <cotter/evaluate.h>
#include <cotter/host.h>
#include <cotter/policy.h>
#include <cotter/time.h>

namespace cotter::probe {

// Where a verified path ends, as far as diagnosis is concerned.
enum class AnchorKind : std::uint8_t {
  kNone,      // there is no verified path
  kPublic,    // a root that the platform's vendor ships
  kDeclared,  // a root that the caller named
  kLocal,     // a root that somebody added to this machine
};

// SeenChain is one presented chain and what came of it.
struct SeenChain {
  std::vector<std::string> peers;  // where it was served; empty for one that was received
  std::vector<SeenCertificate> presented;
  std::vector<SeenCertificate> path;  // the verified path, leaf first; empty where there is none
  AnchorKind anchor = AnchorKind::kNone;
  Verdict verdict;
  std::optional<Code> code;  // why it is refused, or what is worth knowing
  std::string message;

  // leaf is the end-entity certificate; null where nothing could be read. Borrowed.
  [[nodiscard]] const SeenCertificate* leaf() const noexcept {
    return presented.empty() ? nullptr : &presented.front();
  }
};

// KnownPin is a pin of the rule whose certificate diagnosis has come across.
struct KnownPin {
  Digest spki;
  SeenName subject;
  bool is_root = false;
};

// SiteCa is a CA that the policy pins for another host of the same registered name.
struct SiteCa {
  Digest spki;
  std::string host;  // the pattern of that rule
  std::string name;  // empty where nobody knows the CA
};

// ClearAnswer is what an HTTP request in clear was answered: with captive portals, a redirect.
struct ClearAnswer {
  int status = 0;
  std::string location;  // of a redirect; empty otherwise
};

// How the failing client came to its connection.
enum class Resumption : std::uint8_t { kNotKnown, kResumed };

// Situation is all of it. `rule` is borrowed.
struct Situation {
  Endpoint endpoint;
  Time now;
  const HostRule* rule = nullptr;  // null where no rule applies
  std::optional<Time> expires{};   // of the rule or the policy, the earlier

  std::vector<SeenChain> chains{};        // what the live server shows a client that sends its name
  std::vector<SeenChain> without_name{};  // and one that does not
  std::optional<SeenChain> received{};    // what an app received, from a file
  std::vector<PeerError> failures{};      // addresses that did not answer
  std::vector<SeenCertificate> earlier{};  // a chain from when all was well, leaf first
  std::vector<KnownPin> known_pins{};
  std::vector<SiteCa> site_cas{};
  std::optional<Time> server_time{};  // what the server takes for the time
  std::optional<ClearAnswer> clear_answer{};
  std::optional<SeenCertificate> fetched_issuer{};  // completes the chain that is judged
  std::vector<std::string>
      same_issuer{};  // unrelated hosts that the issuer of this chain speaks for
  Resumption resumption = Resumption::kNotKnown;

  // Subject is the chain that is diagnosed: the received one, else the worst of the live ones; null
  // where none was seen. Borrowed.
  [[nodiscard]] const SeenChain* Subject() const noexcept;
};

// PinnedBy reports whether a pin of `rule` matches `certificate`, which stands at `index` of a
// path.
[[nodiscard]] bool PinnedBy(const HostRule& rule, const SeenCertificate& certificate,
                            std::size_t index) noexcept;

// TopOf follows issuers by name from the leaf through what was presented, and is where that ends.
// `chain` holds at least one certificate. Borrowed.
[[nodiscard]] const SeenCertificate& TopOf(const SeenChain& chain);

}  // namespace cotter::probe
