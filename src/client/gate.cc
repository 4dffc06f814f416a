// SPDX-License-Identifier: Apache-2.0
#include "client/gate.h"

#include <utility>

#include <openssl/ssl.h>

#include "client/engine.h"
#include "client/hop.h"
#include "client/profile.h"
#include "client/request.h"
#include <cotter/openssl.h>

namespace cotter::client {
namespace {

// IsViolation reports that pins, not PKI alone, are why a connection is refused or told of.
bool IsViolation(const Verdict& verdict) noexcept {
  return verdict.outcome == Outcome::kReported ||
         (!verdict.allowed() && verdict.outcome != Outcome::kPkiError);
}

BadPin MakeBadPin(const Transfer& transfer, const tls::ConnectionRecord& record, Leg leg,
                  std::string peer) {
  BadPin bad{.event = report::MakeEvent({.endpoint = *record.endpoint,
                                         .verdict = record.verdict,
                                         .found = record.found,
                                         .message = record.message,
                                         .policy = record.policy.get(),
                                         .served_chain = record.presented,
                                         .validated_chain = record.validated},
                                        transfer.engine.settings().options.now(), std::move(peer)),
             .leg = leg,
             .through_proxy = leg == Leg::kOrigin && transfer.engine.settings().proxy.has_value(),
             .method = transfer.method,
             .url = transfer.url->text(),
             .headers = transfer.headers};
  if (record.verdict.outcome == Outcome::kReported) bad.event.message = BadPinMessage(record.found);
  bad.event.request = report::MakeRequest(bad.method, bad.url, bad.headers);
  return bad;
}

// TakeVerdict is told of every verdict, allowed or not, inside the handshake. What it throws
// refuses the connection.
void TakeVerdict(Transfer& transfer, const tls::ConnectionRecord& record, Leg leg) {
  Hop& hop = transfer.hop;
  if (!record.verdict.allowed() || record.code) {
    if (!hop.refusal) {
      hop.refusal = Error{record.code.value_or(Code::kNoVerifiedPath), record.message};
      transfer.engine.HopRefused();
    }
  }
  if (leg == Leg::kProxy) transfer.engine.KeepProxyRecord(record);
  if (!record.endpoint || !IsViolation(record.verdict)) return;
  const std::string peer = hop.easy ? PeerOf(hop.easy->handle.get()) : std::string();
  transfer.engine.Tell(transfer, MakeBadPin(transfer, record, leg, peer));
}

// FactsOf is what a response tells of its connection.
ConnectionFacts FactsOf(const tls::ConnectionRecord& record) {
  ConnectionFacts facts;
  facts.outcome = record.verdict.outcome;
  facts.reasons = record.verdict.reasons;
  facts.match = record.verdict.match;
  facts.backup_pin = facts.match && facts.match->pin.use == PinUse::kBackup;
  facts.tls_version = record.tls_version;
  facts.resumed = record.resumed;
  const std::size_t shown = facts.match ? facts.match->path_index : 0;
  if (shown < record.paths.size()) {
    const auto certificates = record.paths[shown].certificates();
    facts.path.reserve(certificates.size());
    for (const PathCertificate& certificate : certificates) {
      facts.path.push_back(certificate.spki);
    }
  }
  return facts;
}

// SslOf is the TLS connection that the handle is on; null where there is none.
SSL* SslOf(CURL* easy) noexcept {
  curl_tlssessioninfo* info = nullptr;
  if (Curl().easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || info == nullptr ||
      info->backend != CURLSSLBACKEND_OPENSSL) {
    return nullptr;
  }
  return static_cast<SSL*>(info->internals);
}

bool IsFor(const tls::ConnectionRecord& record, const Endpoint& endpoint) noexcept {
  return record.endpoint && record.endpoint->host == endpoint.host &&
         record.endpoint->port == endpoint.port;
}

// Hold holds `record`, of a live connection, against `policy`, and tells of a refusal. No other
// paths are searched: a connection that the paths it has do not carry is over, and a new one may
// find more.
Result<void> Hold(Transfer& transfer, const tls::ConnectionRecord& record, Leg leg,
                  std::shared_ptr<const PolicyIndex> policy) {
  if (record.policy == policy) return Ok();
  tls::ConnectionRecord again = record;
  again.verdict = Evaluate(*policy, *record.endpoint, record.paths, SearchEnd::kComplete,
                           transfer.engine.settings().options.now());
  again.policy = std::move(policy);
  if (again.verdict.allowed()) return Ok();
  again.code = again.verdict.code().value_or(Code::kNoVerifiedPath);
  again.message = BadPinMessage(again.found);
  TakeVerdict(transfer, again, leg);
  return Error{*again.code, again.message};
}

// CheckTls is the last look before a request leaves on a TLS connection.
Result<void> CheckTls(Transfer& transfer) {
  SSL* const ssl = SslOf(transfer.hop.easy->handle.get());
  const tls::ConnectionRecord* const record = ssl == nullptr ? nullptr : tls::RecordOf(ssl);
  if (record == nullptr) return Error{Code::kNoVerifiedPath, "the connection was not judged"};
  // libcurl never uses one host's HTTP/2 connection for another; if it did, the pins of the other
  // would not have been asked.
  if (!IsFor(*record, transfer.url->endpoint())) {
    return Error{Code::kNoVerifiedPath, "the connection was judged for another host"};
  }
  auto policy = transfer.engine.settings().options.policy->Current();
  transfer.hop.facts = FactsOf(*record);
  transfer.hop.facts.policy_name = policy->name();
  transfer.hop.facts.policy_version = policy->version();
  // Where the policy has changed the handler is told here; the enforcer's own word comes last.
  if (Result<void> held = Hold(transfer, *record, Leg::kOrigin, std::move(policy)); !held) {
    return held;
  }
  const Result<const tls::ConnectionRecord*> confirmed = tls::Confirm(ssl);
  if (!confirmed) return confirmed.error();
  transfer.hop.facts.tls_version = (*confirmed)->tls_version;
  return Ok();
}

// IsRepeated reports that libcurl makes a request again that may have arrived: it takes a kept
// connection that ends without an answer for one that was dead before.
bool IsRepeated(const Transfer& transfer) noexcept {
  if (!transfer.hop.ready) return false;
  long sent = 0;
  const bool known = Curl().easy_getinfo(transfer.hop.easy->handle.get(), CURLINFO_REQUEST_SIZE,
                                         &sent) == CURLE_OK;
  return !known || sent > 0;
}

Result<void> CheckReady(Transfer& transfer) {
  if (transfer.hop.refusal) return *transfer.hop.refusal;
  if (IsRepeated(transfer) && !IsIdempotent(transfer.method)) {
    return Error{Code::kConnectionClosed,
                 "the connection ended without an answer, and the request may have arrived"};
  }
  if (transfer.url->scheme() == Scheme::kHttps) return CheckTls(transfer);
  const auto policy = transfer.engine.settings().options.policy->Current();
  transfer.hop.facts.policy_name = policy->name();
  transfer.hop.facts.policy_version = policy->version();
  return CheckClear(*policy, *transfer.url);
}

// LegOf is the leg that `context` is for.
Leg LegOf(const SSL_CTX* context) noexcept {
  const bool marked = (SSL_CTX_get_options(context) & SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS) != 0;
  return marked ? Leg::kProxy : Leg::kOrigin;
}

Result<void> AttachLeg(Transfer& transfer, SSL_CTX* context) {
  const Settings& settings = transfer.engine.settings();
  const Leg leg = LegOf(context);
  const bool expected = leg == Leg::kProxy
                            ? settings.proxy && settings.proxy->kind == ProxyUrl::Kind::kHttps
                            : transfer.url->scheme() == Scheme::kHttps;
  if (!expected) return Error{Code::kInternal, "a TLS leg that nobody asked for"};
  RestrictSuites(context);
  // libcurl asks for no tickets in TLS 1.2, for it would not keep them; the enforcer does.
  SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
  const Endpoint& endpoint =
      leg == Leg::kProxy ? settings.proxy->endpoint : transfer.url->endpoint();
  // The context lives as long as its connection, which outlives the request.
  std::weak_ptr<Transfer> weak = transfer.weak_from_this();
  return transfer.engine.enforcer().AttachContext(
      context,
      {.endpoint = endpoint, .on_record = [weak, leg](const tls::ConnectionRecord& record) {
         const std::shared_ptr<Transfer> of = weak.lock();
         if (of) TakeVerdict(*of, record, leg);
       }});
}

}  // namespace

CURLcode OnSslContext(CURL* /*easy*/, void* context, void* user) try {
  Transfer& transfer = *static_cast<Easy*>(user)->transfer;
  const Result<void> attached = AttachLeg(transfer, static_cast<SSL_CTX*>(context));
  if (attached) return CURLE_OK;
  if (!transfer.hop.refusal) transfer.hop.refusal = attached.error();
  return CURLE_SSL_CONNECT_ERROR;
} catch (...) {
  return CURLE_OUT_OF_MEMORY;
}

int OnReady(void* user, char* peer_address, char* /*own_address*/, int peer_port,
            int /*own_port*/) try {
  Transfer& transfer = *static_cast<Easy*>(user)->transfer;
  if (const Result<void> ready = CheckReady(transfer); !ready) {
    if (!transfer.hop.refusal) transfer.hop.refusal = ready.error();
    return CURL_PREREQFUNC_ABORT;
  }
  transfer.hop.facts.peer = PeerText(peer_address == nullptr ? "" : peer_address, peer_port);
  transfer.hop.facts.through_proxy = transfer.engine.settings().proxy.has_value();
  transfer.hop.ready = true;
  transfer.engine.SocketMade(transfer);  // or a kept one is used
  return CURL_PREREQFUNC_OK;
} catch (...) {
  return CURL_PREREQFUNC_ABORT;
}

Result<void> CheckClear(const PolicyIndex& policy, const Url& url) {
  const Lookup found = policy.Find(url.endpoint().host, url.endpoint().port);
  switch (found.kind) {
    case Lookup::Kind::kRule:
      if (found.rule.mode() == Mode::kOff) return Ok();
      break;
    case Lookup::Kind::kUnlisted:
      if (policy.unlisted() == Unlisted::kPki) return Ok();
      break;
    case Lookup::Kind::kOtherPorts:
    case Lookup::Kind::kDamaged:
      break;
  }
  return Error{Code::kCleartextRefused, std::string(url.endpoint().host.text()) +
                                            " is pinned, and is not spoken to without TLS"};
}

Result<void> Rejudge(Transfer& transfer, const PolicyIndex& policy) {
  const Settings& settings = transfer.engine.settings();
  const auto current = settings.options.policy->Current();
  if (settings.proxy && settings.proxy->kind == ProxyUrl::Kind::kHttps) {
    const auto& record = transfer.engine.proxy_record();
    if (record) {
      if (const Result<void> held = Hold(transfer, *record, Leg::kProxy, current); !held) {
        return held;
      }
    }
  }
  if (transfer.url->scheme() == Scheme::kHttp) return CheckClear(policy, *transfer.url);
  SSL* const ssl = SslOf(transfer.hop.easy->handle.get());
  // Without a connection the answer is complete, or the hop is between two.
  const tls::ConnectionRecord* const record = ssl == nullptr ? nullptr : tls::RecordOf(ssl);
  if (record == nullptr || !record->endpoint) return Ok();
  return Hold(transfer, *record, Leg::kOrigin, current);
}

}  // namespace cotter::client
