// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/address_look.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/rand.h>

namespace cotter::probe {
namespace {

using std::chrono::steady_clock;

// A server that accepts more weak suites than this needs no longer list.
constexpr std::size_t kMaxWeakSuites = 12;

}  // namespace

AddressLook::AddressLook(const LookRoom& room, const net::Target& target, const Settings& settings,
                         net::Route route, net::MonotonicTime end, std::function<void()> done)
    : room_(room),
      target_(target),
      settings_(settings),
      route_(std::move(route)),
      end_(end),
      done_(std::move(done)),
      self_(std::make_shared<AddressLook*>(this)) {
  facts_.peer = route_.peer;
  if (route_.tunnel.empty()) facts_.address = route_.addresses.front();
}

AddressLook::~AddressLook() { *self_ = nullptr; }

bool AddressLook::is_http() const noexcept {
  return settings_.http && settings_.connect.starttls == net::Starttls::kNone;
}

std::string AddressLook::ServerName() const {
  if (settings_.sni) return *settings_.sni;
  // RFC 6066, 3: literal addresses are not permitted in SNI.
  return target_.host.is_ip() ? std::string() : std::string(target_.host.text());
}

HandshakeOptions AddressLook::UsualOptions() const {
  const Wanted& wanted = settings_.wanted;
  return {.offer = Offer::kAnyKey,
          .server_name = ServerName(),
          .protocols = is_http() ? Protocols::kHttp : Protocols::kNone,
          .request = wanted.headers && is_http(),
          .keep_session = wanted.resumption};
}

void AddressLook::Start() {
  if (settings_.in_clear) return Connect([this] { BeginClear(); });
  jobs_.push_back([this] { BeginHandshake(Purpose::kUsual, UsualOptions()); });
  Next();
}

void AddressLook::Next() {
  if (jobs_.empty()) return done_();
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  Connect(std::move(job));
}

void AddressLook::Connect(Job begin) {
  // The gate keeps the callback, and may do so for longer than this object lives.
  room_.gate.Enter(route_.addresses.front(),
                   [self = self_, gate = &room_.gate, address = route_.addresses.front(),
                    begin = std::move(begin)] {
                     if (*self == nullptr) return gate->Leave(address);
                     begin();
                   });
}

Errand AddressLook::NextErrand() {
  if (until_ == net::MonotonicTime{}) {
    until_ = std::min(steady_clock::now() + settings_.limits.address, end_);
  }
  ++room_.tally.connections;
  return {&route_, &target_, &settings_, until_};
}

void AddressLook::BeginClear() {
  attempt_ = std::make_unique<ClearLook>(room_.loop, NextErrand(), *settings_.in_clear, [this] {
    const auto& ended = static_cast<const ClearLook&>(*attempt_);
    LookFacts facts;
    facts.error = ended.error();
    facts.ended_in = ended.phase();
    facts.timings = ended.timings();
    facts.clear = ended.answer();
    room_.loop.Bury(std::move(attempt_));
    room_.gate.Leave(route_.addresses.front());
    Keep(std::move(facts), {});
    Next();
  });
  attempt_->Start();
}

void AddressLook::BeginHandshake(Purpose purpose, HandshakeOptions options) {
  options.resume = purpose == Purpose::kResumption ? session_.get() : nullptr;
  const Errand errand = NextErrand();
  auto look =
      std::make_unique<HandshakeLook>(room_.loop, room_.contexts, errand, options, [this, purpose] {
        auto& ended = static_cast<HandshakeLook&>(*attempt_);
        OnHandshake(purpose, ended);
      });
  attempt_ = std::move(look);
  attempt_->Start();
}

void AddressLook::OnHandshake(Purpose purpose, HandshakeLook& look) {
  LookFacts facts = look.TakeFacts();
  facts.purpose = purpose;
  Shown shown = look.TakeShown();
  room_.loop.Bury(std::move(attempt_));
  room_.gate.Leave(route_.addresses.front());
  switch (purpose) {
    case Purpose::kUsual:
      OnUsual(std::move(facts), std::move(shown));
      break;
    case Purpose::kOtherKey:
      OnOtherKey(std::move(facts), std::move(shown));
      break;
    case Purpose::kWithoutName:
    case Purpose::kResumption:
      Keep(std::move(facts), std::move(shown));
      break;
  }
  Next();
}

void AddressLook::Keep(LookFacts facts, Shown shown) {
  ++room_.tally.looks;
  if (facts.error) ++room_.tally.failed[{facts.ended_in, facts.error->code}];
  facts_.looks.push_back(std::move(facts));
  raw_.push_back({std::move(shown.presented), std::move(shown.staple)});
}

void AddressLook::OnUsual(LookFacts facts, Shown shown) {
  if (shown.session) session_ = std::move(shown.session);
  if (!facts_.looks.empty()) {
    // The second one, for the headers: the first had agreed on HTTP/2.
    facts_.looks.front().http = std::move(facts.http);
    const auto request = static_cast<std::size_t>(Phase::kRequest);
    facts_.looks.front().timings[request] = facts.timings[request];
    return;
  }
  const bool ended_before_tls =
      facts.error && (facts.ended_in == Phase::kConnect || facts.ended_in == Phase::kPreamble);
  const bool completed = facts.completed();
  const bool other_protocol = settings_.wanted.headers && is_http() && facts.alpn == "h2";
  // Without an answer there is nothing more to learn; what is no TLS at all has told all.
  const bool answers = !ended_before_tls && (completed || facts.error->code == Code::kTlsFailed ||
                                             facts.error->code == Code::kConnectionClosed);
  Keep(std::move(facts), std::move(shown));
  if (other_protocol) {
    HandshakeOptions options = UsualOptions();
    options.protocols = Protocols::kHttpOne;
    jobs_.push_back([this, options] { BeginHandshake(Purpose::kUsual, options); });
  }
  if (completed) PlanRest(raw_.front().presented);
  if (answers) PlanHellos();
}

void AddressLook::PlanRest(const PresentedChain& presented) {
  const Wanted& wanted = settings_.wanted;
  const Protocols protocols = is_http() ? Protocols::kHttp : Protocols::kNone;
  const auto ask = [this](Purpose purpose, const HandshakeOptions& options) {
    jobs_.push_back([this, purpose, options] { BeginHandshake(purpose, options); });
  };
  const std::string name = ServerName();
  if (wanted.other_keys) {
    const std::optional<Offer> key = KeyOf(presented);
    for (const Offer offer : {Offer::kRsa, Offer::kEcdsa}) {
      if (offer == key) continue;
      ask(Purpose::kOtherKey, {.offer = offer, .server_name = name, .protocols = protocols});
    }
  }
  if (wanted.without_name && !name.empty()) {
    ask(Purpose::kWithoutName, {.server_name = {}, .protocols = protocols});
  }
  if (wanted.resumption) {
    jobs_.push_back([this, name, protocols] {
      BeginHandshake(Purpose::kResumption, {.server_name = name, .protocols = protocols});
    });
  }
}

void AddressLook::OnOtherKey(LookFacts facts, Shown shown) {
  if (!facts.error) return Keep(std::move(facts), std::move(shown));
  const Decline decline = ReadDecline(*facts.error, facts.offer, KeyOf(shown.presented));
  if (decline == Decline::kYes) return;
  if (decline == Decline::kNo) return Keep(std::move(facts), std::move(shown));
  // A close without a word. Asked as usual once more, a server that answers has no such key.
  auto kept = std::make_shared<std::pair<LookFacts, Shown>>(std::move(facts), std::move(shown));
  jobs_.push_front([this, kept] {
    const Errand errand = NextErrand();
    HandshakeOptions options = UsualOptions();
    options.request = false;
    attempt_ =
        std::make_unique<HandshakeLook>(room_.loop, room_.contexts, errand, options, [this, kept] {
          const bool answers = static_cast<HandshakeLook&>(*attempt_).TakeFacts().completed();
          room_.loop.Bury(std::move(attempt_));
          room_.gate.Leave(route_.addresses.front());
          if (!answers) Keep(std::move(kept->first), std::move(kept->second));
          Next();
        });
    attempt_->Start();
  });
}

void AddressLook::PlanHellos() {
  if (settings_.wanted.versions) {
    for (const TlsVersion version : {TlsVersion::kSsl3, TlsVersion::kTls10, TlsVersion::kTls11,
                                     TlsVersion::kTls12, TlsVersion::kTls13}) {
      jobs_.push_back([this, version] { AskVersion(version); });
    }
  }
  if (settings_.wanted.weak_suites) {
    const auto weak = WeakSuites();
    jobs_.push_back(
        [this, suites = std::vector<std::uint16_t>(weak.begin(), weak.end())] { AskWeak(suites); });
  }
}

Bytes AddressLook::HelloOf(TlsVersion version, std::vector<std::uint16_t> suites) const {
  std::array<std::uint8_t, 32> random{};
  COTTER_CHECK(RAND_bytes(random.data(), static_cast<int>(random.size())) == 1);
  return EncodeHello({.version = version,
                      .suites = std::move(suites),
                      .server_name = ServerName(),
                      .random = random});
}

void AddressLook::BeginHello(Bytes hello, std::function<void(HelloLook&)> ended) {
  attempt_ = std::make_unique<HelloLook>(room_.loop, NextErrand(), std::move(hello),
                                         [this, ended = std::move(ended)] {
                                           ended(static_cast<HelloLook&>(*attempt_));
                                           room_.loop.Bury(std::move(attempt_));
                                           room_.gate.Leave(route_.addresses.front());
                                           Next();
                                         });
  attempt_->Start();
}

void AddressLook::AskVersion(TlsVersion version) {
  const auto suites = UsualSuites(version);
  BeginHello(HelloOf(version, {suites.begin(), suites.end()}), [this, version](HelloLook& look) {
    VersionFacts facts{.version = version, .support = Support::kNo, .suite = {}, .error = {}};
    if (look.choice() && look.choice()->version == version) {
      facts.support = Support::kYes;
      facts.suite = SuiteName(look.choice()->suite);
    } else if (look.error()) {
      facts.support = Support::kUnknown;
      facts.error = look.error();
    }
    facts_.versions.push_back(std::move(facts));
  });
}

void AddressLook::AskWeak(std::vector<std::uint16_t> suites) {
  Bytes hello = HelloOf(TlsVersion::kTls12, suites);
  BeginHello(std::move(hello), [this, suites = std::move(suites)](HelloLook& look) mutable {
    if (!look.choice()) return;
    // A suite that was not offered is no answer, and would be asked for ever.
    if (std::erase(suites, look.choice()->suite) == 0) return;
    facts_.weak_suites.push_back(SuiteName(look.choice()->suite));
    if (suites.empty() || facts_.weak_suites.size() == kMaxWeakSuites) return;
    jobs_.push_front([this, rest = std::move(suites)] { AskWeak(rest); });
  });
}

}  // namespace cotter::probe
