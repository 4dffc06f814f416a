// SPDX-License-Identifier: Apache-2.0
//
// The connections of an enforcer that carry data. When the policy is swapped, each is judged again
// from what was kept of its handshake, and one that no longer holds is shut down by its descriptor:
// its SSL belongs to another thread. A descriptor that has been closed and given to another file is
// never touched. For the OpenSSL door; safe from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "tls/evidence.h"
#include <cotter/openssl.h>

namespace cotter::tls {

// SocketIdentity tells a socket from every other, whatever its descriptor. All zero: no socket.
struct SocketIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t cookie = 0;  // the kernel's, never given twice; 0 where it gives none

  friend bool operator==(const SocketIdentity&, const SocketIdentity&) = default;
};

// IdentityOf looks at a descriptor.
[[nodiscard]] SocketIdentity IdentityOf(int socket) noexcept;

// LiveConnection is one of them.
struct LiveConnection {
  std::shared_ptr<const Evidence> evidence;
  std::shared_ptr<const PolicyIndex> policy;  // that allowed it last; under the registry's mutex
  int socket = -1;                            // likewise
  SocketIdentity identity;                    // likewise
  std::atomic<bool> told{false};  // that it no longer holds: once, whoever sees it first
  std::size_t place = 0;          // in the registry, under its mutex
};

class LiveConnections {
 public:
  using Handle = std::shared_ptr<LiveConnection>;

  // Lost is one connection that no longer holds, or that is now only reported.
  struct Lost {
    Handle connection;
    std::shared_ptr<const PolicyIndex> policy;
    Verdict verdict;
    int socket;  // that it had then; -1: none
  };

  // Watched keeps a connection in the registry for as long as it lives itself. When it is gone, the
  // connection's descriptor is not touched any more. The registry outlives it.
  class Watched {
   public:
    Watched() = default;
    Watched(Watched&& other) noexcept
        : registry_(other.registry_), connection_(std::move(other.connection_)) {}
    Watched& operator=(Watched&& other) noexcept {
      std::swap(registry_, other.registry_);
      std::swap(connection_, other.connection_);
      return *this;
    }
    ~Watched() {
      if (connection_) registry_->Remove(*connection_);
    }

    // connection is null where nothing is watched. Borrowed.
    [[nodiscard]] LiveConnection* connection() const noexcept { return connection_.get(); }

   private:
    friend class LiveConnections;
    Watched(LiveConnections& registry, Handle connection) noexcept
        : registry_(&registry), connection_(std::move(connection)) {}

    LiveConnections* registry_ = nullptr;
    Handle connection_;
  };

  // Watch begins to watch a connection that `policy` allowed. `socket` is -1 where it has none.
  [[nodiscard]] Watched Watch(std::shared_ptr<const Evidence> evidence,
                              std::shared_ptr<const PolicyIndex> policy, int socket);

  // UseSocket gives a watched connection another descriptor.
  void UseSocket(LiveConnection& connection, int socket) noexcept;

  // Sweep judges all by `policy` and shuts down those that it does not allow. The result is what
  // must be told, which the caller does with no lock held.
  [[nodiscard]] std::vector<Lost> Sweep(const std::shared_ptr<const PolicyIndex>& policy, Time now);

 private:
  void Remove(const LiveConnection& connection) noexcept;

  std::mutex mutex_;
  std::vector<Handle> connections_;
};

}  // namespace cotter::tls
