// SPDX-License-Identifier: Apache-2.0
#include "probe/look.h"

#include <algorithm>
#include <utility>

#include "net/tls_stream.h"
#include "probe/offer.h"
#include "probe/parallel.h"
#include "probe/reach.h"
#include "tls/path_verifier.h"

namespace cotter::probe {
namespace {

// Seen is one completed handshake.
struct Seen {
  PresentedChain presented;
  Sighting sighting;
};

// RouteLook is what one address showed.
struct RouteLook {
  std::vector<Seen> seen;
  std::vector<Error> errors;
};

// LookJob is what all addresses of one look share; read only.
struct LookJob {
  const net::Target& target;
  const LookOptions& options;
  net::Deadline deadline;
};

std::string ServerName(const LookJob& job) {
  if (job.options.sni) return *job.options.sni;
  // RFC 6066, 3: literal addresses are not permitted in SNI.
  return job.target.host.is_ip() ? std::string() : std::string(job.target.host.text());
}

// Reply is what came of one hello. One of `seen` and `error` is set.
struct Reply {
  std::optional<Seen> seen;
  std::optional<Error> error;
  Decline decline = Decline::kNo;  // what the error says of the server's certificates
};

Reply Ask(const LookJob& job, const net::Route& route, Offer offer) {
  Result<net::SslPtr> ssl = MakeInsecureLookSsl(offer, ServerName(job));
  if (!ssl) return Reply{{}, ssl.error()};
  Result<net::Socket> socket =
      net::OpenRoute(route, job.target.host, job.options.connect, job.deadline);
  if (!socket) return Reply{{}, socket.error()};
  net::TlsStream stream(*std::move(socket), *std::move(ssl));
  if (const Result<void> shaken = stream.Handshake(job.deadline); !shaken) {
    return Reply{{}, shaken.error(), ReadDecline(shaken.error(), offer, KeyOf(stream.presented()))};
  }
  Seen seen{stream.presented(), {route.peer, stream.version(), stream.cipher()}};
  stream.Close();
  if (seen.presented.certificates.empty()) {
    return Reply{{}, Error{Code::kTlsFailed, "TLS handshake: the server presented no certificate"}};
  }
  return Reply{std::move(seen), {}};
}

// HasNone reports that `reply` means that the server has no certificate of the key type asked for.
bool HasNone(const LookJob& job, const net::Route& route, const Reply& reply) {
  if (reply.decline != Decline::kPerhaps) return reply.decline == Decline::kYes;
  return Ask(job, route, Offer::kAnyKey).seen.has_value();
}

RouteLook LookAtRoute(const LookJob& job, const net::Route& route) {
  RouteLook look;
  Reply usual = Ask(job, route, Offer::kAnyKey);
  if (!usual.seen) {
    look.errors.push_back(*std::move(usual.error));
    return look;
  }
  const std::optional<Offer> key = KeyOf(usual.seen->presented);
  look.seen.push_back(*std::move(usual.seen));
  for (const Offer offer : {Offer::kRsa, Offer::kEcdsa}) {
    if (offer == key) continue;
    Reply other = Ask(job, route, offer);
    if (other.seen) {
      look.seen.push_back(*std::move(other.seen));
    } else if (!HasNone(job, route, other)) {
      std::string message = "asking for an ";
      message.append(NameOf(offer)).append(" certificate: ").append(other.error->message);
      look.errors.push_back(Error{other.error->code, std::move(message)});
    }
  }
  return look;
}

// Verifies a presented chain for the target.
void Verify(const LookJob& job, ServedChain& chain) {
  const tls::Verification found =
      tls::VerifyChain(chain.presented, *job.options.trust, job.target.host, job.options.now, {},
                       tls::SearchMode::kWhenDefaultFails);
  if (!found.paths().empty()) {
    chain.path = found.DerOf(0);
  } else if (found.search_end() == SearchEnd::kBoundReached) {
    chain.failure = Error{Code::kSearchBound, "more candidate paths than the limit: undecided"};
  } else if (found.failure()) {
    chain.failure = Error{found.failure()->code, found.failure()->message};
  } else {
    chain.failure = Error{Code::kNoVerifiedPath, "the presented chain has no verified path"};
  }
}

void Merge(std::vector<Seen>&& seen, std::vector<ServedChain>& chains) {
  for (Seen& one : seen) {
    const auto same = std::find_if(chains.begin(), chains.end(), [&](const ServedChain& known) {
      return known.presented.certificates == one.presented.certificates;
    });
    if (same == chains.end()) {
      chains.push_back(ServedChain{std::move(one.presented), {}, {}, {std::move(one.sighting)}});
    } else {
      same->sightings.push_back(std::move(one.sighting));
    }
  }
}

Look Combine(const net::Target& target, const std::vector<net::Route>& routes,
             std::vector<RouteLook>&& looks) {
  Look look;
  for (RouteLook& one : looks) Merge(std::move(one.seen), look.chains);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    for (Error& error : looks[i].errors) {
      const bool nothing = !look.chains.empty() && SaysNothing(target, routes[i], error);
      (nothing ? look.passed_over : look.failures)
          .push_back(PeerError{routes[i].peer, std::move(error)});
    }
  }
  return look;
}

}  // namespace

Result<Look> LookAt(const net::Target& target, const LookOptions& options) {
  COTTER_CHECK(options.trust != nullptr);
  const LookJob job{target, options, net::Deadline::After(options.timeout)};
  const Result<std::vector<net::Route>> routes =
      net::FindRoutes(target, options.connect, job.deadline);
  if (!routes) return routes.error();
  std::vector<RouteLook> looks(routes->size());
  ForEachIndex(routes->size(), kMaxParallel,
               [&](std::size_t i) { looks[i] = LookAtRoute(job, (*routes)[i]); });
  Look look = Combine(target, *routes, std::move(looks));
  for (ServedChain& chain : look.chains) Verify(job, chain);
  return look;
}

}  // namespace cotter::probe
