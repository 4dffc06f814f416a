// SPDX-License-Identifier: Apache-2.0
#include "gateway/session.h"

#include <vector>

namespace cotter::gateway {

void Session::End() noexcept {
  if (has_ended_) return;
  has_ended_ = true;
  OnEnd();
  --route_.counters->open_clients;
  --route_.sessions;
  auto& list = is_idle_ ? set_.idle_ : set_.busy_;
  std::unique_ptr<Session> self = std::move(*place_);
  list.erase(place_);
  context_.loop.Bury(std::move(self));
}

void Session::Abort() noexcept {
  if (has_ended_) return;
  OnAbort();
  End();
}

void Session::MarkIdle() {
  if (is_idle_ || has_ended_) return;
  is_idle_ = true;
  set_.idle_.splice(set_.idle_.end(), set_.busy_, place_);
}

void Session::MarkBusy() {
  if (!is_idle_ || has_ended_) return;
  is_idle_ = false;
  set_.busy_.splice(set_.busy_.end(), set_.idle_, place_);
}

bool SessionSet::MakeRoom() {
  // More than one where the limit was lowered.
  while (size() >= context_.limits.connections) {
    if (idle_.empty()) return false;
    idle_.front()->End();
  }
  return true;
}

void SessionSet::Add(std::unique_ptr<Session> session) {
  busy_.push_back(std::move(session));
  Session& added = *busy_.back();
  added.place_ = std::prev(busy_.end());
  ++added.route_.counters->clients;
  ++added.route_.counters->open_clients;
  ++added.route_.sessions;
  added.Guarded([&added] { added.Start(); });
}

// SessionsOf is the sessions of `route`, or all. One may end another; those are buried, not gone,
// until the handlers have returned.
std::vector<Session*> SessionSet::SessionsOf(const Route* route) const {
  std::vector<Session*> found;
  for (const auto* const list : {&busy_, &idle_}) {
    for (const auto& session : *list) {
      if (route == nullptr || &session->route_ == route) found.push_back(session.get());
    }
  }
  return found;
}

void SessionSet::CheckTrustOfAll() {
  for (Session* const session : SessionsOf(nullptr)) {
    if (!session->has_ended_) session->Guarded([session] { session->CheckTrust(); });
  }
}

void SessionSet::DrainAll() {
  for (Session* const session : SessionsOf(nullptr)) {
    if (!session->has_ended_) session->Drain();
  }
}

void SessionSet::DrainRoute(const Route& route) {
  for (Session* const session : SessionsOf(&route)) {
    if (!session->has_ended_) session->Drain();
  }
}

void SessionSet::AbortRoute(const Route& route) {
  for (Session* const session : SessionsOf(&route)) session->Abort();
}

void SessionSet::AbortIdle() {
  while (!idle_.empty()) idle_.front()->End();
}

bool SessionSet::AbortNewest() {
  if (busy_.empty()) return false;
  busy_.back()->Abort();
  return true;
}

void SessionSet::AbortAll() {
  while (AbortNewest()) continue;
  AbortIdle();
}

}  // namespace cotter::gateway
