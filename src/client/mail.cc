// SPDX-License-Identifier: Apache-2.0
#include "client/mail.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "client/curl_library.h"

namespace cotter::client {
namespace {

// Session is what libcurl's callbacks work with; they run on the calling thread.
struct Session {
  const tls::Enforcer* enforcer;
  Endpoint endpoint;
  std::string_view left;
  std::optional<Error> refusal;
};

std::size_t OnRead(char* buffer, std::size_t size, std::size_t count, void* user) {
  Session& session = *static_cast<Session*>(user);
  const std::size_t taken = std::min(size * count, session.left.size());
  std::memcpy(buffer, session.left.data(), taken);
  session.left.remove_prefix(taken);
  return taken;
}

std::size_t OnAnswer(char* /*text*/, std::size_t size, std::size_t count, void* /*user*/) {
  return size * count;
}

CURLcode OnContext(CURL* /*easy*/, void* context, void* user) try {
  Session& session = *static_cast<Session*>(user);
  const Result<void> attached = session.enforcer->AttachContext(
      static_cast<ssl_ctx_st*>(context),
      {.endpoint = session.endpoint, .on_record = [user](const tls::ConnectionRecord& record) {
         if (record.verdict.allowed()) return;
         static_cast<Session*>(user)->refusal =
             Error{record.code.value_or(Code::kTlsFailed), record.message};
       }});
  if (attached) return CURLE_OK;
  session.refusal = attached.error();
  return CURLE_SSL_CONNECT_ERROR;
} catch (...) {
  return CURLE_OUT_OF_MEMORY;
}

// EndpointOf reads the server out of the URL.
Result<Endpoint> EndpointOf(const std::string& url) {
  constexpr std::uint16_t kSmtp = 25;
  constexpr std::uint16_t kSmtps = 465;
  const bool is_tls = url.starts_with("smtps://");
  if (!is_tls && !url.starts_with("smtp://")) {
    return Error{Code::kUsage, "expected smtps://HOST or smtp://HOST"};
  }
  std::string_view rest = std::string_view(url).substr(url.find("://") + 3);
  rest = rest.substr(0, rest.find('/'));
  std::uint16_t port = is_tls ? kSmtps : kSmtp;
  const std::size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos) {
    const Result<std::uint16_t> number = ParsePort(rest.substr(colon + 1));
    if (!number) return number.error();
    port = *number;
    rest = rest.substr(0, colon);
  }
  Result<HostName> host = HostName::Parse(rest);
  if (!host) return host.error();
  return Endpoint{*std::move(host), port};
}

Code CodeOf(CURLcode result) {
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return Code::kDnsFailed;
    case CURLE_COULDNT_CONNECT:
      return Code::kConnectRefused;
    case CURLE_OPERATION_TIMEDOUT:
      return Code::kConnectTimeout;
    case CURLE_USE_SSL_FAILED:
      return Code::kStarttlsRefused;
    case CURLE_SSL_CONNECT_ERROR:
      return Code::kTlsFailed;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return Code::kConnectionClosed;
    default:
      return Code::kHttpFailed;
  }
}

void SetServer(Setter& set, const MailServer& server, Session& session) {
  const char* const none = nullptr;
  constexpr long kOn = 1;
  set(CURLOPT_NOSIGNAL, kOn);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  set(CURLOPT_URL, server.url.c_str());
  set(CURLOPT_TIMEOUT, static_cast<long>(server.timeout.count()));
  const long tls = server.cleartext == MailCleartext::kRefused ? CURLUSESSL_ALL : CURLUSESSL_TRY;
  set(CURLOPT_USE_SSL, tls);
  // libcurl's own checks stay on, and get no roots: the verifier is the enforcer.
  set(CURLOPT_CAINFO, none);
  set(CURLOPT_CAPATH, none);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
  set(CURLOPT_SSL_CTX_FUNCTION, OnContext);
  set(CURLOPT_SSL_CTX_DATA, &session);
  if (!server.user.empty()) {
    set(CURLOPT_USERNAME, server.user.c_str());
    set(CURLOPT_PASSWORD, server.password.c_str());
  }
}

}  // namespace

Result<void> SendMail(const MailServer& server, const MailMessage& mail,
                      const tls::Enforcer& enforcer) {
  if (Result<void> loaded = LoadCurl(); !loaded) return loaded;
  Result<Endpoint> endpoint = EndpointOf(server.url);
  if (!endpoint) return endpoint.error();
  const CurlPtr easy(Curl().easy_init());
  if (!easy) return Error{Code::kInternal, "libcurl has no memory"};
  Session session{&enforcer, *std::move(endpoint), mail.text, std::nullopt};
  CurlListPtr receivers;
  bool listed = true;
  for (const std::string& address : mail.to) {
    listed = listed && Append(receivers, "<" + address + ">");
  }
  std::array<char, CURL_ERROR_SIZE> why{};
  Setter set(easy.get());
  SetServer(set, server, session);
  const std::string from = "<" + mail.from + ">";
  set(CURLOPT_MAIL_FROM, from.c_str());
  set(CURLOPT_MAIL_RCPT, receivers.get());
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_READFUNCTION, OnRead);
  set(CURLOPT_READDATA, &session);
  set(CURLOPT_WRITEFUNCTION, OnAnswer);
  set(CURLOPT_ERRORBUFFER, why.data());
  if (!set.good() || !listed) return Error{Code::kInternal, "libcurl refuses an option"};
  const CURLcode result = Curl().easy_perform(easy.get());
  if (result == CURLE_OK) return Ok();
  if (session.refusal) return *session.refusal;
  const std::string text(why.data());
  return Error{CodeOf(result), text.empty() ? Curl().easy_strerror(result) : text};
}

}  // namespace cotter::client
