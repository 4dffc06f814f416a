// SPDX-License-Identifier: Apache-2.0
#include "lab/connection.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <openssl/err.h>

#include "lab/starttls_server.h"
#include "lab/websocket.h"

namespace cotter::lab {
namespace {

// Longest request header that is read. Real ones have some hundred bytes.
constexpr std::size_t kMaxRequestHeader = std::size_t{64} << 10;

constexpr std::string_view kPlainAnswer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"
    "Connection: close\r\n\r\nplain HTTP!\n";

Bytes Garbage() {
  // 0x80 and up in the first byte is no TLS record type, and no letter of any protocol.
  Bytes garbage(4096);
  for (std::size_t i = 0; i < garbage.size(); ++i) {
    garbage[i] = static_cast<std::uint8_t>(0x80 | (i * 37 + (i >> 5)));
  }
  return garbage;
}

// HelloRequests is one record full of HelloRequest messages, which a client in a handshake skips
// (RFC 5246, 7.4.1.1).
Bytes HelloRequests() {
  constexpr std::size_t kContentSize = 16384;
  Bytes record(5 + kContentSize, 0);
  record[0] = 22;  // handshake
  record[1] = record[2] = 3;
  record[3] = static_cast<std::uint8_t>(kContentSize >> 8);
  record[4] = static_cast<std::uint8_t>(kContentSize & 0xff);
  return record;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

// SnakeCase turns OpenSSL's "unknown CA" into "unknown_ca".
std::string SnakeCase(std::string_view words) {
  std::string name = LowerCase(words);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

// FindHeader is the value of the header `name` (lower case) in `header` (lower case), or empty.
std::string_view FindHeader(std::string_view header, std::string_view name) {
  const std::size_t at = header.find("\r\n" + std::string(name) + ":");
  if (at == std::string_view::npos) return {};
  std::string_view value = header.substr(at + 2 + name.size() + 1);
  value = value.substr(0, value.find("\r\n"));
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

std::size_t ContentLength(std::string_view header) {
  const std::string_view value = FindHeader(header, "content-length");
  std::size_t length = 0;
  std::from_chars(value.data(), value.data() + value.size(), length);
  return length;
}

Bytes PeerFinished(const SSL* ssl) {
  Bytes finished(EVP_MAX_MD_SIZE);
  finished.resize(
      std::min(finished.size(), SSL_get_peer_finished(ssl, finished.data(), finished.size())));
  return finished;
}

}  // namespace

Connection::Connection(const Service& service, std::shared_ptr<const Presentation> presentation,
                       Wire wire, std::size_t number)
    : service_(service),
      presentation_(std::move(presentation)),
      wire_(std::move(wire)),
      number_(number) {}

void Connection::Run() {
  RunToTheEnd();
  wire_.CloseGently();
  ERR_clear_error();
  service_.recorder.Close(number_);
}

void Connection::RunToTheEnd() {
  if (StrikesAt(Phase::kOnAccept)) return Strike(Phase::kOnAccept);
  std::string heard;
  const bool begins =
      TalkUntilTls(wire_, service_.options.starttls, service_.options.starttls_conduct, heard);
  service_.recorder.Note(number_, [&](ConnectionRecord& record, ServerRecord&) {
    record.preamble = std::move(heard);
  });
  if (!begins || !AwaitClientHello()) return;
  if (StrikesAt(Phase::kBeforeTls)) return Strike(Phase::kBeforeTls);
  if (!BeginTls() || !Handshake()) return;
  NoteHandshake();
  if (!presentation_->at_renegotiation.empty() && SSL_version(ssl_.get()) == TLS1_2_VERSION) {
    renegotiating_ = true;
    SSL_renegotiate(ssl_.get());
    if (Settle(SSL_do_handshake(ssl_.get())) == Step::kOver) return;
  }
  ServeRequests();
}

bool Connection::AwaitClientHello() {
  client_hello_.resize(16384);
  client_hello_.resize(wire_.Read(client_hello_));
  return !client_hello_.empty();
}

bool Connection::BeginTls() {
  ssl_.reset(SSL_new(service_.context));
  BIO* incoming = BIO_new(BIO_s_mem());
  BIO* outgoing = BIO_new(BIO_s_mem());
  COTTER_CHECK(ssl_ != nullptr && incoming != nullptr && outgoing != nullptr);
  BIO_set_mem_eof_return(incoming, -1);
  SSL_set_bio(ssl_.get(), incoming, outgoing);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_accept_state(ssl_.get());
  return BIO_write(incoming, client_hello_.data(), static_cast<int>(client_hello_.size())) > 0;
}

bool Connection::Handshake() {
  while (true) {
    ERR_clear_error();
    const Step step = Settle(SSL_do_handshake(ssl_.get()));
    if (step != Step::kAgain) return step == Step::kDone;
  }
}

Connection::Step Connection::Settle(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  if (!Flush()) return Step::kOver;
  if (result > 0) return Step::kDone;
  if (error == SSL_ERROR_WANT_WRITE) return Step::kAgain;
  if (error != SSL_ERROR_WANT_READ) return Step::kOver;
  std::array<std::uint8_t, 16384> buffer{};
  const std::size_t count = wire_.Read(buffer);
  if (count == 0) return Step::kOver;
  BIO* incoming = SSL_get_rbio(ssl_.get());
  return BIO_write(incoming, buffer.data(), static_cast<int>(count)) > 0 ? Step::kAgain
                                                                         : Step::kOver;
}

bool Connection::Flush() {
  BIO* outgoing = SSL_get_wbio(ssl_.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(outgoing, &data);
  if (size <= 0) return !struck_;
  ByteView pending = AsBytes({data, static_cast<std::size_t>(size)});
  if (!handshake_done_ && StrikesAt(Phase::kMidHandshake)) {
    // HelloRequests may stand between messages, never inside one.
    const bool whole = service_.options.fault == Fault::kEndless;
    if (!whole) static_cast<void>(wire_.Write(pending.first(pending.size() / 2)));
    Strike(Phase::kMidHandshake);
    return false;
  }
  const bool sent = wire_.Write(pending);
  BIO_reset(outgoing);
  return sent;
}

void Connection::NoteHandshake() {
  handshake_done_ = true;
  first_finished_ = PeerFinished(ssl_.get());
  const unsigned char* protocol = nullptr;
  unsigned protocol_size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &protocol_size);
  const bool resumed = SSL_session_reused(ssl_.get()) == 1;
  service_.recorder.Note(number_, [&](ConnectionRecord& record, ServerRecord& all) {
    record.handshake_completed = true;
    record.resumed = resumed;
    record.tls_version = SSL_get_version(ssl_.get());
    record.alpn = AsText({protocol, protocol_size});
    ++all.handshakes_completed;
    if (resumed) ++all.handshakes_resumed;
  });
}

bool Connection::FinishRenegotiation() {
  if (!renegotiating_ || SSL_in_init(ssl_.get()) == 1) return false;
  if (PeerFinished(ssl_.get()) == first_finished_) return false;
  renegotiating_ = false;
  service_.recorder.Note(
      number_, [](ConnectionRecord& record, ServerRecord&) { record.renegotiated = true; });
  return true;
}

void Connection::ServeRequests() {
  std::array<std::uint8_t, 16384> buffer{};
  while (true) {
    const std::size_t count = ReadApplicationData(buffer);
    if (count == 0) return;
    const std::string_view text = AsText(std::span(buffer).first(count));
    NoteData(count, websocket_ ? std::string_view() : text);
    request_ += text;
    if (websocket_ ? !AnswerMessages() : !AnswerRequests()) return;
  }
}

void Connection::NoteData(std::size_t count, std::string_view text) {
  service_.recorder.Note(number_, [&](ConnectionRecord& record, ServerRecord& all) {
    record.application_bytes += count;
    all.application_bytes += count;
    const std::size_t room =
        kMaxKeptBytes - std::min(kMaxKeptBytes, record.application_data.size());
    record.application_data += text.substr(0, room);
  });
}

bool Connection::Upgrade(std::string_view key) {
  websocket_ = true;
  return WriteApplicationData(AsBytes(UpgradeAnswer(key))) && SayHello() && AnswerMessages();
}

bool Connection::SayHello() {
  return WriteApplicationData(AsBytes(MakeFrame(WebSocketFrame::kText, "hello\n")));
}

bool Connection::AnswerMessages() {
  while (const std::optional<WebSocketFrame> frame = TakeFrame(request_)) {
    NoteData(0, frame->payload);
    if (frame->opcode == WebSocketFrame::kClose) {
      static_cast<void>(WriteApplicationData(AsBytes(MakeFrame(WebSocketFrame::kClose, ""))));
      SSL_shutdown(ssl_.get());
      static_cast<void>(Flush());
      return false;
    }
    const bool message =
        frame->opcode == WebSocketFrame::kText || frame->opcode == WebSocketFrame::kBinary;
    if (message && !SayHello()) return false;
  }
  return request_.size() <= kMaxRequestHeader;
}

bool Connection::AnswerRequests() {
  // A request that crossed the HelloRequest is answered after the renegotiation.
  while (!renegotiating_) {
    const std::size_t end = request_.find("\r\n\r\n");
    if (end == std::string::npos) return request_.size() <= kMaxRequestHeader;
    const std::string header = LowerCase(std::string_view(request_).substr(0, end + 2));
    if (LowerCase(FindHeader(header, "upgrade")) == "websocket") {
      const std::string_view lower = FindHeader(header, "sec-websocket-key");
      const auto at = static_cast<std::size_t>(lower.data() - header.data());
      const std::string key = lower.empty() ? "" : request_.substr(at, lower.size());
      request_.erase(0, end + 4);
      return Upgrade(key);
    }
    const std::size_t body = ContentLength(header);
    if (body > request_.size() - end - 4) {
      // The body is on its way; it has been counted, so only its end matters.
      return request_.size() <= kMaxRequestHeader + body && body < (std::size_t{1} << 30);
    }
    request_.erase(0, end + 4 + body);
    if (StrikesAt(Phase::kAfterHandshake)) {
      Strike(Phase::kAfterHandshake);
      return false;
    }
    if (!WriteApplicationData(AsBytes(service_.options.response))) return false;
    if (LowerCase(FindHeader(header, "connection")) == "close") {
      SSL_shutdown(ssl_.get());
      static_cast<void>(Flush());
      return false;
    }
  }
  return request_.size() <= kMaxRequestHeader;
}

std::size_t Connection::ReadApplicationData(std::span<std::uint8_t> buffer) {
  while (true) {
    ERR_clear_error();
    const int count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0 && FinishRenegotiation()) {
      // Before waiting for more: the client may be waiting for this answer.
      if (!AnswerRequests()) return 0;
      continue;
    }
    if (count <= 0 && (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0) {
      // RFC 5246, 7.2.1: the answer to a close_notify is one. Without it OpenSSL forgets the
      // session, which a client could not resume by its id.
      SSL_shutdown(ssl_.get());
      static_cast<void>(Flush());
      return 0;
    }
    const Step step = Settle(count);
    if (step == Step::kDone) return static_cast<std::size_t>(count);
    if (step == Step::kOver) return 0;
  }
}

bool Connection::WriteApplicationData(ByteView bytes) {
  while (true) {
    ERR_clear_error();
    const int count = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    const Step step = Settle(count);
    if (step != Step::kAgain) return step == Step::kDone;
  }
}

void Connection::Strike(Phase phase) {
  struck_ = true;
  switch (service_.options.fault) {
    case Fault::kNone:
      return;
    case Fault::kSilence:
      return wire_.AwaitEnd();
    case Fault::kClose:
      return wire_.CloseGently();
    case Fault::kHalfClose:
      wire_.CloseWriting();
      return wire_.Drain();
    case Fault::kReset:
      return wire_.Reset();
    case Fault::kGarbage:
      static_cast<void>(wire_.Write(Garbage()));
      return;
    case Fault::kPlainHttp:
      static_cast<void>(wire_.Write(AsBytes(kPlainAnswer)));
      return;
    case Fault::kEndless:
      return StrikeEndlessly(phase);
  }
}

void Connection::StrikeEndlessly(Phase phase) {
  if (phase == Phase::kAfterHandshake) {
    struck_ = false;
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
    const Bytes body(16384, 'a');
    bool sent = WriteApplicationData(AsBytes(head));
    while (sent) sent = WriteApplicationData(body);
    return;
  }
  std::string text;
  while (text.size() < 16000) text += "220-still talking\r\n";
  const Bytes records = HelloRequests();
  const ByteView said = phase == Phase::kOnAccept ? AsBytes(text) : ByteView(records);
  while (wire_.Write(said)) {
  }
}

int Connection::OnCertificateWanted(SSL* ssl, void*) {
  const auto& self = *static_cast<Connection*>(SSL_get_app_data(ssl));
  if (self.service_.options.authentication != Authentication::kCertificate) return 1;
  const Presentation& shown = *self.presentation_;
  const bool again = self.handshake_done_ && !shown.at_renegotiation.empty();
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  return Install(ssl, again ? shown.at_renegotiation : shown.For(name)) ? 1 : 0;
}

int Connection::OnServerName(SSL* ssl, int*, void*) {
  const auto& self = *static_cast<Connection*>(SSL_get_app_data(ssl));
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  self.service_.recorder.Note(
      self.number_, [&](ConnectionRecord& record, ServerRecord&) { record.server_name = name; });
  return SSL_TLSEXT_ERR_OK;
}

int Connection::OnClientCertificate(X509_STORE_CTX* store, void*) {
  const auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto& self = *static_cast<Connection*>(SSL_get_app_data(ssl));
  unsigned char* encoded = nullptr;
  const int size = i2d_X509(X509_STORE_CTX_get0_cert(store), &encoded);
  if (size <= 0) return 0;
  Certificate certificate{Bytes(encoded, encoded + size)};
  OPENSSL_free(encoded);
  self.service_.recorder.Note(self.number_, [&](ConnectionRecord& record, ServerRecord&) {
    record.client_certificates.push_back(std::move(certificate));
  });
  return 1;
}

void Connection::OnEvent(const SSL* ssl, int where, int value) {
  if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT) return;
  const auto& self = *static_cast<Connection*>(SSL_get_app_data(ssl));
  const std::string alert = SnakeCase(SSL_alert_desc_string_long(value));
  if (alert == "close_notify") return;
  self.service_.recorder.Note(self.number_, [&](ConnectionRecord& record, ServerRecord&) {
    if (!record.alert) record.alert = alert;
  });
}

void ConnectionCallbacks::Install(SSL_CTX* context, const ServerOptions& options) {
  SSL_CTX_set_cert_cb(context, Connection::OnCertificateWanted, nullptr);
  // The macro of this name has a C cast in it.
  SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(Connection::OnServerName));
  SSL_CTX_set_info_callback(context, Connection::OnEvent);
  if (options.client_certificates != ClientCertificates::kNotRequested) {
    SSL_CTX_set_cert_verify_callback(context, Connection::OnClientCertificate, nullptr);
  }
}

}  // namespace cotter::lab
