// SPDX-License-Identifier: Apache-2.0
//
// The routes at work, and how a configuration that was read again takes their place: first
// everything that it needs is opened, which may fail and then changes nothing, and then all of it
// comes into force in one step. For the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "gateway/session.h"

namespace cotter::gateway {

// RouteChange is a set of routes that is ready to come into force.
struct RouteChange {
  struct Step {
    RouteConfig config;
    Route* kept = nullptr;         // goes on, connections and all
    std::unique_ptr<Route> made;   // or begins
    Route* acceptor_of = nullptr;  // which then accepts for `made`; null where it has its own
  };
  std::vector<Step> steps;
};

class RouteTable {
 public:
  using Accept = std::function<void(Route& route, net::Socket client)>;
  using Listen = std::function<Result<net::Listener>(const net::ListenAddress&, unsigned)>;

  // `context` and `sessions` outlive the table.
  RouteTable(Context& context, SessionSet& sessions, Listen listen, Accept accept);
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;
  ~RouteTable();

  // Prepare opens what `configs` need and the table does not have. Fails with what cannot be
  // opened.
  [[nodiscard]] Result<RouteChange> Prepare(const std::vector<RouteConfig>& configs) const;

  // Commit puts `change`, of the last Prepare, into force. A route with the same name, socket,
  // server and client certificate goes on; one that listens where another did takes its socket,
  // with whoever waits there. The other routes retire: their idle connections end, what is being
  // done has the drain time to finish.
  void Commit(RouteChange change);

  // StopAccepting closes the sockets.
  void StopAccepting();

  // DropStale closes the waiting connections that the policy and the trust in force do not allow.
  void DropStale();

  // Serving is those in force; All is also those of retired routes whose name is not in use again.
  [[nodiscard]] std::span<const std::unique_ptr<Route>> Serving() const noexcept { return routes_; }
  [[nodiscard]] std::vector<const Route*> All() const;

  // How many clients of retired routes are still served.
  [[nodiscard]] std::size_t RetiredClients() const noexcept;

 private:
  // Retired is a route that is out of force; it is destroyed when nobody uses it.
  struct Retired {
    std::unique_ptr<Route> route;
    net::MonotonicTime end;
    bool was_unused = false;
  };

  [[nodiscard]] Route* FindByName(std::string_view name) const noexcept;
  [[nodiscard]] Route* FindAcceptor(const RouteConfig& config) const noexcept;
  [[nodiscard]] std::shared_ptr<RouteCounters> CountersOf(std::string_view name) const;
  [[nodiscard]] Result<std::unique_ptr<Route>> Make(const RouteConfig& config) const;
  [[nodiscard]] net::Acceptor::Accepted AcceptFor(Route& route) const;
  std::unique_ptr<Route> TakeKept(const Route* kept);
  void Retire(std::unique_ptr<Route> route);
  void SweepRetired();

  Context& context_;
  SessionSet& sessions_;
  Listen listen_;
  Accept accept_;
  std::vector<std::unique_ptr<Route>> routes_;
  std::vector<Retired> retired_;
  net::Timer sweep_timer_;
};

// TlsContextOf is the context for connections to the server of `route`. Fails where its client
// certificate is not usable.
[[nodiscard]] Result<net::TlsContext> TlsContextOf(const RouteConfig& route);

}  // namespace cotter::gateway
