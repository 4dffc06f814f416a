// SPDX-License-Identifier: Apache-2.0
#include "net/tls_transport.h"

#include <cerrno>

#include <sys/socket.h>

namespace cotter::net {
namespace {

TlsTransport& TransportOf(BIO* bio) { return *static_cast<TlsTransport*>(BIO_get_data(bio)); }

bool WouldBlock(int number) { return number == EAGAIN || number == EWOULDBLOCK; }

void Keep(TlsTransport& transport, const char* bytes, std::size_t count) {
  for (std::size_t i = 0; i < count && transport.received + i < transport.first.size(); ++i) {
    transport.first[transport.received + i] = static_cast<std::uint8_t>(bytes[i]);
  }
  transport.received += count;
}

int ReadBio(BIO* bio, char* into, int size) {
  TlsTransport& transport = TransportOf(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  if (transport.limit != 0 && transport.received >= transport.limit) {
    transport.end = TransportEnd::kOverLimit;
    return -1;
  }
  if (transport.deadline && transport.deadline->HasPassed()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  ssize_t count = -1;
  do {
    count = recv(transport.socket.fd(), into, static_cast<std::size_t>(size), 0);
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    Keep(transport, into, static_cast<std::size_t>(count));
    return static_cast<int>(count);
  }
  if (count < 0 && WouldBlock(errno)) {
    BIO_set_retry_read(bio);
    return -1;
  }
  transport.end = count == 0 ? TransportEnd::kClosed : TransportEnd::kFailed;
  transport.system_error = count == 0 ? 0 : errno;
  return static_cast<int>(count);
}

int WriteBio(BIO* bio, const char* from, int size) {
  TlsTransport& transport = TransportOf(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  ssize_t count = -1;
  do {
    count = send(transport.socket.fd(), from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count >= 0) return static_cast<int>(count);
  if (WouldBlock(errno)) {
    BIO_set_retry_write(bio);
  } else {
    transport.end = TransportEnd::kFailed;
    transport.system_error = errno;
  }
  return -1;
}

long ControlBio(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return TransportOf(bio).end == TransportEnd::kClosed ? 1 : 0;
  return 0;
}

BIO_METHOD* MakeMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cotter socket");
  if (method == nullptr) return nullptr;
  BIO_meth_set_read(method, ReadBio);
  BIO_meth_set_write(method, WriteBio);
  BIO_meth_set_ctrl(method, ControlBio);
  return method;
}

}  // namespace

BIO* MakeTransportBio(TlsTransport& transport) {
  // Lives as long as the process: BIOs on other threads may use it to the very end.
  static BIO_METHOD* const method = MakeMethod();
  BIO* bio = method != nullptr ? BIO_new(method) : nullptr;
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &transport);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace cotter::net
