// SPDX-License-Identifier: Apache-2.0
#include "net/tls_stream.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include <openssl/err.h>

#include "net/certificate_message.h"
#include "net/tls_transport.h"

namespace cotter::net {
namespace {

constexpr std::uint8_t kAlertRecord = 21;
constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kTlsMajor = 3;

// The first record of a server is an alert or a handshake message, of SSL 3.0 or later.
bool BeganWithTls(const TlsTransport& transport) {
  const std::uint8_t type = transport.first[0];
  if (type != kAlertRecord && type != kHandshakeRecord) return false;
  return transport.received < 2 || transport.first[1] == kTlsMajor;
}

std::string LastReason(const char* otherwise) {
  const unsigned long number = ERR_peek_last_error();
  const char* reason = number != 0 ? ERR_reason_error_string(number) : nullptr;
  return reason != nullptr ? reason : otherwise;
}

Error NotTls(const TlsTransport& transport) {
  const std::string_view start = AsText(transport.first);
  if (start.starts_with("HTTP/")) {
    return Error{Code::kNotTls, "the server speaks plain HTTP, not TLS, on this port"};
  }
  return Error{Code::kNotTls, "the server does not speak TLS on this port"};
}

}  // namespace

struct TlsStream::State {
  TlsTransport transport;
  SslPtr ssl;
  PresentedChain presented;
  std::optional<Error> refused;  // what this side found wrong with a message
  bool saw_certificate = false;
  bool sent_finished = false;

  // What OpenSSL's `result` asks to wait for; an error where it is final.
  Result<Step> StepOf(int result, const char* doing);
  // Waits for it.
  Result<void> WaitOrFail(int result, const char* doing, Deadline deadline);
  Error Failure(int reason, const char* doing);

  static void OnMessage(int is_written, int version, int type, const void* bytes, std::size_t size,
                        SSL* ssl, void* self);
};

Error TlsStream::State::Failure(int reason, const char* doing) {
  const unsigned long last = ERR_peek_last_error();
  if (transport.end == TransportEnd::kOverLimit) {
    return Error{Code::kTlsFailed, "the server sent more handshake data than the limit"};
  }
  if (transport.received > 0 && !BeganWithTls(transport)) return NotTls(transport);
  if (transport.end == TransportEnd::kFailed) {
    return ErrorOf(transport.system_error, std::string(doing));
  }
  if (ERR_GET_LIB(last) == ERR_LIB_SSL) {
    const int why = ERR_GET_REASON(last);
    if (why == SSL_R_CERTIFICATE_VERIFY_FAILED) {
      return Error{Code::kPkiError, "the server's certificate was refused"};
    }
    if (why == SSL_R_EXCESSIVE_MESSAGE_SIZE) {
      return Error{Code::kChainTooLong, "the server sent more certificates than the limit"};
    }
  }
  if (transport.end == TransportEnd::kClosed) {
    return Error{Code::kConnectionClosed,
                 std::string(doing) + ": the server closed the connection"};
  }
  if (reason == SSL_ERROR_ZERO_RETURN) {
    return Error{Code::kConnectionClosed, std::string(doing) + ": the server ended TLS"};
  }
  return Error{Code::kTlsFailed, std::string(doing) + ": " + LastReason("TLS failed")};
}

Result<TlsStream::Step> TlsStream::State::StepOf(int result, const char* doing) {
  const int reason = SSL_get_error(ssl.get(), result);
  if (refused) return *refused;
  if (reason == SSL_ERROR_WANT_READ) return Step::kWaitToRead;
  if (reason == SSL_ERROR_WANT_WRITE) return Step::kWaitToWrite;
  return Failure(reason, doing);
}

Result<void> TlsStream::State::WaitOrFail(int result, const char* doing, Deadline deadline) {
  const Error late{Code::kConnectTimeout, std::string(doing) + ": no answer in time"};
  const Result<Step> step = StepOf(result, doing);
  if (!step) return step.error();
  const auto what = *step == Step::kWaitToRead ? Socket::Ready::kToRead : Socket::Ready::kToWrite;
  if (deadline.HasPassed() || !transport.socket.Wait(what, deadline)) return late;
  return Ok();
}

void TlsStream::State::OnMessage(int is_written, int version, int type, const void* bytes,
                                 std::size_t size, SSL* /*ssl*/, void* self) {
  State& state = *static_cast<State*>(self);
  const auto* first = static_cast<const std::uint8_t*>(bytes);
  if (is_written != 0 && type == SSL3_RT_HANDSHAKE && size != 0 && first[0] == SSL3_MT_FINISHED) {
    state.sent_finished = true;
  }
  if (is_written != 0 || type != SSL3_RT_HANDSHAKE || size == 0 ||
      first[0] != SSL3_MT_CERTIFICATE || state.saw_certificate) {
    return;
  }
  state.saw_certificate = true;
  Result<PresentedChain> chain = ReadCertificateMessage(
      ByteView(first, size),
      version == TLS1_3_VERSION ? CertificateLayout::kTls13 : CertificateLayout::kTls12);
  if (chain) {
    state.presented = *std::move(chain);
  } else {
    state.refused = std::move(chain).error();
  }
}

TlsStream::TlsStream(Socket socket, SslPtr ssl) : state_(std::make_unique<State>()) {
  state_->transport.socket = std::move(socket);
  state_->ssl = std::move(ssl);
  SSL* const raw = state_->ssl.get();
  BIO* const bio = MakeTransportBio(state_->transport);
  COTTER_CHECK(raw != nullptr && bio != nullptr);
  SSL_set_bio(raw, bio, bio);
  SSL_set_connect_state(raw);
  SSL_set_max_cert_list(raw, static_cast<long>(kMaxCertificateBytes));
  SSL_set_msg_callback(raw, State::OnMessage);
  SSL_set_msg_callback_arg(raw, state_.get());
}

TlsStream::TlsStream(TlsStream&&) noexcept = default;
TlsStream& TlsStream::operator=(TlsStream&&) noexcept = default;
TlsStream::~TlsStream() = default;

Result<void> TlsStream::Handshake(Deadline deadline) {
  state_->transport.limit = kMaxHandshakeBytes;
  state_->transport.deadline = deadline;
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(state_->ssl.get());
    if (result == 1) break;
    if (Result<void> ready = state_->WaitOrFail(result, "TLS handshake", deadline); !ready) {
      return ready;
    }
  }
  if (state_->refused) return *state_->refused;
  state_->transport.limit = 0;
  return Ok();
}

Result<std::size_t> TlsStream::Read(std::span<std::uint8_t> into, Deadline deadline) {
  state_->transport.deadline = deadline;
  for (;;) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(state_->ssl.get(), into.data(), into.size(), &count);
    if (result == 1) return count;
    if (SSL_get_error(state_->ssl.get(), result) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
    if (Result<void> ready = state_->WaitOrFail(result, "reading", deadline); !ready) {
      return std::move(ready).error();
    }
  }
}

Result<void> TlsStream::WriteAll(ByteView bytes, Deadline deadline) {
  state_->transport.deadline = deadline;
  while (!bytes.empty()) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_write_ex(state_->ssl.get(), bytes.data(), bytes.size(), &count);
    if (result == 1) {
      bytes = bytes.subspan(count);
      continue;
    }
    if (Result<void> ready = state_->WaitOrFail(result, "writing", deadline); !ready) return ready;
  }
  return Ok();
}

Result<TlsStream::Step> TlsStream::TryHandshake() {
  state_->transport.limit = kMaxHandshakeBytes;
  ERR_clear_error();
  const int result = SSL_do_handshake(state_->ssl.get());
  if (result != 1) return state_->StepOf(result, "TLS handshake");
  if (state_->refused) return *state_->refused;
  state_->transport.limit = 0;
  return Step::kDone;
}

Result<TlsStream::Step> TlsStream::TryRead(std::span<std::uint8_t> into, std::size_t& count) {
  ERR_clear_error();
  const int result = SSL_read_ex(state_->ssl.get(), into.data(), into.size(), &count);
  if (result == 1) return Step::kDone;
  count = 0;
  if (SSL_get_error(state_->ssl.get(), result) == SSL_ERROR_ZERO_RETURN) return Step::kDone;
  return state_->StepOf(result, "reading");
}

Result<TlsStream::Step> TlsStream::TryWrite(ByteView bytes, std::size_t& count) {
  ERR_clear_error();
  const int result = SSL_write_ex(state_->ssl.get(), bytes.data(), bytes.size(), &count);
  if (result == 1) return Step::kDone;
  return state_->StepOf(result, "writing");
}

void TlsStream::BoundReading(std::size_t bytes) noexcept {
  state_->transport.limit = state_->transport.received + bytes;
}

void TlsStream::Close() noexcept {
  ERR_clear_error();
  // OpenSSL forbids shutting down in the middle of a handshake.
  if (SSL_is_init_finished(state_->ssl.get()) == 1) SSL_shutdown(state_->ssl.get());
  ERR_clear_error();
}

const PresentedChain& TlsStream::presented() const noexcept { return state_->presented; }

bool TlsStream::has_answered() const noexcept { return state_->sent_finished; }

std::string TlsStream::version() const { return SSL_get_version(state_->ssl.get()); }

std::string TlsStream::cipher() const { return SSL_get_cipher_name(state_->ssl.get()); }

SSL* TlsStream::ssl() const noexcept { return state_->ssl.get(); }

}  // namespace cotter::net
