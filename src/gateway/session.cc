// SPDX-License-Identifier: Apache-2.0
#include "gateway/session.h"

#include <vector>

namespace cotter::gateway {

void Session::End() {
  if (has_ended_) return;
  has_ended_ = true;
  OnEnd();
  --route_.counters.open_clients;
  auto& list = is_idle_ ? set_.idle_ : set_.busy_;
  std::unique_ptr<Session> self = std::move(*place_);
  list.erase(place_);
  context_.loop.Bury(std::move(self));
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
  if (size() < context_.limits.connections) return true;
  if (idle_.empty()) return false;
  idle_.front()->End();
  return true;
}

void SessionSet::Add(std::unique_ptr<Session> session) {
  busy_.push_back(std::move(session));
  Session& added = *busy_.back();
  added.place_ = std::prev(busy_.end());
  ++added.route_.counters.clients;
  ++added.route_.counters.open_clients;
  added.Start();
}

void SessionSet::DrainAll() {
  std::vector<Session*> all;
  for (const auto& session : busy_) all.push_back(session.get());
  for (const auto& session : idle_) all.push_back(session.get());
  // Ended ones are buried, not gone, until the handlers have returned.
  for (Session* const session : all) {
    if (!session->has_ended_) session->Drain();
  }
}

void SessionSet::AbortIdle() {
  while (!idle_.empty()) idle_.front()->End();
}

bool SessionSet::AbortNewest() {
  if (busy_.empty()) return false;
  busy_.back()->End();
  return true;
}

void SessionSet::AbortAll() {
  while (AbortNewest()) continue;
  AbortIdle();
}

}  // namespace cotter::gateway
