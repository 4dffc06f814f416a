// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/judge_desk.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "base/sha256.h"
#include "probe/engine/leaf_facts.h"
#include "probe/engine/staple.h"
#include "probe/judge_seen.h"

namespace cotter::probe {
namespace {

// EmptyPolicy is what is held against a chain where no policy was given.
std::shared_ptr<const PolicyIndex> EmptyPolicy() {
  Result<PolicyIndex> index = PolicyIndex::Build(Policy{});
  COTTER_CHECK(index.has_value());
  return std::make_shared<const PolicyIndex>(*std::move(index));
}

void Append(Bytes& out, std::uint64_t number) {
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}

// KeyOf tells everything apart that a judgement depends on, but for the time.
std::string KeyOf(const HostFacts& facts, const PresentedChain& presented) {
  Bytes text;
  const auto put = [&text](ByteView bytes) {
    Append(text, bytes.size());
    text.insert(text.end(), bytes.begin(), bytes.end());
  };
  for (const Bytes& certificate : presented.certificates) put(certificate);
  put(AsBytes(facts.target.host.text()));
  Append(text, facts.target.port);
  const Settings& settings = *facts.settings;
  for (const void* part : {static_cast<const void*>(settings.trust.get()),
                           static_cast<const void*>(settings.declared.get()),
                           static_cast<const void*>(settings.policy.get())}) {
    Append(text, std::bit_cast<std::uintptr_t>(part));
  }
  const Digest digest = base::Sha256(text);
  return std::string(AsText(digest.bytes));
}

// IssuerOf is the certificate that issued the leaf: in the verified path, or, where there is none,
// the one that the server calls so. Empty where neither is known.
ByteView IssuerOf(const SeenChain& chain) {
  for (const std::vector<SeenCertificate>* some : {&chain.path, &chain.presented}) {
    if (some->size() > 1 && (*some)[0].issuer == (*some)[1].subject) return (*some)[1].der;
  }
  return {};
}

// FirstEdge is when time alone may make another judgement of `chain`: the first date after `now` of
// its certificates and of the rule that applied.
Time FirstEdge(const SeenChain& chain, Time now) {
  Time first{std::numeric_limits<std::int64_t>::max()};
  const auto note = [&](const std::optional<Time>& date) {
    if (date && *date > now) first = std::min(first, *date);
  };
  for (const std::vector<SeenCertificate>* some : {&chain.path, &chain.presented}) {
    for (const SeenCertificate& certificate : *some) {
      note(certificate.not_before);
      note(certificate.not_after);
    }
  }
  if (const std::optional<CompiledRule>& rule = chain.verdict.rule) {
    note(rule->expires());
    note(rule->suspended_until());
  }
  return first;
}

}  // namespace

JudgeDesk::JudgeDesk(std::chrono::seconds keep, std::size_t most, Ready ready)
    : keep_(keep),
      most_(most),
      ready_(std::move(ready)),
      no_policy_(EmptyPolicy()),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

JudgeDesk::~JudgeDesk() {
  thread_.request_stop();
  thread_.join();
}

void JudgeDesk::Put(std::unique_ptr<JudgeJob> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  arrived_.notify_one();
}

void JudgeDesk::Work(const std::stop_token& stop) {
  for (;;) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait(lock, stop, [this] { return !jobs_.empty(); })) return;
    if (stop.stop_requested()) return;
    std::unique_ptr<JudgeJob> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    Judge(*job);
    ready_(std::move(job));
  }
}

void JudgeDesk::Judge(JudgeJob& job) {
  for (Unjudged& one : job.unjudged) {
    LookFacts& look = job.facts.addresses[one.address].looks[one.look];
    if (!one.presented || one.presented->certificates.empty()) continue;
    look.chain = JudgeOne(job, *one.presented);
    if (one.staple.empty()) continue;
    look.staple = ReadStaple(one.staple, one.presented->certificates.front(),
                             IssuerOf(look.chain->seen), job.facts.at);
  }
}

std::shared_ptr<const ChainFacts> JudgeDesk::JudgeOne(JudgeJob& job,
                                                      const PresentedChain& presented) {
  const HostFacts& facts = job.facts;
  std::string key = KeyOf(facts, presented);
  const auto at = known_.find(key);
  const auto holds = [&](const Known& known) {
    const std::int64_t age = facts.at.unix_seconds - known.at.unix_seconds;
    return age >= 0 && age < keep_.count() && facts.at < known.until;
  };
  if (at != known_.end() && holds(at->second)) {
    ++job.known;
    return at->second.facts;
  }
  ++job.judged;
  auto made = std::make_shared<ChainFacts>();
  made->policy = facts.settings->policy ? facts.settings->policy : no_policy_;
  JudgedSeen judged = JudgeSeen(Endpoint{facts.target.host, facts.target.port}, presented,
                                {.policy = *made->policy,
                                 .trust = *facts.settings->trust,
                                 .declared = facts.settings->declared.get(),
                                 .now = facts.at,
                                 .cache = &seen_});
  made->seen = std::move(judged.seen);
  made->path_pins = std::move(judged.path_pins);
  made->leaf = ReadLeafFacts(presented.certificates.front());
  if (known_.size() >= most_) known_.clear();
  known_.insert_or_assign(std::move(key),
                          Known{made, facts.at, FirstEdge(made->seen, facts.at), facts.settings});
  return made;
}

}  // namespace cotter::probe
