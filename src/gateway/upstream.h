// SPDX-License-Identifier: Apache-2.0
//
// The server of a route, and its pinned connections: those being opened, those in use, and those
// that wait for the next request. For the loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gateway/context.h"
#include "net/async/pinned_stream.h"
#include "net/async/tls_context.h"

namespace cotter::gateway {

class Upstream;
class UpstreamConnection;

// Failure is why a client is not served: the status in HTTP, a stable word, and a sentence.
struct Failure {
  int status = 502;
  std::string code;
  std::string message;
};

// UpstreamUser wants a connection, or has one.
class UpstreamUser {
 public:
  // The answer to Acquire: exactly one of the two, maybe before Acquire returns. The connection's
  // verdict has fallen, and holds now.
  virtual void OnConnected(std::unique_ptr<UpstreamConnection> connection) = 0;
  virtual void OnConnectFailed(const Failure& failure) = 0;

  // The connection in use is ready for more.
  virtual void OnUpstreamReady() = 0;

  // No connection could be opened, in place of OnConnectFailed, because there is no memory.
  virtual void OnNoMemory() noexcept = 0;

 protected:
  ~UpstreamUser() = default;
};

// UpstreamConnection is one connection, from its first packet on.
class UpstreamConnection final : public net::EventHandler {
 public:
  explicit UpstreamConnection(Upstream& upstream);
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;
  ~UpstreamConnection() override;

  void OnReady(net::Readiness ready) override;

  // stream is open.
  [[nodiscard]] net::PinnedStream& stream() noexcept { return *stream_; }

  // IsStillTrusted reports that the trust in force bears the connection, where that has changed
  // since its handshake: its chain is verified again, as it was presented. Where it does not, the
  // log says so.
  [[nodiscard]] bool IsStillTrusted();

  // reused reports that the connection carried a request before.
  [[nodiscard]] bool reused() const noexcept { return reused_; }

 private:
  friend class Upstream;

  enum class State : std::uint8_t { kResolving, kConnecting, kShaking, kLent, kIdle };

  void Go(net::Readiness ready);
  void Open(const std::vector<net::Address>& addresses);
  void TryNext();
  void StartTls(net::Readiness ready);
  void Shake();
  void OnTimeout();
  void GoOnAfterTimeout();
  void Fail(const Error& error);

  Upstream& upstream_;
  UpstreamUser* user_ = nullptr;  // null: nobody waits any more
  State state_ = State::kResolving;
  std::shared_ptr<const Enforcement> enforcement_;  // that it was judged by
  bool reused_ = false;
  std::vector<net::Address> addresses_;
  std::size_t next_address_ = 0;
  net::MonotonicTime connect_end_{};
  net::Socket socket_;  // until TLS begins
  std::unique_ptr<net::PinnedStream> stream_;
  net::Watch watch_;
  net::Timer timer_;
};

// What becomes of a connection that was used.
enum class AfterUse : std::uint8_t {
  kKeep,   // it can carry another request
  kClose,  // TLS is ended
  kBreak,  // TLS is not ended, so that the server knows that something is missing
};

// What may be reused for a request.
enum class Reuse : std::uint8_t { kAllowed, kForbidden };

class Upstream {
 public:
  // `context`, `config` and `counters` outlive the upstream. `tls` is prepared.
  Upstream(Context& context, const RouteConfig& config, RouteCounters& counters,
           net::TlsContext tls);
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  ~Upstream();

  // Acquire gives `user` a connection: one that waits, or a new one, or the next that is free where
  // there are as many as may be.
  void Acquire(UpstreamUser& user, Reuse reuse);

  // Cancel forgets that `user` waits.
  void Cancel(UpstreamUser& user);

  // Release takes a connection back.
  void Release(std::unique_ptr<UpstreamConnection> connection, AfterUse after) noexcept;

  // DropStale closes the waiting connections that the policy and the trust in force do not allow.
  void DropStale();

  // TakeLimits does what follows from limits of the configuration that have changed.
  void TakeLimits();

  // Retire keeps no connection from now on, because the configuration has another server.
  void Retire();

  // IsUnused reports that nothing is open, waits or will be called back.
  [[nodiscard]] bool IsUnused() const noexcept {
    return total_ == 0 && waiting_.empty() && !looking_up_;
  }

  // How many connections there are, and how many of them wait for a request.
  [[nodiscard]] std::size_t total() const noexcept { return total_; }
  [[nodiscard]] std::size_t idle() const noexcept { return idle_.size(); }

  [[nodiscard]] const net::Target& target() const noexcept { return *config_.upstream; }

 private:
  friend class UpstreamConnection;

  using ConnectionPtr = std::unique_ptr<UpstreamConnection>;

  // Waiting is a user whose turn has not come, and what may be reused for it then.
  struct Waiting {
    UpstreamUser* user;
    Reuse reuse;
  };

  void Connect(UpstreamUser& user);
  void FindAddresses(UpstreamConnection& connection);
  void OnAddresses(Result<std::vector<net::Address>> found);
  ConnectionPtr TakeOpening(UpstreamConnection& connection);
  void OnOpened(UpstreamConnection& connection);
  void OnFailed(UpstreamConnection& connection, const Error& error);
  void OnIdleEvent(UpstreamConnection& connection);
  void OnIdleEnd(UpstreamConnection& connection) noexcept;
  void OnNoMemory(UpstreamConnection& connection) noexcept;
  void Lend(ConnectionPtr connection, UpstreamUser& user);
  void Keep(ConnectionPtr connection) noexcept;
  void Close(ConnectionPtr connection, AfterUse after = AfterUse::kClose) noexcept;
  void ServeWaiting() noexcept;
  // MayBeUsed judges the connection again where the policy changed since it was judged, and sees to
  // it that no bytes of an earlier request wait in it.
  [[nodiscard]] bool MayBeUsed(UpstreamConnection& connection) const noexcept;

  Context& context_;
  const RouteConfig& config_;
  RouteCounters& counters_;
  net::TlsContext tls_;
  Endpoint endpoint_;
  std::vector<ConnectionPtr> opening_;
  std::vector<ConnectionPtr> idle_;  // the last one was used last
  std::deque<Waiting> waiting_;
  std::size_t total_ = 0;
  std::vector<net::Address> addresses_;  // of the last look-up
  net::MonotonicTime addresses_good_until_{};
  bool looking_up_ = false;
  bool serving_waiting_ = false;
  bool retired_ = false;
};

}  // namespace cotter::gateway
