// SPDX-License-Identifier: Apache-2.0
//
// The connections of clients. A session ends itself through its set, which also knows which
// sessions do nothing at the moment: those make room where there are too many. For the loop's
// thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <new>
#include <vector>

#include "gateway/context.h"
#include "gateway/upstream.h"

namespace cotter::gateway {

// Route is a route at work.
struct Route {
  Route(RouteConfig route_config, std::shared_ptr<RouteCounters> route_counters)
      : config(std::move(route_config)), counters(std::move(route_counters)) {}

  RouteConfig config;
  Digest identity{};                        // of the client certificate and its key
  std::shared_ptr<RouteCounters> counters;  // also of routes that had the name before
  std::unique_ptr<Upstream> upstream;       // null in kConnect
  net::ListenAddress bound;                 // where it listens, or did
  std::unique_ptr<net::Acceptor> acceptor;  // null where no more clients are taken
  std::size_t sessions = 0;                 // clients that are connected
  bool retired = false;                     // by another configuration: what was begun is finished
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

  // CheckTrust aborts the session where what is trusted now does not bear its connection to the
  // server.
  virtual void CheckTrust() {}

  // Abort ends it at once, so that nobody takes what was cut for a whole. Needs no memory.
  void Abort() noexcept;

 protected:
  Session(Context& context, Route& route, SessionSet& set)
      : context_(context), route_(route), set_(set) {}

  // End takes the session out of its set; it is destroyed when the handlers have returned.
  void End() noexcept;
  void MarkIdle();
  void MarkBusy();
  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }

  // IsDraining reports that nothing new is to be begun.
  [[nodiscard]] bool IsDraining() const noexcept { return context_.draining || route_.retired; }

  // OnEnd gives back what the session holds of others.
  virtual void OnEnd() noexcept = 0;

  // OnAbort sees to it that the peers notice a cut; OnEnd follows.
  virtual void OnAbort() noexcept {}

  // Guarded does `work`, as every handler of a session does. Where there is no memory for it, not
  // even the reserve, this session ends and no other.
  template <typename Work>
  void Guarded(Work&& work) noexcept {
    try {
      work();
    } catch (const std::bad_alloc&) {
      Abort();
    }
  }

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

  // Add owns the session and starts it. Throws where there is no memory.
  void Add(std::unique_ptr<Session> session);

  // AbortIdle ends those that do nothing, AbortNewest the youngest of the others; false where there
  // is none.
  void AbortIdle();
  [[nodiscard]] bool AbortNewest();

  void CheckTrustOfAll();
  void DrainAll();
  void DrainRoute(const Route& route);
  void AbortAll();
  void AbortRoute(const Route& route);

  [[nodiscard]] std::size_t size() const noexcept { return busy_.size() + idle_.size(); }

 private:
  friend class Session;

  [[nodiscard]] std::vector<Session*> SessionsOf(const Route* route) const;

  Context& context_;
  std::list<std::unique_ptr<Session>> busy_;
  std::list<std::unique_ptr<Session>> idle_;  // the first one for longest
};

}  // namespace cotter::gateway
