// SPDX-License-Identifier: Apache-2.0
//
// All looks at one address, one after the other: the usual one, and then what else was wanted, as
// far as the first found anybody there. For the loop's thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/async/event_loop.h"
#include "net/connect.h"
#include "net/target.h"
#include "probe/engine/clear_look.h"
#include "probe/engine/facts.h"
#include "probe/engine/gate.h"
#include "probe/engine/handshake_look.h"
#include "probe/engine/hello_look.h"

namespace cotter::probe {

// LookRoom is what all looks of an engine share.
struct LookRoom {
  net::EventLoop& loop;
  Gate& gate;
  LookContexts& contexts;
  Tally& tally;
};

// SeenRaw is what one look showed, not verified yet; one for each of AddressFacts::looks.
struct SeenRaw {
  PresentedChain presented;
  Bytes staple;
};

class AddressLook {
 public:
  // `done` is called once, at the end; it must not destroy this object, but may have it destroyed
  // by EventLoop::Later. `target` and `settings` outlive it. Nothing goes on after `end`.
  AddressLook(const LookRoom& room, const net::Target& target, const Settings& settings,
              net::Route route, net::MonotonicTime end, std::function<void()> done);
  AddressLook(const AddressLook&) = delete;
  AddressLook& operator=(const AddressLook&) = delete;
  ~AddressLook();

  // Start asks for the first connection; `done` may be called before it returns.
  void Start();

  // Of looks that have ended.
  [[nodiscard]] AddressFacts& facts() noexcept { return facts_; }
  [[nodiscard]] std::vector<SeenRaw>& raw() noexcept { return raw_; }
  [[nodiscard]] const net::Route& route() const noexcept { return route_; }

 private:
  using Job = std::function<void()>;

  void Next();
  void Connect(Job begin);
  void BeginClear();
  [[nodiscard]] Errand NextErrand();
  void BeginHandshake(Purpose purpose, HandshakeOptions options);
  void OnHandshake(Purpose purpose, HandshakeLook& look);
  void OnUsual(LookFacts facts, Shown shown);
  void OnOtherKey(LookFacts facts, Shown shown);
  void Keep(LookFacts facts, Shown shown);
  void PlanRest(const PresentedChain& presented);
  void PlanHellos();
  void BeginHello(Bytes hello, std::function<void(HelloLook&)> ended);
  void AskVersion(TlsVersion version);
  void AskWeak(std::vector<std::uint16_t> suites);
  [[nodiscard]] HandshakeOptions UsualOptions() const;
  [[nodiscard]] std::string ServerName() const;
  [[nodiscard]] Bytes HelloOf(TlsVersion version, std::vector<std::uint16_t> suites) const;
  [[nodiscard]] bool is_http() const noexcept;

  LookRoom room_;
  const net::Target& target_;
  const Settings& settings_;
  net::Route route_;
  net::MonotonicTime end_;
  std::function<void()> done_;
  net::MonotonicTime until_{};
  std::unique_ptr<Attempt> attempt_;
  std::deque<Job> jobs_;
  SessionPtr session_;
  std::shared_ptr<AddressLook*> self_;  // what the gate's callback holds: null once this has ended
  AddressFacts facts_;
  std::vector<SeenRaw> raw_;
};

}  // namespace cotter::probe
