// SPDX-License-Identifier: Apache-2.0
//
// The connections of clients. A session ends itself through its set, which also knows which
// sessions do nothing at the moment: those make room where there are too many. For the loop's
// thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>

#include "gateway/context.h"
#include "gateway/upstream.h"

namespace cotter::gateway {

// Route is a route at work.
struct Route {
  explicit Route(RouteConfig route_config) : config(std::move(route_config)) {}

  RouteConfig config;
  RouteCounters counters;
  std::unique_ptr<Upstream> upstream;  // null in kConnect
  std::unique_ptr<net::Acceptor> acceptor;
};

class SessionSet;

class Session : public net::EventHandler {
 public:
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Start begins, once the set owns the session. Afterwards it may be gone.
  virtual void Start() = 0;

  // Drain ends the session as soon as what it is doing is done.
  virtual void Drain() = 0;

  // Abort ends it at once.
  void Abort() { End(); }

 protected:
  Session(Context& context, Route& route, SessionSet& set)
      : context_(context), route_(route), set_(set) {}

  // End takes the session out of its set; it is destroyed when the handlers have returned.
  void End();
  void MarkIdle();
  void MarkBusy();
  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }

  // OnEnd gives back what the session holds of others.
  virtual void OnEnd() = 0;

  Context& context_;
  Route& route_;

 private:
  friend class SessionSet;

  SessionSet& set_;
  std::list<std::unique_ptr<Session>>::iterator place_;
  bool is_idle_ = false;
  bool has_ended_ = false;
};

class SessionSet {
 public:
  explicit SessionSet(Context& context) : context_(context) {}
  SessionSet(const SessionSet&) = delete;
  SessionSet& operator=(const SessionSet&) = delete;
  ~SessionSet() { AbortAll(); }

  // MakeRoom reports whether one more session may begin; where there are as many as may be, it ends
  // the one that has been idle for longest.
  [[nodiscard]] bool MakeRoom();

  // Add owns the session and starts it.
  void Add(std::unique_ptr<Session> session);

  // AbortIdle ends those that do nothing, AbortNewest the youngest of the others; false where there
  // is none.
  void AbortIdle();
  [[nodiscard]] bool AbortNewest();

  void DrainAll();
  void AbortAll();

  [[nodiscard]] std::size_t size() const noexcept { return busy_.size() + idle_.size(); }

 private:
  friend class Session;

  Context& context_;
  std::list<std::unique_ptr<Session>> busy_;
  std::list<std::unique_ptr<Session>> idle_;  // the first one for longest
};

}  // namespace cotter::gateway
