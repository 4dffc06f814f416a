// SPDX-License-Identifier: Apache-2.0
#include "probe/judge.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <openssl/ssl.h>

#include "net/tls_stream.h"
#include "probe/parallel.h"
#include "probe/reach.h"

namespace cotter::probe {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

// What all addresses share; read only.
struct Job {
  const net::Target& target;
  const tls::Enforcer& enforcer;
  const JudgeOptions& options;
  net::Deadline deadline;
};

Result<net::SslPtr> MakeSsl(const Job& job) {
  const Error failed{Code::kTlsFailed, "the TLS library could not be set up"};
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_client_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) return failed;
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

// Connects, and leaves in `judged` what came of it.
Result<void> Judge(const Job& job, const net::Route& route, JudgedPeer& judged) {
  Result<net::SslPtr> ssl = MakeSsl(job);
  if (!ssl) return std::move(ssl).error();
  Result<net::Socket> socket =
      net::OpenRoute(route, job.target.host, job.options.connect, job.deadline);
  if (!socket) return std::move(socket).error();
  net::TlsStream stream(*std::move(socket), *std::move(ssl));
  Result<void> shaken = stream.Handshake(job.deadline);
  const tls::ConnectionRecord* record = tls::RecordOf(stream.ssl());
  if (shaken) {
    const Result<const tls::ConnectionRecord*> confirmed = tls::Confirm(stream.ssl());
    // A refusal that Confirm itself comes to is newer than the record.
    if (!confirmed && (record == nullptr || record->verdict.allowed())) return confirmed.error();
  } else if (record == nullptr || record->verdict.allowed()) {
    return shaken;  // an allowed verdict is worth nothing on a handshake that failed
  }
  judged.tls_version = stream.version();
  judged.record = *record;
  stream.Close();
  return Ok();
}

}  // namespace

Result<std::vector<JudgedPeer>> JudgeServer(const net::Target& target,
                                            const tls::Enforcer& enforcer,
                                            const JudgeOptions& options) {
  const Job job{target, enforcer, options, net::Deadline::After(options.timeout)};
  const Result<std::vector<net::Route>> routes =
      net::FindRoutes(target, options.connect, job.deadline);
  if (!routes) return routes.error();
  std::vector<JudgedPeer> all(routes->size());
  ForEachIndex(routes->size(), kMaxParallel, [&](std::size_t i) {
    all[i].peer = (*routes)[i].peer;
    if (Result<void> done = Judge(job, (*routes)[i], all[i]); !done) {
      all[i].error = std::move(done).error();
    }
  });
  const bool any_verdict = std::any_of(
      all.begin(), all.end(), [](const JudgedPeer& one) { return one.record.has_value(); });
  std::vector<JudgedPeer> judged;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool nothing =
        any_verdict && all[i].error && SaysNothing(target, (*routes)[i], *all[i].error);
    if (!nothing) judged.push_back(std::move(all[i]));
  }
  return judged;
}

}  // namespace cotter::probe
