// SPDX-License-Identifier: Apache-2.0
#include "lab/server.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>

#include "lab/connection.h"
#include "lab/recorder.h"
#include "lab/tls_setup.h"
#include "lab/wire.h"

namespace cotter::lab {
namespace {

// Connections served at once; more wait in the listener's queue.
constexpr std::size_t kMaxConnections = 256;

// SocketAddress is a loopback address in the kernel's form.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Error SystemError(const std::string& what) {
  return {Code::kNetworkError, what + ": " + std::generic_category().message(errno)};
}

sockaddr* Generic(sockaddr_storage& storage) { return reinterpret_cast<sockaddr*>(&storage); }

Result<SocketAddress> LoopbackAddress(const std::string& text, std::uint16_t port) {
  SocketAddress address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1 &&
      (ntohl(v4.sin_addr.s_addr) >> 24) == 127) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.size = sizeof v4;
    return address;
  }
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1 &&
      IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
    return address;
  }
  return Error{Code::kNetworkError, text + " is not a loopback address"};
}

Result<Descriptor> Listen(SocketAddress address) {
  constexpr int kFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  Descriptor listener(::socket(address.storage.ss_family, kFlags, 0));
  if (!listener.valid()) return SystemError("socket");
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener.get(), Generic(address.storage), address.size) != 0) {
    return SystemError("bind");
  }
  if (::listen(listener.get(), SOMAXCONN) != 0) return SystemError("listen");
  return listener;
}

std::uint16_t BoundPort(const Descriptor& listener) {
  SocketAddress address;
  address.size = sizeof address.storage;
  ::getsockname(listener.get(), Generic(address.storage), &address.size);
  // Port and family stand at the same place in both kinds of address.
  sockaddr_in view{};
  std::memcpy(&view, &address.storage, sizeof view);
  return ntohs(view.sin_port);
}

// StartThread runs `body` in `thread`. False, and `body` dropped, when the system has no more
// threads.
template <typename Body>
bool StartThread(std::thread& thread, Body body) {
  try {
    thread = std::thread(std::move(body));
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

// Worker is the thread of one connection.
struct Worker {
  std::thread thread;
  std::atomic<bool> done = false;
};

}  // namespace

struct Server::State {
  explicit State(ServerOptions given) : options(std::move(given)) {}

  void AcceptUntilStopped();
  void Serve(Descriptor socket);
  void Reap(bool all);
  [[nodiscard]] std::shared_ptr<const Presentation> Shown() const {
    const std::lock_guard lock(presentation_mutex);
    return presentation;
  }

  ServerOptions options;  // not changed once the first thread runs
  SslContextHandle context;
  Recorder recorder;
  Descriptor listener;
  Descriptor stop;
  std::uint16_t port = 0;
  std::thread acceptor;
  std::list<Worker> workers;  // touched by the acceptor, and by Stop after it has ended

  mutable std::mutex presentation_mutex;
  std::shared_ptr<const Presentation> presentation;
};

void Server::State::AcceptUntilStopped() {
  bool out_of_files = false;
  while (true) {
    Reap(false);
    // A full house stops listening until somebody leaves; the time-out looks again.
    const bool full = out_of_files || workers.size() >= kMaxConnections;
    std::array<pollfd, 2> watched = {pollfd{stop.get(), POLLIN, 0},
                                     pollfd{listener.get(), POLLIN, 0}};
    const int ready = ::poll(watched.data(), full ? 1 : 2, full ? 20 : -1);
    if (ready < 0 && errno != EINTR) return;
    if (watched[0].revents != 0) return;
    out_of_files = false;
    if (ready <= 0 || watched[1].revents == 0) continue;
    Descriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    out_of_files = !socket.valid() && (errno == EMFILE || errno == ENFILE);
    if (socket.valid()) Serve(std::move(socket));
  }
}

void Server::State::Serve(Descriptor socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::size_t number = recorder.Open();
  const WireLimits limits{stop.get(), std::chrono::steady_clock::now() + options.deadline,
                          options.dribble};
  Worker& worker = workers.emplace_back();
  const bool started = StartThread(
      worker.thread, [this, &worker, number, wire = Wire(std::move(socket), limits)]() mutable {
        Connection connection({options, context.get(), recorder}, Shown(), std::move(wire), number);
        connection.Run();
        worker.done = true;
      });
  if (started) return;
  workers.pop_back();
  recorder.Close(number);
}

void Server::State::Reap(bool all) {
  for (auto worker = workers.begin(); worker != workers.end();) {
    if (!all && !worker->done) {
      ++worker;
      continue;
    }
    worker->thread.join();
    worker = workers.erase(worker);
  }
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::Server(Server&& other) noexcept = default;

Server& Server::operator=(Server&& other) noexcept {
  if (this != &other) {
    Stop();
    state_ = std::move(other.state_);
  }
  return *this;
}

Server::~Server() { Stop(); }

Result<Server> Server::Start(ServerOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  Result<SocketAddress> address = LoopbackAddress(state->options.address, state->options.port);
  if (!address) return address.error();
  Result<Presentation> presentation = LoadPresentation(state->options);
  if (!presentation) return presentation.error();
  state->presentation = std::make_shared<const Presentation>(std::move(*presentation));
  Result<SslContextHandle> context = MakeContext(state->options);
  if (!context) return context.error();
  state->context = std::move(*context);
  ConnectionCallbacks::Install(state->context.get(), state->options);
  Result<Descriptor> listener = Listen(*address);
  if (!listener) return listener.error();
  state->listener = std::move(*listener);
  state->port = BoundPort(state->listener);
  state->stop = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state->stop.valid()) return SystemError("eventfd");
  State* running = state.get();
  if (!StartThread(state->acceptor, [running] { running->AcceptUntilStopped(); })) {
    return Error{Code::kNetworkError, "the system has no more threads"};
  }
  return Server(std::move(state));
}

std::uint16_t Server::port() const noexcept { return state_->port; }

std::string Server::authority() const {
  const std::string& address = state_->options.address;
  const bool is_v6 = address.find(':') != std::string::npos;
  return (is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(state_->port);
}

Result<void> Server::Present(const std::vector<Identity>& identities) {
  ServerOptions changed = state_->options;
  changed.identities = identities;
  Result<Presentation> presentation = LoadPresentation(changed);
  if (!presentation) return presentation.error();
  auto shown = std::make_shared<const Presentation>(std::move(*presentation));
  const std::lock_guard lock(state_->presentation_mutex);
  state_->presentation = std::move(shown);
  return Ok();
}

ServerRecord Server::Record() const { return state_->recorder.Copy(); }

bool Server::WaitFor(const std::function<bool(const ServerRecord&)>& holds,
                     std::chrono::milliseconds patience) const {
  return state_->recorder.WaitFor(holds, patience);
}

void Server::Stop() {
  if (state_ == nullptr || !state_->acceptor.joinable()) return;
  ::eventfd_write(state_->stop.get(), 1);
  state_->acceptor.join();
  state_->Reap(true);
  state_->listener.Close();
}

}  // namespace cotter::lab
