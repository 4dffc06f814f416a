// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/handshake_look.h"

#include <algorithm>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "probe/engine/http_facts.h"
#include "probe/engine/sct_list.h"
#include "probe/small_http.h"
#include <cotter/openssl.h>

namespace cotter::probe {
namespace {

// Heads of answers are some KiB; what is longer is read so far.
constexpr std::size_t kMaxHead = std::size_t{16} << 10;

// All that may come in after the handshake: the head in its records, tickets and updates of keys.
constexpr std::size_t kMaxAfterHandshake = std::size_t{64} << 10;

constexpr unsigned kSctExtension = TLSEXT_TYPE_signed_certificate_timestamp;

// Each name behind its length (RFC 7301, 3.1).
constexpr std::string_view kHttpNames = "\x02h2\x08http/1.1";
constexpr std::string_view kHttpOneName = "\x08http/1.1";

// OpenSSL calls it with what the server sent as signed_certificate_timestamp (RFC 6962, 3.3).
int NoteScts(SSL* ssl, unsigned /*type*/, unsigned /*context*/, const unsigned char* bytes,
             std::size_t size, X509* /*certificate*/, std::size_t index, int* /*alert*/,
             void* /*argument*/) {
  auto* const count = static_cast<std::size_t*>(SSL_get_app_data(ssl));
  if (count != nullptr && index == 0) *count = CountScts(ByteView(bytes, size));
  return 1;
}

bool SetUp(SSL_CTX& context) {
  SSL_CTX_set_mode(&context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A flight of records in one system call.
  SSL_CTX_set_read_ahead(&context, 1);
  constexpr unsigned kWhere =
      SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE;
  return SSL_CTX_set_tlsext_status_type(&context, TLSEXT_STATUSTYPE_ocsp) == 1 &&
         SSL_CTX_add_custom_ext(&context, kSctExtension, kWhere, nullptr, nullptr, nullptr,
                                NoteScts, nullptr) == 1;
}

// MakeInsecureContext is what looks are made from that no enforcer judges.
Result<SslContextPtr> MakeInsecureContext(Offer offer) {
  Result<SslContextPtr> context = MakeInsecureLookContext(offer);
  if (context && !SetUp(**context)) {
    return Error{Code::kTlsFailed, "the TLS library could not be set up"};
  }
  return context;
}

bool SetProtocols(SSL& ssl, Protocols protocols) {
  if (protocols == Protocols::kNone) return true;
  const ByteView names = AsBytes(protocols == Protocols::kHttp ? kHttpNames : kHttpOneName);
  // Alone of its family, it returns 0 for success.
  return SSL_set_alpn_protos(&ssl, names.data(), static_cast<unsigned>(names.size())) == 0;
}

// GroupOf is the group of the key exchange as people know it; empty where there was none.
std::string GroupOf(SSL* ssl) {
  EVP_PKEY* raw = nullptr;
  if (SSL_get_peer_tmp_key(ssl, &raw) != 1 || raw == nullptr) return {};
  struct FreeKey {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  };
  const std::unique_ptr<EVP_PKEY, FreeKey> key(raw);
  const char* const type = EVP_PKEY_get0_type_name(key.get());
  const std::string name = type != nullptr ? type : "";
  if (name == "DH") return "DH " + std::to_string(EVP_PKEY_get_bits(key.get()));
  if (name != "EC") return name;
  std::array<char, 64> curve{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key.get(), curve.data(), curve.size(), &size) != 1) return name;
  const std::string_view text(curve.data(), size);
  if (text == "prime256v1") return "P-256";
  if (text == "secp384r1") return "P-384";
  if (text == "secp521r1") return "P-521";
  return std::string(text);
}

// IsRsaExchange reports that the server proves its key by its Finished alone.
bool IsRsaExchange(const SSL* ssl) {
  const SSL_CIPHER* const suite = SSL_get_current_cipher(ssl);
  return suite == nullptr || SSL_CIPHER_get_kx_nid(suite) == NID_kx_rsa;
}

std::string AlpnOf(const SSL* ssl) {
  const unsigned char* bytes = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &bytes, &size);
  return bytes == nullptr ? std::string() : std::string(AsText(ByteView(bytes, size)));
}

Bytes StapleOf(SSL* ssl) {
  const unsigned char* bytes = nullptr;
  const long size = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);
  if (bytes == nullptr || size <= 0) return {};
  return Bytes(bytes, bytes + size);
}

}  // namespace

Result<net::SslPtr> LookContexts::MakeSsl(const Errand& errand, Offer offer,
                                          const std::string& server_name) {
  const auto index = static_cast<std::size_t>(offer);
  const tls::Enforcer* const enforcer = errand.settings->enforcer.get();
  SslContextPtr& context = (enforcer == nullptr ? contexts_ : enforced_)[index];
  if (!context) {
    Result<SslContextPtr> made =
        enforcer == nullptr ? MakeInsecureContext(offer) : MakeEnforcedContext(offer);
    if (!made) return made.error();
    context = *std::move(made);
  }
  if (enforcer == nullptr) return MakeInsecureLookSsl(*context, server_name);
  const Endpoint endpoint{errand.target->host, errand.target->port};
  return MakeEnforcedSsl(*context, server_name, *enforcer, endpoint);
}

HandshakeLook::HandshakeLook(net::EventLoop& loop, LookContexts& contexts, const Errand& errand,
                             const HandshakeOptions& options, Done done)
    : Attempt(loop, errand, std::move(done)),
      options_(options),
      ssl_(contexts.MakeSsl(errand, options.offer, options.server_name)) {
  facts_.offer = options.offer;
  if (!ssl_) return;
  SSL* const ssl = ssl_->get();
  SSL_set_app_data(ssl, &facts_.scts);
  if (options.keep_session || options.resume != nullptr) SSL_clear_options(ssl, SSL_OP_NO_TICKET);
  if (options.resume != nullptr) SSL_set_session(ssl, options.resume);
  options_.resume = nullptr;
  if (!SetProtocols(*ssl, options.protocols)) {
    ssl_ = Error{Code::kTlsFailed, "the TLS library could not be set up"};
  }
}

HandshakeLook::~HandshakeLook() = default;

void HandshakeLook::Begin(net::Socket socket) {
  if (!ssl_) return Fail(ssl_.error());
  stream_.emplace(std::move(socket), *std::move(ssl_));
  Enter(Phase::kHandshake, errand().settings->limits.handshake);
  Drive();
}

void HandshakeLook::Drive() {
  if (phase() == Phase::kRequest) return DriveRequest();
  const Result<net::TlsStream::Step> step = stream_->TryHandshake();
  if (step && *step != net::TlsStream::Step::kDone) return;
  // Also of a handshake that failed what came before is kept.
  shown_.presented = stream_->presented();
  facts_.proved = step.has_value() || (stream_->has_answered() && !IsRsaExchange(stream_->ssl()));
  Result<void> shaken = step ? Ok() : Result<void>(step.error());
  if (errand().settings->enforcer != nullptr) shaken = TakeVerdict(shaken);
  if (!shaken) return Fail(std::move(shaken).error());
  Collect();
  const bool http_one = facts_.alpn.empty() || facts_.alpn == "http/1.1";
  const bool refused = facts_.record != nullptr && !facts_.record->verdict.allowed();
  if (!options_.request || !http_one || refused) return Close();
  stream_->BoundReading(kMaxAfterHandshake);
  unsent_ =
      TextOf({.method = "HEAD", .host = std::string(errand().target->host.text()), .path = "/"});
  Enter(Phase::kRequest, errand().settings->limits.request);
  DriveRequest();
}

// TakeVerdict takes the verdict of a handshake that ended as `shaken` says. One that refuses is an
// answer like another; one that allows is worth nothing on a handshake that failed.
Result<void> HandshakeLook::TakeVerdict(const Result<void>& shaken) {
  const tls::ConnectionRecord* record = tls::RecordOf(stream_->ssl());
  const bool refused = record != nullptr && !record->verdict.allowed();
  if (!refused) {
    if (!shaken) return shaken;
    const Result<const tls::ConnectionRecord*> confirmed = tls::Confirm(stream_->ssl());
    if (!confirmed) return confirmed.error();
    record = *confirmed;
  }
  facts_.record = std::make_shared<const tls::ConnectionRecord>(*record);
  return Ok();
}

void HandshakeLook::Collect() {
  SSL* const ssl = stream_->ssl();
  facts_.version = stream_->version();
  facts_.suite = stream_->cipher();
  facts_.group = GroupOf(ssl);
  facts_.alpn = AlpnOf(ssl);
  facts_.resumed = SSL_session_reused(ssl) == 1;
  shown_.staple = StapleOf(ssl);
  ERR_clear_error();
}

void HandshakeLook::DriveRequest() {
  using Step = net::TlsStream::Step;
  while (!unsent_.empty()) {
    std::size_t count = 0;
    const Result<Step> step = stream_->TryWrite(AsBytes(unsent_), count);
    if (!step) return Fail(step.error());
    if (*step != Step::kDone) return;
    unsent_.erase(0, count);
  }
  std::array<std::uint8_t, 4096> chunk;
  while (answer_.size() < kMaxHead && answer_.find("\r\n\r\n") == std::string::npos) {
    std::size_t count = 0;
    const Result<Step> step = stream_->TryRead(chunk, count);
    if (step && *step != Step::kDone) return;
    if (!step && answer_.empty()) return Fail(step.error());
    // A peer that ends without a close_notify has still said what it said.
    if (!step || count == 0) break;
    answer_.append(AsText(ByteView(chunk).first(count)));
  }
  facts_.http = ReadHttpFacts(answer_);
  Close();
}

void HandshakeLook::Close() {
  if (options_.keep_session) {
    SessionPtr session(SSL_get1_session(stream_->ssl()));
    if (session && SSL_SESSION_is_resumable(session.get()) == 1) {
      shown_.session = std::move(session);
    }
  }
  stream_->Close();
  End();
}

LookFacts HandshakeLook::TakeFacts() {
  facts_.error = error();
  facts_.ended_in = phase();
  facts_.timings = timings();
  stream_.reset();
  return std::move(facts_);
}

}  // namespace cotter::probe
