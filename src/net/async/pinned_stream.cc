// SPDX-License-Identifier: Apache-2.0
#include "net/async/pinned_stream.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace cotter::net {
namespace {

PinnedTransport& TransportOf(BIO* bio) { return *static_cast<PinnedTransport*>(BIO_get_data(bio)); }

int ReadBio(BIO* bio, char* into, int size) {
  PinnedTransport& transport = TransportOf(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  if (transport.limit != 0 && transport.received >= transport.limit) return -1;
  // The bytes of a buffer of char may be written as unsigned ones.
  const std::span<std::uint8_t> space(static_cast<std::uint8_t*>(static_cast<void*>(into)),
                                      static_cast<std::size_t>(size));
  const IoResult result = transport.reader.Read(transport.socket.fd(), space);
  if (result.state == IoState::kDone) {
    transport.received += result.count;
    return static_cast<int>(result.count);
  }
  if (result.state == IoState::kWouldBlock) {
    BIO_set_retry_read(bio);
  } else if (result.state == IoState::kEnd) {
    transport.ended = true;
    return 0;
  } else {
    transport.system_error = errno;
  }
  return -1;
}

// Send sends what is held, then `more`. It returns how many bytes of `more` left; -1 with errno
// where neither did, EAGAIN where something of what is held stays.
ssize_t Send(PinnedTransport& transport, std::span<const char> more) {
  std::array<iovec, 2> pieces{iovec{transport.held.data(), transport.held_size},
                              iovec{std::bit_cast<void*>(more.data()), more.size()}};
  msghdr message{};
  message.msg_iov = transport.held_size > 0 ? pieces.data() : &pieces[1];
  message.msg_iovlen = transport.held_size > 0 ? 2 : 1;
  ssize_t count = -1;
  do {
    count = sendmsg(transport.socket.fd(), &message, MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count < 0 || transport.held_size == 0) return count;
  const std::size_t sent = std::min(static_cast<std::size_t>(count), transport.held_size);
  std::memmove(transport.held.data(), transport.held.data() + sent, transport.held_size - sent);
  transport.held_size -= sent;
  if (transport.held_size == 0) return count - static_cast<ssize_t>(sent);
  errno = EAGAIN;
  return -1;
}

int WriteBio(BIO* bio, const char* from, int size) {
  PinnedTransport& transport = TransportOf(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  const std::span<const char> bytes(from, static_cast<std::size_t>(size));
  if (transport.hold && bytes.size() <= transport.held.size() - transport.held_size) {
    std::memcpy(transport.held.data() + transport.held_size, bytes.data(), bytes.size());
    transport.held_size += bytes.size();
    return size;
  }
  const ssize_t count = Send(transport, bytes);
  if (count > 0) return static_cast<int>(count);
  if (count == 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
    BIO_set_retry_write(bio);
  } else {
    transport.system_error = errno;
  }
  return -1;
}

long ControlBio(BIO* bio, int command, long /*number*/, void* pointer) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return TransportOf(bio).ended ? 1 : 0;
  // SSL_get_fd, by which the enforcer knows the peer, and ends what a new policy refuses.
  if (command == BIO_C_GET_FD) {
    const int fd = TransportOf(bio).socket.fd();
    if (pointer != nullptr) *static_cast<int*>(pointer) = fd;
    return fd;
  }
  return 0;
}

// A method of our own: OpenSSL's sockets would ask the kernel once more after every record.
const BIO_METHOD* Method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(
        BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "cotter stream");
    if (made == nullptr) return made;
    BIO_meth_set_read(made, ReadBio);
    BIO_meth_set_write(made, WriteBio);
    BIO_meth_set_ctrl(made, ControlBio);
    return made;
  }();
  return method;
}

}  // namespace

Result<std::unique_ptr<PinnedStream>> PinnedStream::Create(Socket socket, SSL_CTX* context,
                                                           const tls::Enforcer& enforcer,
                                                           const Endpoint& endpoint) {
  SslPtr ssl(SSL_new(context));
  BIO* const bio = Method() != nullptr ? BIO_new(Method()) : nullptr;
  if (!ssl || bio == nullptr) {
    BIO_free(bio);
    return Error{Code::kInternal, "OpenSSL has no memory for a connection"};
  }
  SSL_set_bio(ssl.get(), bio, bio);
  std::unique_ptr<PinnedStream> stream(new PinnedStream(std::move(socket), std::move(ssl)));
  stream->transport_.limit = kMaxHandshakeBytes;
  BIO_set_data(bio, &stream->transport_);
  BIO_set_init(bio, 1);
  SSL* const raw = stream->ssl_.get();
  SSL_set_connect_state(raw);
  SSL_set_max_cert_list(raw, static_cast<long>(kMaxCertificateBytes));
  SSL_set_read_ahead(raw, 1);
  SSL_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                        SSL_MODE_RELEASE_BUFFERS);
  if (Result<void> attached = enforcer.Attach(raw, endpoint); !attached) return attached.error();
  return stream;
}

IoState PinnedStream::Shake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    // The server's turn; or it failed, and the alert says so.
    const bool flushed = Flush();
    const IoState state = flushed ? Outcome(result, "TLS handshake") : IoState::kFailed;
    if (!flushed) error_ = Failure(SSL_ERROR_SYSCALL, "TLS handshake");
    if (state != IoState::kFailed) return state;
    // The enforcer's reason is the one to tell.
    const tls::ConnectionRecord* const record = tls::RecordOf(ssl_.get());
    if (record != nullptr && record->code) error_ = Error{*record->code, record->message};
    return state;
  }
  const auto confirmed = tls::Confirm(ssl_.get());
  if (!confirmed) {
    transport_.held_size = 0;
    error_ = confirmed.error();
    return IoState::kFailed;
  }
  confirmed_ = true;
  transport_.hold = false;
  transport_.limit = 0;
  return IoState::kDone;
}

// Flush sends what is held; false where the connection failed.
bool PinnedStream::Flush() noexcept {
  if (transport_.held_size == 0) return true;
  if (Send(transport_, {}) >= 0 || errno == EAGAIN || errno == EWOULDBLOCK) return true;
  transport_.system_error = errno;
  return false;
}

Result<void> PinnedStream::CheckUse() {
  Result<void> checked = tls::CheckUse(ssl_.get());
  if (checked) return checked;
  refused_ = true;
  error_ = checked.error();
  return checked;
}

IoResult PinnedStream::Read(std::span<std::uint8_t> into) {
  COTTER_CHECK(confirmed_);
  if (refused_) return {IoState::kFailed, 0};
  if (!Flush()) {
    error_ = Failure(SSL_ERROR_SYSCALL, "reading");
    return {IoState::kFailed, 0};
  }
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
  if (result == 1) return {IoState::kDone, count};
  return {Outcome(result, "reading"), 0};
}

IoResult PinnedStream::Write(ByteView first, ByteView second) {
  COTTER_CHECK(confirmed_);
  if (refused_ || !CheckUse()) return {IoState::kFailed, 0};
  const ByteView bytes = first.empty() ? second : first;
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
  if (result == 1) return {IoState::kDone, count};
  return {Outcome(result, "writing"), 0};
}

IoState PinnedStream::EndWriting() {
  if (refused_) return IoState::kFailed;
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_.get());
  if (result >= 0) return IoState::kDone;
  return Outcome(result, "closing");
}

IoState PinnedStream::Outcome(int result, const char* doing) {
  const int reason = SSL_get_error(ssl_.get(), result);
  if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return IoState::kWouldBlock;
  if (reason == SSL_ERROR_ZERO_RETURN && confirmed_) return IoState::kEnd;
  error_ = Failure(reason, doing);
  return IoState::kFailed;
}

Error PinnedStream::Failure(int reason, const char* doing) const {
  const std::string text(doing);
  if (transport_.limit != 0 && transport_.received >= transport_.limit) {
    return Error{Code::kTlsFailed, "the server sent more handshake data than the limit"};
  }
  if (transport_.system_error != 0) return ErrorOf(transport_.system_error, text);
  const unsigned long last = ERR_peek_last_error();
  if (ERR_GET_LIB(last) == ERR_LIB_SSL) {
    const int why = ERR_GET_REASON(last);
    if (why == SSL_R_WRONG_VERSION_NUMBER || why == SSL_R_HTTP_REQUEST) {
      return Error{Code::kNotTls, text + ": the server does not speak TLS on this port"};
    }
    if (why == SSL_R_CERTIFICATE_VERIFY_FAILED) {
      return Error{Code::kPkiError, "the server's certificate was refused"};
    }
    if (why == SSL_R_EXCESSIVE_MESSAGE_SIZE) {
      return Error{Code::kChainTooLong, "the server sent more certificates than the limit"};
    }
  }
  if (transport_.ended || reason == SSL_ERROR_ZERO_RETURN) {
    return Error{Code::kConnectionClosed, text + ": the server closed the connection"};
  }
  const char* const why = last != 0 ? ERR_reason_error_string(last) : nullptr;
  return Error{Code::kTlsFailed, text + ": " + (why != nullptr ? why : "TLS failed")};
}

}  // namespace cotter::net
