// SPDX-License-Identifier: Apache-2.0
#include "tls/live_connections.h"

#include <new>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cotter::tls {
namespace {

// Shut ends the connection of `socket`, if that is still the one with `identity`. It is looked at
// through a descriptor of our own, which nobody else can close and reuse meanwhile. Where there is
// no room for one, the connection is left to CheckUse.
void Shut(int socket, const SocketIdentity& identity) noexcept {
  if (identity == SocketIdentity()) return;
  const int own = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return;
  if (IdentityOf(own) == identity) shutdown(own, SHUT_RDWR);
  close(own);
}

}  // namespace

SocketIdentity IdentityOf(int socket) noexcept {
  if (socket < 0) return {};
  SocketIdentity identity;
  socklen_t size = sizeof identity.cookie;
  // Where the kernel gives a cookie, it says all.
  if (getsockopt(socket, SOL_SOCKET, SO_COOKIE, &identity.cookie, &size) == 0) return identity;
  struct stat status {};
  if (fstat(socket, &status) != 0 || !S_ISSOCK(status.st_mode)) return {};
  return {.device = status.st_dev, .inode = status.st_ino};
}

LiveConnections::Watched LiveConnections::Watch(std::shared_ptr<const Evidence> evidence,
                                                std::shared_ptr<const PolicyIndex> policy,
                                                int socket) {
  auto connection = std::make_shared<LiveConnection>();
  connection->evidence = std::move(evidence);
  connection->policy = std::move(policy);
  connection->socket = socket;
  connection->identity = IdentityOf(socket);
  const std::lock_guard<std::mutex> lock(mutex_);
  connection->place = connections_.size();
  connections_.push_back(connection);
  return {*this, std::move(connection)};
}

void LiveConnections::Remove(const LiveConnection& connection) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  Handle& hole = connections_[connection.place];
  connections_.back()->place = connection.place;
  std::swap(hole, connections_.back());
  connections_.pop_back();
}

void LiveConnections::UseSocket(LiveConnection& connection, int socket) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  connection.socket = socket;
  connection.identity = IdentityOf(socket);
}

std::vector<LiveConnections::Lost> LiveConnections::Sweep(
    const std::shared_ptr<const PolicyIndex>& policy, Time now) {
  std::vector<Lost> lost;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const Handle& connection : connections_) {
    if (connection->policy == policy) continue;
    const Verdict verdict = JudgeAgain(*policy, *connection->evidence, now);
    const bool allowed = verdict.allowed();
    if (allowed) {
      connection->policy = policy;
    } else {
      Shut(connection->socket, connection->identity);
    }
    if (allowed && verdict.outcome != Outcome::kReported) continue;
    if (!allowed && connection->told.exchange(true)) continue;
    try {
      lost.push_back({connection, policy, verdict, connection->socket});
    } catch (const std::bad_alloc&) {  // the others must be shut down all the same
      continue;
    }
  }
  return lost;
}

}  // namespace cotter::tls
