// SPDX-License-Identifier: Apache-2.0
//
// Sockets that accept: TCP, Unix, or handed over by a service manager. For the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/address.h"
#include "net/async/event_loop.h"
#include "net/socket.h"
#include <cotter/result.h>

namespace cotter::net {

// ListenAddress is where to listen. Exactly one of the three is set.
struct ListenAddress {
  std::optional<Address> address;
  std::string unix_path;
  std::string inherited;  // the name that the service manager gives the socket

  // ToString is the text that ParseListenAddress reads.
  [[nodiscard]] std::string ToString() const;

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

// ParseListenAddress reads "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock" or "systemd:NAME".
// Port 0 is any free one. Fails with kUsage.
[[nodiscard]] Result<ListenAddress> ParseListenAddress(std::string_view text);

// Listener owns a listening socket, and the file of a Unix socket as long as it is its own.
class Listener {
 public:
  // Listen binds and listens. A Unix socket's file that nobody answers at is what a killed process
  // left, and is replaced, in one step; any other file, and one that is answered, is an error.
  // `permissions` are those of the file. An inherited socket is found by name in LISTEN_FDNAMES.
  // Fails with kNetworkError, whose message names the address.
  [[nodiscard]] static Result<Listener> Listen(const ListenAddress& where, unsigned permissions);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  [[nodiscard]] int fd() const noexcept { return socket_.fd(); }

  // bound is the address in use: the port where any free one was asked for.
  [[nodiscard]] const ListenAddress& bound() const noexcept { return bound_; }

  // SetPermissions changes those of a Unix socket's file; elsewhere there are none. Fails with
  // kNetworkError.
  [[nodiscard]] Result<void> SetPermissions(unsigned permissions) const;

  // IsPrivate reports that only this machine can reach the socket: a loopback address or a Unix
  // socket, by what the kernel says of it.
  [[nodiscard]] bool IsPrivate() const noexcept;

 private:
  Listener(Socket socket, ListenAddress bound)
      : socket_(std::move(socket)), bound_(std::move(bound)) {}
  void NoteFile() noexcept;

  Socket socket_;
  ListenAddress bound_;
  unsigned long file_device_ = 0;  // of the Unix socket's file
  unsigned long file_inode_ = 0;
};

// Acceptor accepts for a listener and hands each connection, non-blocking, to a function.
class Acceptor final : public EventHandler {
 public:
  using Accepted = std::function<void(Socket)>;

  [[nodiscard]] static Result<std::unique_ptr<Acceptor>> Start(EventLoop& loop, Listener listener,
                                                               Accepted accepted);

  void OnReady(Readiness ready) override;

  // Redirect hands connections to `accepted` from now on. Not to be called by the function itself.
  void Redirect(Accepted accepted) { accepted_ = std::move(accepted); }

  [[nodiscard]] const Listener& listener() const noexcept { return listener_; }
  [[nodiscard]] Result<void> SetPermissions(unsigned permissions) const {
    return listener_.SetPermissions(permissions);
  }

  // shed is how many connections were closed at once because no descriptor was left; TakeShed
  // begins to count anew.
  [[nodiscard]] std::uint64_t shed() const noexcept { return shed_; }
  [[nodiscard]] std::uint64_t TakeShed() noexcept { return std::exchange(shed_, 0); }

 private:
  Acceptor(EventLoop& loop, Listener listener, Accepted accepted);
  void AcceptMany();
  bool AcceptOne();
  bool Shed();

  EventLoop& loop_;
  Listener listener_;
  Accepted accepted_;
  Timer again_;
  Watch watch_;
  Socket reserve_;  // a descriptor to give up where none is left
  std::uint64_t shed_ = 0;
};

}  // namespace cotter::net
