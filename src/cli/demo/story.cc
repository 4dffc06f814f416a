// SPDX-License-Identifier: Apache-2.0
#include "cli/demo/story.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>

#include "base/sha256.h"
#include "cli/demo/client.h"
#include "lab/authority.h"
#include "lab/server.h"
#include "net/deadline.h"
#include "tls/trust_store.h"
#include <cotter/certificate.h>
#include <cotter/evaluate.h>
#include <cotter/openssl.h>
#include <cotter/policy.h>
#include <cotter/policy_index.h>

namespace cotter::cli {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kHost = "api.demo.test";
constexpr std::uint16_t kPort = 443;

// The request holds what an interceptor would like to read.
constexpr std::string_view kRequest =
    "GET /patients/17 HTTP/1.1\r\nHost: api.demo.test\r\nAuthorization: Bearer demo-secret\r\n"
    "Connection: close\r\n\r\n";

// All of the story; it takes a fraction of it.
constexpr milliseconds kPatience{9000};

// The pins of the demo's policy, by their position in it.
enum PinIndex : std::size_t { kActivePin, kBackupPin, kCaPin };

Result<Digest> PinOf(ByteView certificate) {
  const Result<ByteView> spki = FindSpki(certificate);
  if (!spki) return spki.error();
  return base::Sha256(*spki);
}

std::string SubjectOf(ByteView certificate) {
  const Result<CertificateView> view = CertificateView::Parse(certificate);
  return view ? FormatName(view->subject()) : "#";
}

std::string SerialOf(ByteView certificate) {
  const Result<CertificateView> view = CertificateView::Parse(certificate);
  return view ? EncodeHex(view->serial()) : "#";
}

std::string FirstLine(std::string_view text) {
  return std::string(text.substr(0, text.find("\r\n")));
}

lab::CertificateOptions Named(std::string_view common_name) {
  lab::CertificateOptions options;
  options.common_name = common_name;
  options.organization = "cotter demo";
  return options;
}

lab::CertificateOptions ServerLeaf() {
  lab::CertificateOptions options = Named(kHost);
  options.names = {std::string(kHost)};
  return options;
}

// Story is what the steps share, in the order in which it comes into being.
class Story {
 public:
  Story() : deadline_(net::Deadline::After(kPatience)) {}

  Step ServerComesUp();
  Step PinsAreMade();
  Step PinnedConnectionPasses();
  Step RenewalPasses();
  Step InterceptorIsRefused();
  Step InterceptorPassesWithoutPins();
  Step BackupKeyPasses();

 private:
  // Expect notes a failure where `holds` is false.
  static void Expect(Step& step, bool holds, std::string what) {
    if (!holds) step.failures.push_back(std::move(what));
  }

  [[nodiscard]] Ask To(const lab::Server& server) const {
    return {Endpoint{*host_, kPort}, server.port(), std::string(kRequest), deadline_};
  }

  [[nodiscard]] Result<tls::Enforcer> MakeEnforcer();
  [[nodiscard]] Policy MakePolicy(const HostPattern& pattern) const;

  // What all connections of `server` did; ends when the last one is over.
  [[nodiscard]] lab::ServerRecord Settled(const lab::Server& server, Step& step) const;

  // Pass makes a pinned request that must pass by the pin at `pin`, with the certificate `leaf`.
  void Pass(Step& step, const lab::Certificate& leaf, PinIndex pin);
  void TellReceived(Step& step, const lab::ServerRecord& record) const;
  [[nodiscard]] bool PresentedHoldsPinnedCa(const PresentedChain& presented) const;

  net::Deadline deadline_;
  std::optional<HostName> host_;
  std::optional<lab::Identity> root_;
  std::optional<lab::Identity> intermediate_;
  std::optional<lab::Identity> leaf_;
  std::optional<lab::Server> server_;
  std::optional<lab::Key> backup_key_;
  std::vector<Digest> pins_;  // by PinIndex
  std::optional<lab::Identity> rogue_root_;
  std::shared_ptr<const tls::TrustStore> trust_;
  std::optional<tls::Enforcer> enforcer_;
  std::optional<lab::Server> interceptor_;
  std::uint64_t requests_ = 0;  // that the genuine server has answered
};

Step Story::ServerComesUp() {
  Step step{"server", "A private CA and a server come up", {}, {}, {}};
  const Result<HostName> host = HostName::Parse(kHost);
  Expect(step, host.has_value(), "the demo's host name is valid");
  if (!host) return step;
  host_ = *host;
  root_ = lab::MakeRoot(Named("Demo Root"));
  intermediate_ = lab::MakeIntermediate(*root_, Named("Demo Issuing CA"));
  leaf_ = lab::Issue(*intermediate_, ServerLeaf());
  lab::ServerOptions options;
  options.identities = {*leaf_};
  Result<lab::Server> server = lab::Server::Start(std::move(options));
  if (!server) {
    step.failures.push_back("the server starts: " + server.error().message);
    return step;
  }
  server_ = std::move(*server);
  step.lines = {std::string(kHost) + " is served on " + server_->authority(),
                "it presents " + SubjectOf(leaf_->certificate.der) + " and " +
                    SubjectOf(intermediate_->certificate.der)};
  step.facts = {{"host", kHost},
                {"address", server_->authority()},
                {"certificates", {leaf_->certificate.Pem(), intermediate_->certificate.Pem()}}};
  return step;
}

Policy Story::MakePolicy(const HostPattern& pattern) const {
  const auto pin = [&](PinIndex index, PinPlace place, PinUse use, const char* label) {
    return PolicyPin{Pin{pins_[index], PinKind::kSpki, place, use}, label};
  };
  Policy policy;
  policy.name = "cotter demo";
  policy.version = 1;
  HostRule rule{.pattern = pattern,
                .ports = {},
                .expires = {},
                .pins = {pin(kActivePin, PinPlace::kLeaf, PinUse::kActive, "the key in use"),
                         pin(kBackupPin, PinPlace::kLeaf, PinUse::kBackup, "the key in the safe"),
                         pin(kCaPin, PinPlace::kCa, PinUse::kActive, "the issuing CA")},
                .owner = {},
                .tags = {},
                .updated = {},
                .reason = {},
                .review = {}};
  policy.hosts.push_back(std::move(rule));
  return policy;
}

Result<tls::Enforcer> Story::MakeEnforcer() {
  const Result<HostPattern> pattern = HostPattern::Parse(kHost);
  if (!pattern) return pattern.error();
  Result<PolicyIndex> policy = PolicyIndex::Build(MakePolicy(*pattern));
  if (!policy) return policy.error();
  // The interceptor's CA is trusted from the start: as on a machine where malware, an employer or
  // a broken CA has seen to it.
  rogue_root_ = lab::MakeRoot(Named("Interceptor Root"));
  tls::TrustOptions options;
  options.system_roots = tls::SystemRoots::kNone;
  options.certificates = {root_->certificate.der, rogue_root_->certificate.der};
  Result<std::shared_ptr<const tls::TrustStore>> trust = tls::LoadTrustStore(options);
  if (!trust) return trust.error();
  trust_ = *trust;
  tls::EnforcerOptions enforcement;
  enforcement.policy = HoldPolicy(std::make_shared<const PolicyIndex>(std::move(*policy)));
  enforcement.trust = trust_;
  return tls::Enforcer::Create(std::move(enforcement));
}

Step Story::PinsAreMade() {
  Step step{"pins", "Its pins are made", {}, {}, {}};
  backup_key_ = lab::Key::Generate();
  const Result<Digest> active = PinOf(leaf_->certificate.der);
  const Result<Digest> ca = PinOf(intermediate_->certificate.der);
  Expect(step, active && ca, "the certificates have pins");
  if (!step.failures.empty()) return step;
  pins_ = {*active, base::Sha256(backup_key_->Spki()), *ca};
  Result<tls::Enforcer> enforcer = MakeEnforcer();
  if (!enforcer) {
    step.failures.push_back("the policy compiles: " + enforcer.error().message);
    return step;
  }
  enforcer_ = std::move(*enforcer);
  step.lines = {FormatPin(pins_[kActivePin]) + "  leaf: the key in use",
                FormatPin(pins_[kBackupPin]) + "  leaf, backup: a key in the safe",
                FormatPin(pins_[kCaPin]) + "  ca: the issuing CA"};
  step.facts = {{"active", FormatPin(pins_[kActivePin])},
                {"backup", FormatPin(pins_[kBackupPin])},
                {"ca", FormatPin(pins_[kCaPin])}};
  return step;
}

lab::ServerRecord Story::Settled(const lab::Server& server, Step& step) const {
  const auto is_over = [](const lab::ServerRecord& record) {
    return record.connections > 0 && record.closed == record.connections;
  };
  Expect(step, server.WaitFor(is_over, milliseconds(deadline_.PollTimeout())),
         "the server's connections are over");
  return server.Record();
}

void Story::Pass(Step& step, const lab::Certificate& leaf, PinIndex pin) {
  const Answer answer = AskPinned(*enforcer_, To(*server_));
  ++requests_;
  if (answer.failure) step.failures.push_back("the connection passes: " + answer.failure->message);
  Expect(step, answer.record.has_value(), "there is a verdict");
  if (!step.failures.empty()) return;
  const lab::ServerRecord seen = Settled(*server_, step);
  const Verdict& verdict = answer.record->verdict;
  Expect(step, verdict.outcome == Outcome::kPinnedOk, "the verdict is pinned_ok");
  Expect(step, verdict.match && verdict.match->pin_index == pin, "the expected pin matched");
  Expect(step, verdict.reasons.Has(Reason::kBackupPinMatched) == (pin == kBackupPin),
         "a match of the backup pin is told, and only that");
  Expect(
      step,
      !answer.presented.certificates.empty() && answer.presented.certificates.front() == leaf.der,
      "the server presented the expected certificate");
  Expect(step, answer.text.starts_with("HTTP/1.1 200 "), "the server answered 200");
  Expect(step, seen.handshakes_completed == requests_, "the server completed the handshake");
  Expect(step, seen.application_bytes == requests_ * kRequest.size(),
         "the server received the whole request");
  if (!step.failures.empty()) return;
  step.lines.push_back(answer.tls_version + ", verdict " + std::string(NameOf(verdict.outcome)) +
                       " by " + FormatPin(verdict.match->pin.digest));
  step.lines.push_back("the server received the request and answered: " + FirstLine(answer.text));
  step.facts = {{"verdict", NameOf(verdict.outcome)},
                {"matched", FormatPin(verdict.match->pin.digest)},
                {"serial", SerialOf(answer.presented.certificates.front())},
                {"tls", answer.tls_version},
                {"backup_pin_matched", verdict.reasons.Has(Reason::kBackupPinMatched)}};
}

Step Story::PinnedConnectionPasses() {
  Step step{"pinned", "A pinned connection passes", {}, {}, {}};
  Pass(step, leaf_->certificate, kActivePin);
  return step;
}

Step Story::RenewalPasses() {
  Step step{
      "renewed", "The certificate is renewed with the same key, and still passes", {}, {}, {}};
  lab::CertificateOptions renewal = ServerLeaf();
  renewal.key = leaf_->key;
  const lab::Identity renewed = lab::Issue(*intermediate_, renewal);
  const std::string before = SerialOf(leaf_->certificate.der);
  const std::string after = SerialOf(renewed.certificate.der);
  Expect(step, before != after, "the renewed certificate is another one");
  Expect(step, server_->Present({renewed}).has_value(), "the server takes the new certificate");
  step.lines.push_back("serial number " + before + " gives way to " + after);
  if (step.failures.empty()) Pass(step, renewed.certificate, kActivePin);
  return step;
}

bool Story::PresentedHoldsPinnedCa(const PresentedChain& presented) const {
  return std::any_of(presented.certificates.begin(), presented.certificates.end(),
                     [&](const Bytes& certificate) {
                       const Result<Digest> pin = PinOf(certificate);
                       return pin && *pin == pins_[kCaPin];
                     });
}

void Story::TellReceived(Step& step, const lab::ServerRecord& record) const {
  const std::string bytes = record.application_bytes == 0
                                ? "nothing"
                                : std::to_string(record.application_bytes) + " bytes";
  step.lines.push_back("the interceptor received " + bytes + " (its own record: connections " +
                       std::to_string(record.connections) + ", handshakes completed " +
                       std::to_string(record.handshakes_completed) + ", application bytes " +
                       std::to_string(record.application_bytes) + ")");
  step.facts["interceptor"] = {{"connections", record.connections},
                               {"handshakes_completed", record.handshakes_completed},
                               {"application_bytes", record.application_bytes}};
}

Step Story::InterceptorIsRefused() {
  Step step{"refused", "An interceptor answers instead, and is refused", {}, {}, {}};
  lab::Identity rogue = lab::Issue(*rogue_root_, ServerLeaf());
  rogue.chain = {intermediate_->certificate, root_->certificate};
  lab::ServerOptions options;
  options.identities = {rogue};
  Result<lab::Server> started = lab::Server::Start(std::move(options));
  if (!started) {
    step.failures.push_back("the interceptor starts: " + started.error().message);
    return step;
  }
  interceptor_ = std::move(*started);
  const Answer answer = AskPinned(*enforcer_, To(*interceptor_));
  Expect(step, answer.record.has_value(), "there is a verdict");
  if (!step.failures.empty()) return step;
  const lab::ServerRecord seen = Settled(*interceptor_, step);
  const tls::ConnectionRecord& record = *answer.record;
  Expect(step, record.verdict.outcome == Outcome::kPinMismatch, "the verdict is pin_mismatch");
  Expect(step, !record.paths.empty(), "the interceptor's path verified");
  Expect(step, answer.failure.has_value() && !answer.request_sent, "no request was made");
  Expect(step, PresentedHoldsPinnedCa(answer.presented), "the pinned CA was appended");
  Expect(step, seen.connections == 1, "the interceptor was connected to");
  Expect(step, seen.handshakes_completed == 0, "the interceptor completed no handshake");
  Expect(step, seen.application_bytes == 0, "the interceptor received no byte");
  if (!step.failures.empty()) return step;
  const std::string alert = seen.details.front().alert.value_or("none");
  step.lines = {"its CA is in the trust store, and it appends the genuine CA and root",
                "the client says: " + record.message,
                "verdict " + std::string(NameOf(record.verdict.outcome)) +
                    " inside the handshake; the interceptor was told by the alert " + alert};
  step.facts = {{"verdict", NameOf(record.verdict.outcome)},
                {"message", record.message},
                {"alert", alert},
                {"presented_holds_pinned_ca", true}};
  TellReceived(step, seen);
  step.lines.emplace_back(
      "the pinned CA is in what it presented: pins held against that would pass");
  return step;
}

Step Story::InterceptorPassesWithoutPins() {
  Step step{"without_pins", "Without pins it would have been let in", {}, {}, {}};
  const Answer answer = AskInsecurelyWithoutPins(*trust_, To(*interceptor_));
  if (answer.failure) {
    step.failures.push_back("OpenSSL alone accepts: " + answer.failure->message);
    return step;
  }
  const lab::ServerRecord seen = Settled(*interceptor_, step);
  Expect(step, seen.handshakes_completed == 1, "the interceptor completed this handshake");
  Expect(step, seen.application_bytes == kRequest.size(), "the interceptor read the request");
  if (!step.failures.empty()) return step;
  step.lines = {"the same trust store, verified by OpenSSL alone: accepted"};
  TellReceived(step, seen);
  step.lines.push_back("it read: " + FirstLine(seen.details.back().application_data) +
                       ", and the credentials with it");
  return step;
}

Step Story::BackupKeyPasses() {
  Step step{"backup", "The backup key goes live, and passes", {}, {}, {}};
  lab::CertificateOptions options = ServerLeaf();
  options.key = backup_key_;
  const lab::Identity backup = lab::Issue(*intermediate_, options);
  Expect(step, server_->Present({backup}).has_value(), "the server takes the backup key");
  if (step.failures.empty()) Pass(step, backup.certificate, kBackupPin);
  if (step.failures.empty()) {
    step.lines.push_back(std::string(NameOf(Code::kBackupPinMatched)) +
                         " was told: time to make the next backup key");
  }
  return step;
}

}  // namespace

bool TellStory(const std::function<void(const Step&)>& listener) {
  Story story;
  for (const auto tell :
       {&Story::ServerComesUp, &Story::PinsAreMade, &Story::PinnedConnectionPasses,
        &Story::RenewalPasses, &Story::InterceptorIsRefused, &Story::InterceptorPassesWithoutPins,
        &Story::BackupKeyPasses}) {
    const Step step = (story.*tell)();
    listener(step);
    if (!step.failures.empty()) return false;
  }
  return true;
}

}  // namespace cotter::cli
