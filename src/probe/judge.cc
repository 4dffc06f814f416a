// SPDX-License-Identifier: Apache-2.0
#include "probe/judge.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <openssl/ssl.h>

#include "net/tls_stream.h"
#include "probe/offer.h"
#include "probe/parallel.h"
#include "probe/reach.h"

namespace cotter::probe {
namespace {

// What all addresses share; read only.
struct Job {
  const net::Target& target;
  const tls::Enforcer& enforcer;
  const JudgeOptions& options;
  net::Deadline deadline;
};

Result<net::SslPtr> MakeSsl(const Job& job, Offer offer) {
  const Error failed{Code::kTlsFailed, "the TLS library could not be set up"};
  const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context || !ApplyOffer(*context, offer, Strength::kUsual)) return failed;
  if (Result<void> prepared = tls::Enforcer::Prepare(context.get()); !prepared) {
    return std::move(prepared).error();
  }
  net::SslPtr ssl(SSL_new(context.get()));
  if (!ssl) return failed;
  const std::string server_name = job.options.sni.value_or("");
  if (!server_name.empty() && !SetServerName(*ssl, server_name)) {
    return Error{Code::kHostInvalid, "the server name for SNI is too long"};
  }
  const Endpoint endpoint{job.target.host, job.target.port};
  if (Result<void> attached = job.enforcer.Attach(ssl.get(), endpoint); !attached) {
    return std::move(attached).error();
  }
  return ssl;
}

// Connection is one enforced handshake and the key type that it met.
struct Connection {
  JudgedPeer judged;
  std::optional<Offer> key;
};

// Takes the verdict out of `stream`, whose handshake ended with `shaken`.
Result<tls::ConnectionRecord> VerdictOf(net::TlsStream& stream, const Result<void>& shaken) {
  const tls::ConnectionRecord* record = tls::RecordOf(stream.ssl());
  const bool refused = record != nullptr && !record->verdict.allowed();
  if (refused) return *record;
  // An allowed verdict is worth nothing on a handshake that failed.
  if (!shaken) return shaken.error();
  const Result<const tls::ConnectionRecord*> confirmed = tls::Confirm(stream.ssl());
  if (!confirmed) return confirmed.error();
  return **confirmed;
}

Connection Connect(const Job& job, const net::Route& route, Offer offer) {
  Connection connection;
  connection.judged.peer = route.peer;
  const auto fail = [&connection](const Error& error) {
    connection.judged.error = error;
    return connection;
  };
  Result<net::SslPtr> ssl = MakeSsl(job, offer);
  if (!ssl) return fail(ssl.error());
  Result<net::Socket> socket =
      net::OpenRoute(route, job.target.host, job.options.connect, job.deadline);
  if (!socket) return fail(socket.error());
  net::TlsStream stream(*std::move(socket), *std::move(ssl));
  const Result<void> shaken = stream.Handshake(job.deadline);
  connection.key = KeyOf(stream.presented());
  Result<tls::ConnectionRecord> verdict = VerdictOf(stream, shaken);
  if (!verdict) return fail(verdict.error());
  connection.judged.tls_version = stream.version();
  connection.judged.record = *std::move(verdict);
  stream.Close();
  return connection;
}

// HasNone reports that `connection` failed because the server has no certificate for `offer`.
bool HasNone(const Job& job, const net::Route& route, const Connection& connection, Offer offer) {
  if (!connection.judged.error) return false;
  const Decline decline = ReadDecline(*connection.judged.error, offer, connection.key);
  if (decline != Decline::kPerhaps) return decline == Decline::kYes;
  return !Connect(job, route, Offer::kAnyKey).judged.error;
}

std::vector<JudgedPeer> JudgeRoute(const Job& job, const net::Route& route) {
  Connection usual = Connect(job, route, Offer::kAnyKey);
  std::vector<JudgedPeer> judged{std::move(usual.judged)};
  if (judged.front().error) return judged;
  for (const Offer offer : {Offer::kRsa, Offer::kEcdsa}) {
    if (offer == usual.key) continue;
    Connection other = Connect(job, route, offer);
    if (!HasNone(job, route, other, offer)) judged.push_back(std::move(other.judged));
  }
  return judged;
}

}  // namespace

Result<std::vector<JudgedPeer>> JudgeServer(const net::Target& target,
                                            const tls::Enforcer& enforcer,
                                            const JudgeOptions& options) {
  const Job job{target, enforcer, options, net::Deadline::After(options.timeout)};
  const Result<std::vector<net::Route>> routes =
      net::FindRoutes(target, options.connect, job.deadline);
  if (!routes) return routes.error();
  std::vector<std::vector<JudgedPeer>> all(routes->size());
  ForEachIndex(routes->size(), kMaxParallel,
               [&](std::size_t i) { all[i] = JudgeRoute(job, (*routes)[i]); });
  const bool any_verdict = std::any_of(
      all.begin(), all.end(), [](const auto& some) { return some.front().record.has_value(); });
  std::vector<JudgedPeer> judged;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (JudgedPeer& one : all[i]) {
      const bool nothing =
          any_verdict && one.error && SaysNothing(target, (*routes)[i], *one.error);
      if (!nothing) judged.push_back(std::move(one));
    }
  }
  return judged;
}

}  // namespace cotter::probe
