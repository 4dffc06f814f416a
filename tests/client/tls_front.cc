// SPDX-License-Identifier: Apache-2.0
#include "tests/client/tls_front.h"

#include <array>
#include <csignal>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cotter/result.h>

namespace cotter::client {
namespace {

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

const sockaddr* Plain(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

tls::X509Ptr Parse(const lab::Certificate& certificate) {
  const unsigned char* at = certificate.der.data();
  return tls::X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size())));
}

}  // namespace

TlsFront::TlsFront(const lab::Identity& identity, std::uint16_t backend)
    : context_(SSL_CTX_new(TLS_server_method())), backend_(backend) {
  COTTER_CHECK(SSL_CTX_use_certificate(context_.get(), Parse(identity.certificate).get()) == 1);
  COTTER_CHECK(SSL_CTX_use_PrivateKey(context_.get(), identity.key.native()) == 1);
  for (const lab::Certificate& above : identity.chain) {
    COTTER_CHECK(SSL_CTX_add1_chain_cert(context_.get(), Parse(above).get()) == 1);
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  COTTER_CHECK(bind(listener_, Plain(address), size) == 0 && listen(listener_, 64) == 0);
  COTTER_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

TlsFront::~TlsFront() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
  }
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  for (const int socket : sockets_) close(socket);
  close(listener_);
}

void TlsFront::Accept() {
  while (true) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (socket >= 0) sockets_.push_back(socket);
    if (socket < 0 || stopping_) return;
    threads_.emplace_back([this, socket] { Serve(socket); });
  }
}

void TlsFront::Serve(int socket) {
  // OpenSSL writes with write(2): a client that is gone is no reason to end the process.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  const tls::SslPtr ssl(SSL_new(context_.get()));
  SSL_set_fd(ssl.get(), socket);
  const int backend = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(backend_);
  if (backend >= 0 && SSL_accept(ssl.get()) == 1) {
    ++handshakes_;
    if (connect(backend, Plain(address), sizeof address) == 0) Relay(ssl.get(), backend);
  }
  ERR_clear_error();
  if (backend >= 0) close(backend);
  shutdown(socket, SHUT_RDWR);
}

// Relay hands on in both directions until one ends.
void TlsFront::Relay(SSL* ssl, int backend) {
  std::array<char, 16384> buffer;
  while (true) {
    pollfd sides[] = {{SSL_get_fd(ssl), POLLIN, 0}, {backend, POLLIN, 0}};
    if (SSL_pending(ssl) == 0 && poll(sides, 2, -1) <= 0) return;
    if (SSL_pending(ssl) > 0 || sides[0].revents != 0) {
      const int size = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
      if (size <= 0) return;
      application_bytes_ += static_cast<std::size_t>(size);
      if (send(backend, buffer.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) != size)
        return;
    }
    if (sides[1].revents != 0) {
      const ssize_t size = recv(backend, buffer.data(), buffer.size(), 0);
      if (size <= 0 || SSL_write(ssl, buffer.data(), static_cast<int>(size)) <= 0) return;
    }
  }
}

}  // namespace cotter::client
