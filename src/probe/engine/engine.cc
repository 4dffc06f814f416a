// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/engine.h"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include <system_error>

#include "base/clock.h"
#include "net/async/name_service.h"
#include "net/async/resolver.h"
#include "probe/engine/address_look.h"
#include "probe/engine/judge_desk.h"
#include "probe/reach.h"

namespace cotter::probe {
namespace {

using std::chrono::milliseconds;

// Names is one of the two that find addresses; which one is the options' affair.
class Names {
 public:
  static Result<Names> Create(net::EventLoop& loop, const EngineOptions& options) {
    Names names;
    if (options.names == NameSource::kSystem) {
      names.system_ = std::make_unique<net::Resolver>(loop);
      return names;
    }
    auto dns = net::NameService::Create(
        loop, {.servers = options.name_servers, .most_open = options.most_lookups});
    if (!dns) return dns.error();
    names.dns_ = *std::move(dns);
    return names;
  }

  void LookUp(const net::RoutePlan& plan, std::size_t index, milliseconds timeout,
              net::Resolver::Answer answer) {
    const std::string& name = plan.names[index];
    if (system_ != nullptr) {
      return system_->LookUp(name, plan.port, plan.family, timeout, std::move(answer));
    }
    dns_->LookUp(name, plan.port, plan.family, timeout, std::move(answer));
  }

 private:
  Names() = default;

  std::unique_ptr<net::NameService> dns_;
  std::unique_ptr<net::Resolver> system_;
};

}  // namespace

// State is the engine behind its header.
class Engine::State {
 public:
  State(net::EventLoop& loop, EngineOptions options, Names names)
      : loop_(loop),
        options_(std::move(options)),
        gate_(loop, options_.most_open, options_.rates),
        names_(std::move(names)) {
    if (!options_.clock) options_.clock = [] { return base::Now(); };
    const std::weak_ptr<State*> self = self_;
    desk_ = std::make_unique<JudgeDesk>(options_.keep_judged, options_.most_judged,
                                        [self, &loop = loop_](std::unique_ptr<JudgeJob> job) {
                                          // A posted task must be copyable.
                                          const std::shared_ptr<JudgeJob> shared = std::move(job);
                                          loop.Post([self, shared] {
                                            if (const auto state = self.lock())
                                              (*state)->OnJudged(*shared);
                                          });
                                        });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { self_.reset(); }

  void Ask(Question question, Answer answer) {
    COTTER_CHECK(question.settings != nullptr);
    waiting_.emplace_back(std::move(question), std::move(answer));
    ++pending_;
    BeginLater();
  }

  [[nodiscard]] std::size_t pending() const noexcept { return pending_; }
  [[nodiscard]] std::size_t open() const noexcept { return gate_.open(); }
  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }

 private:
  // Host is one question while its addresses are looked at.
  struct Host {
    Host(Question asked, Answer told) : question(std::move(asked)), answer(std::move(told)) {}

    Question question;
    Answer answer;
    net::RoutePlan plan;
    std::vector<std::optional<Result<std::vector<net::Address>>>> found;
    std::size_t lookups_left = 0;
    net::MonotonicTime began{};
    std::chrono::microseconds resolving{0};
    std::vector<std::unique_ptr<AddressLook>> addresses;
    std::size_t addresses_left = 0;
    std::size_t next_address = 0;  // of a question in clear
    std::optional<Error> failure;

    // end is when `limits.whole` is over; the far future without it.
    [[nodiscard]] net::MonotonicTime end() const {
      const milliseconds whole = question.settings->limits.whole;
      return whole.count() > 0 ? began + whole : net::MonotonicTime::max();
    }
  };

  void BeginLater() {
    if (std::exchange(will_begin_, true)) return;
    loop_.Later([this, self = std::weak_ptr<State*>(self_)] {
      if (!self.expired()) Begin();
    });
  }

  // Begin starts questions. More hosts than connections would only sit there.
  void Begin() {
    will_begin_ = false;
    while (hosts_.size() < options_.most_open && !waiting_.empty()) {
      auto& [question, answer] = waiting_.front();
      auto host = std::make_unique<Host>(std::move(question), std::move(answer));
      waiting_.pop_front();
      const std::uint64_t id = next_id_++;
      Host& begun = *host;
      hosts_.emplace(id, std::move(host));
      Resolve(id, begun);
    }
  }

  void Resolve(std::uint64_t id, Host& host) {
    const Settings& settings = *host.question.settings;
    host.began = std::chrono::steady_clock::now();
    host.plan = net::PlanRoutes(host.question.target, settings.connect);
    host.found.resize(host.plan.names.size());
    host.lookups_left = host.found.size();
    milliseconds timeout = settings.limits.resolve;
    if (settings.limits.whole.count() > 0) timeout = std::min(timeout, settings.limits.whole);
    for (std::size_t i = 0; i < host.plan.names.size(); ++i) {
      names_.LookUp(host.plan, i, timeout, [this, id, i](Result<std::vector<net::Address>> found) {
        OnResolved(id, i, std::move(found));
      });
    }
  }

  void OnResolved(std::uint64_t id, std::size_t index, Result<std::vector<net::Address>> found) {
    Host& host = *hosts_.at(id);
    host.found[index] = std::move(found);
    if (--host.lookups_left > 0) return;
    host.resolving = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - host.began);
    std::vector<Result<std::vector<net::Address>>> all;
    for (auto& one : host.found) all.push_back(*std::move(one));
    Result<std::vector<net::Route>> routes = net::RoutesOf(host.plan, all);
    if (!routes) {
      ++tally_.failed[{Phase::kResolve, routes.error().code}];
      host.failure = std::move(routes).error();
      return Finish(id, host);
    }
    const LookRoom room{loop_, gate_, contexts_, tally_};
    for (net::Route& route : *routes) {
      host.addresses.push_back(std::make_unique<AddressLook>(
          room, host.question.target, *host.question.settings, std::move(route), host.end(),
          [this, id] { OnAddress(id); }));
    }
    if (host.question.settings->in_clear) return StartNext(host);
    // One that ends at once must not take the host away from under the others.
    host.addresses_left = host.addresses.size() + 1;
    for (const auto& address : host.addresses) address->Start();
    OnAddress(id);
  }

  // StartNext asks one address in clear.
  static void StartNext(Host& host) {
    host.addresses_left = 1;
    host.addresses[host.next_address++]->Start();
  }

  void OnAddress(std::uint64_t id) {
    Host& host = *hosts_.at(id);
    if (--host.addresses_left > 0) return;
    if (host.next_address > 0) {
      const LookFacts& last = host.addresses[host.next_address - 1]->facts().usual();
      const bool unreached = last.error && last.ended_in == Phase::kConnect;
      if (unreached && host.next_address < host.addresses.size()) return StartNext(host);
    }
    Finish(id, host);
  }

  // Finish takes the host's facts to the desk. It may run inside of one of its addresses, so those
  // go later.
  void Finish(std::uint64_t id, Host& host) {
    auto job = std::make_unique<JudgeJob>(JudgeJob{.facts = {.target = host.question.target,
                                                             .settings = host.question.settings,
                                                             .at = options_.clock(),
                                                             .failure = std::move(host.failure),
                                                             .addresses = {},
                                                             .resolving = host.resolving},
                                                   .unjudged = {}});
    for (const auto& address : host.addresses) {
      if (!address->facts().looks.empty()) TakeAddress(*address, *job);
    }
    PassOver(host, job->facts);
    answers_.push_back(std::move(host.answer));
    const auto at = hosts_.find(id);
    const std::shared_ptr<Host> dead = std::move(at->second);
    hosts_.erase(at);
    loop_.Later([dead] {});
    desk_->Put(std::move(job));
    BeginLater();
  }

  static void TakeAddress(AddressLook& address, JudgeJob& job) {
    const std::size_t place = job.facts.addresses.size();
    for (std::size_t i = 0; i < address.raw().size(); ++i) {
      SeenRaw& raw = address.raw()[i];
      if (raw.presented.certificates.empty()) continue;
      auto presented = std::make_shared<const PresentedChain>(std::move(raw.presented));
      if (job.facts.settings->trust == nullptr) {
        address.facts().looks[i].presented = std::move(presented);
      } else {
        job.unjudged.push_back({place, i, std::move(presented), std::move(raw.staple)});
      }
    }
    job.facts.addresses.push_back(std::move(address.facts()));
  }

  static void PassOver(const Host& host, HostFacts& facts) {
    const bool any = std::any_of(facts.addresses.begin(), facts.addresses.end(),
                                 [](const AddressFacts& one) { return one.usual().completed(); });
    for (std::size_t i = 0; any && i < facts.addresses.size(); ++i) {
      AddressFacts& one = facts.addresses[i];
      one.passed_over = one.usual().error &&
                        SaysNothing(facts.target, host.addresses[i]->route(), *one.usual().error);
    }
  }

  void OnJudged(JudgeJob& job) {
    tally_.chains_judged += job.judged;
    tally_.chains_known += job.known;
    ++tally_.questions;
    --pending_;
    // The desk keeps the order.
    const Answer answer = std::move(answers_.front());
    answers_.pop_front();
    answer(std::move(job.facts));
  }

  net::EventLoop& loop_;
  EngineOptions options_;
  LookContexts contexts_;
  Tally tally_;
  std::shared_ptr<State*> self_ = std::make_shared<State*>(this);
  Gate gate_;
  std::deque<std::pair<Question, Answer>> waiting_;
  std::size_t pending_ = 0;
  std::uint64_t next_id_ = 0;
  bool will_begin_ = false;
  std::unordered_map<std::uint64_t, std::unique_ptr<Host>> hosts_;
  std::deque<Answer> answers_;  // of jobs at the desk
  Names names_;
  std::unique_ptr<JudgeDesk> desk_;
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::Create(net::EventLoop& loop, EngineOptions options) {
  Result<Names> names = Names::Create(loop, options);
  if (!names) return names.error();
  options.most_open = std::max<std::size_t>(options.most_open, 1);
  try {
    auto state = std::make_unique<State>(loop, std::move(options), *std::move(names));
    return std::unique_ptr<Engine>(new Engine(std::move(state)));
  } catch (const std::system_error&) {
    return Error{Code::kInternal, "no thread is left to verify what is seen"};
  }
}

void Engine::Ask(Question question, Answer answer) {
  state_->Ask(std::move(question), std::move(answer));
}

std::size_t Engine::pending() const noexcept { return state_->pending(); }
std::size_t Engine::open() const noexcept { return state_->open(); }
const Tally& Engine::tally() const noexcept { return state_->tally(); }

}  // namespace cotter::probe
