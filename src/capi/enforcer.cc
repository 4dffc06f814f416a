// SPDX-License-Identifier: Apache-2.0
//
// Enforcing on OpenSSL connections of the caller.
#include <utility>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/idna.h"
#include "capi/guard.h"
#include "capi/options.h"
#include "capi/verdict.h"
#include <cotter/report.h>

using namespace cotter::capi;

namespace cotter::capi {
namespace {

std::string PeerOfSsl(const SSL* ssl) { return report::PeerOf(SSL_get_fd(ssl)); }

// Told is who hears of violations: the caller, and a file.
struct Told {
  void (*call)(void* user, const cotter_verdict* verdict);
  std::shared_ptr<void> user;
  std::shared_ptr<report::Sink> file;
  std::shared_ptr<PolicySource> source;
  std::function<Time()> now;
};

void Tell(const Told& told, const tls::Violation& violation) {
  const std::string peer = report::PeerOf(violation.socket);
  // The policy may have been exchanged since the handshake began; the source has the one that
  // judges now, which is the same but for that moment.
  const std::shared_ptr<const PolicyIndex> policy = told.source->Current();
  if (told.file) {
    told.file->Tell(report::MakeEvent({.endpoint = violation.endpoint,
                                       .verdict = violation.verdict,
                                       .found = violation.found,
                                       .message = violation.message,
                                       .policy = policy.get(),
                                       .served_chain = violation.presented,
                                       .validated_chain = violation.validated},
                                      told.now(), peer));
  }
  if (told.call != nullptr) {
    told.call(told.user.get(), FromViolation(violation, policy.get(), peer).get());
  }
}

Result<tls::EnforcerOptions> ToEnforcerOptions(const cotter_enforcer_options& options,
                                               std::shared_ptr<void> user) {
  if (options.source == nullptr) return Missing("options.source");
  if (options.trust == nullptr) return Missing("options.trust");
  tls::EnforcerOptions enforcer{
      .policy = options.source->source, .trust = options.trust->store, .now = base::Now};
  if (options.resume != 0) enforcer.resume = tls::Resumption::kBound;
  if (options.now != nullptr) {
    enforcer.now = [now = options.now, user] { return Time{now(user.get())}; };
  }
  std::shared_ptr<report::Sink> file;
  if (options.violation_file != nullptr) {
    auto opened = report::OpenFileSink({.path = options.violation_file});
    if (!opened) return std::move(opened).error();
    file = std::move(opened).value();
  }
  if (options.on_violation != nullptr || file) {
    enforcer.on_violation =
        [told = Told{options.on_violation, std::move(user), std::move(file), options.source->source,
                     enforcer.now}](const tls::Violation& violation) { Tell(told, violation); };
  }
  return enforcer;
}

Result<tls::ContextOptions> ToContextOptions(const cotter_context_options& options,
                                             std::shared_ptr<void> user) {
  tls::ContextOptions context;
  if (options.port != 0) context.port = options.port;
  if (options.host != nullptr) {
    Result<HostName> host = HostName::Parse(options.host, &base::Idna());
    if (!host) return std::move(host).error();
    context.endpoint = Endpoint{std::move(host).value(), context.port};
  }
  if (options.on_verdict != nullptr) {
    context.on_record = [tell = options.on_verdict,
                         user = std::move(user)](const tls::ConnectionRecord& record) {
      tell(user.get(), FromRecord(record, "").get());
    };
  }
  return context;
}

}  // namespace
}  // namespace cotter::capi

cotter_status cotter_enforcer_new(const cotter_enforcer_options* given, cotter_enforcer** enforcer,
                                  cotter_error** error) {
  return GuardNew(enforcer, error, [&]() -> cotter::Result<std::unique_ptr<cotter_enforcer>> {
    if (given == nullptr) return Missing("options");
    const auto options = ReadOptions(given);
    if (!options) return options.error();
    std::shared_ptr<void> user = HoldUser(options->user, options->release);
    auto enforcer_options = ToEnforcerOptions(*options, std::move(user));
    if (!enforcer_options) return std::move(enforcer_options).error();
    auto made = cotter::tls::Enforcer::Create(std::move(enforcer_options).value());
    if (!made) return std::move(made).error();
    return std::make_unique<cotter_enforcer>(cotter_enforcer{std::move(made).value()});
  });
}

cotter_status cotter_enforcer_attach_context(const cotter_enforcer* enforcer,
                                             struct ssl_ctx_st* context,
                                             const cotter_context_options* given,
                                             cotter_error** error) {
  return Guard(error, [&]() -> cotter::Result<void> {
    const auto options = ReadOptions(given);
    if (!options) return options.error();
    std::shared_ptr<void> user = HoldUser(options->user, options->release);
    if (enforcer == nullptr) return Missing("enforcer");
    if (context == nullptr) return Missing("context");
    auto context_options = ToContextOptions(*options, std::move(user));
    if (!context_options) return std::move(context_options).error();
    return enforcer->enforcer.AttachContext(context, std::move(context_options).value());
  });
}

cotter_status cotter_enforcer_prepare(struct ssl_ctx_st* context, cotter_error** error) {
  return Guard(error, [&]() -> cotter::Result<void> {
    if (context == nullptr) return Missing("context");
    return cotter::tls::Enforcer::Prepare(context);
  });
}

cotter_status cotter_enforcer_attach(const cotter_enforcer* enforcer, struct ssl_st* ssl,
                                     const char* host, uint16_t port, cotter_error** error) {
  return Guard(error, [&]() -> cotter::Result<void> {
    if (enforcer == nullptr) return Missing("enforcer");
    if (ssl == nullptr) return Missing("ssl");
    if (host == nullptr) return Missing("host");
    if (port == 0) return cotter::Error{cotter::Code::kPortInvalid, "expected 1 to 65535"};
    auto name = cotter::HostName::Parse(host, &cotter::base::Idna());
    if (!name) return std::move(name).error();
    return enforcer->enforcer.Attach(ssl, cotter::Endpoint{std::move(name).value(), port});
  });
}

void cotter_enforcer_free(cotter_enforcer* enforcer) { Free(enforcer); }

cotter_status cotter_ssl_confirm(struct ssl_st* ssl, cotter_verdict** verdict,
                                 cotter_error** error) {
  if (verdict != nullptr) *verdict = nullptr;
  return Guard(error, [&]() -> cotter::Result<void> {
    if (ssl == nullptr) return Missing("ssl");
    const auto confirmed = cotter::tls::Confirm(ssl);
    if (!confirmed) return confirmed.error();
    if (verdict != nullptr) *verdict = FromRecord(**confirmed, PeerOfSsl(ssl)).release();
    return cotter::Ok();
  });
}

cotter_status cotter_ssl_check_use(struct ssl_st* ssl, cotter_error** error) {
  return Guard(error, [&]() -> cotter::Result<void> {
    if (ssl == nullptr) return Missing("ssl");
    return cotter::tls::CheckUse(ssl);
  });
}

void cotter_ssl_use_socket(struct ssl_st* ssl, int socket) {
  if (ssl != nullptr) cotter::tls::UseSocket(ssl, socket);
}

cotter_status cotter_ssl_verdict(const struct ssl_st* ssl, cotter_verdict** verdict,
                                 cotter_error** error) {
  return GuardNew(verdict, error, [&]() -> cotter::Result<std::unique_ptr<cotter_verdict>> {
    if (ssl == nullptr) return Missing("ssl");
    const auto* const record = cotter::tls::RecordOf(ssl);
    if (record == nullptr) {
      return cotter::Error{cotter::Code::kNoVerifiedPath, "there is no verdict yet"};
    }
    return FromRecord(*record, PeerOfSsl(ssl));
  });
}
