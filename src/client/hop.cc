// SPDX-License-Identifier: Apache-2.0
#include "client/hop.h"

#include <algorithm>
#include <utility>

#include "client/engine.h"
#include "client/gate.h"
#include "client/profile.h"
#include "client/receive.h"
#include "client/redact.h"

namespace cotter::client {
namespace {

constexpr long kOn = 1;
constexpr long kOff = 0;

void SetCallbacks(Setter& set, Easy& easy) {
  for (const CURLoption data :
       {CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA,
        CURLOPT_SSL_CTX_DATA, CURLOPT_PREREQDATA, CURLOPT_SOCKOPTDATA, CURLOPT_DEBUGDATA,
        CURLOPT_XFERINFODATA, CURLOPT_PRIVATE}) {
    set(data, &easy);
  }
  set(CURLOPT_WRITEFUNCTION, OnBody);
  set(CURLOPT_HEADERFUNCTION, OnHeader);
  set(CURLOPT_READFUNCTION, OnSend);
  set(CURLOPT_SEEKFUNCTION, OnSeek);
  set(CURLOPT_SSL_CTX_FUNCTION, OnSslContext);
  set(CURLOPT_PREREQFUNCTION, OnReady);
  set(CURLOPT_SOCKOPTFUNCTION, OnSocket);
  set(CURLOPT_XFERINFOFUNCTION, OnProgress);
}

// SetTls leaves libcurl's own checks on, and gives it no roots: the verifier is the enforcer, and
// reading roots for it would be for nothing. Sessions are not kept by libcurl, which would resume
// them without asking anybody.
void SetTls(Setter& set, const Settings& settings) {
  const char* const none = nullptr;
  const long lowest = LowestVersion(settings.options.profile);
  set(CURLOPT_SSL_VERIFYPEER, kOn);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_CAINFO, none);
  set(CURLOPT_CAPATH, none);
  set(CURLOPT_SSLVERSION, lowest);
  set(CURLOPT_SSL_SESSIONID_CACHE, kOff);
  set(CURLOPT_SSL_ENABLE_ALPN, kOn);
  set(CURLOPT_PROXY_SSL_VERIFYPEER, kOn);
  set(CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
  set(CURLOPT_PROXY_CAINFO, none);
  set(CURLOPT_PROXY_CAPATH, none);
  set(CURLOPT_PROXY_SSLVERSION, lowest);
  set(CURLOPT_SSL_OPTIONS, kOriginMark);
  set(CURLOPT_PROXY_SSL_OPTIONS, kProxyMark);
}

long ProxyType(ProxyUrl::Kind kind) {
  switch (kind) {
    case ProxyUrl::Kind::kHttp:
      return CURLPROXY_HTTP;
    case ProxyUrl::Kind::kHttps:
      return CURLPROXY_HTTPS;
    case ProxyUrl::Kind::kSocks5:
      return CURLPROXY_SOCKS5;
    case ProxyUrl::Kind::kSocks5Hostname:
      return CURLPROXY_SOCKS5_HOSTNAME;
  }
  return CURLPROXY_HTTP;
}

// SetProxy reads no environment variable: an empty name is "no proxy" to libcurl, whatever
// https_proxy says.
void SetProxy(Setter& set, const Settings& settings) {
  set(CURLOPT_NOPROXY, "");
  if (!settings.proxy) {
    set(CURLOPT_PROXY, "");
    return;
  }
  const ProxyUrl& proxy = *settings.proxy;
  std::string host(proxy.endpoint.host.text());
  if (proxy.endpoint.host.kind() == HostName::Kind::kIpv6) host = "[" + host + "]";
  set(CURLOPT_PROXY, host.c_str());
  set(CURLOPT_PROXYPORT, static_cast<long>(proxy.endpoint.port));
  set(CURLOPT_PROXYTYPE, ProxyType(proxy.kind));
  if (!proxy.credentials) return;
  set(CURLOPT_PROXYUSERNAME, proxy.credentials->user.c_str());
  set(CURLOPT_PROXYPASSWORD, proxy.credentials->password.c_str());
}

void SetWays(Setter& set, const Settings& settings) {
  const Options& options = settings.options;
  set(CURLOPT_NOSIGNAL, kOn);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, kOff);
  set(CURLOPT_DISALLOW_USERNAME_IN_URL, kOn);
  set(CURLOPT_HTTP_VERSION, options.http2 ? static_cast<long>(CURL_HTTP_VERSION_2TLS)
                                          : static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, kOn);
  set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  if (options.decompress) set(CURLOPT_ACCEPT_ENCODING, "");
  if (!options.interface.empty()) set(CURLOPT_INTERFACE, options.interface.c_str());
  const auto connect = options.connect_timeout.count();
  // To libcurl 0 is its own 300 seconds.
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect == 0 ? 86'400'000 : connect));
}

// SetBody says what is sent. GET and HEAD with a body are custom requests to libcurl.
void SetBody(Setter& set, const Transfer& transfer) {
  const Request& request = transfer.request;
  const bool sends = transfer.sends_body;
  const bool head = transfer.method == "HEAD" && !sends;
  // Each of these sets libcurl's method: what an earlier hop set goes first, HEAD comes last.
  set(CURLOPT_POSTFIELDS, static_cast<const char*>(nullptr));
  set(CURLOPT_HTTPGET, kOn);
  curl_off_t size = -1;
  if (sends && request.source) {
    if (request.source_size) size = static_cast<curl_off_t>(*request.source_size);
    set(CURLOPT_UPLOAD, kOn);
    set(CURLOPT_INFILESIZE_LARGE, size);
  } else if (sends) {
    set(CURLOPT_POST, kOn);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (head) set(CURLOPT_NOBODY, kOn);
  const bool custom = !head && (sends || transfer.method != "GET");
  set(CURLOPT_CUSTOMREQUEST, custom ? transfer.method.c_str() : nullptr);
}

bool HasHeader(const Transfer& transfer, std::string_view name);

bool MakeHeaders(Transfer& transfer, const Settings& settings) {
  CurlListPtr list;
  bool good = true;
  const auto add = [&](const std::string& line) { good = good && Append(list, line); };
  for (const Header& header : transfer.headers) {
    // libcurl's spelling of a header without a value is a semicolon.
    add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  if (transfer.sends_body) {
    // No second round trip, and no form's type that nobody asked for.
    add("Expect:");
    if (!HasHeader(transfer, "content-type")) add("Content-Type:");
  }
  // As a header, so that no proxy reads it in a CONNECT.
  if (!settings.options.user_agent.empty() && !HasHeader(transfer, "user-agent")) {
    add("User-Agent: " + settings.options.user_agent);
  }
  transfer.hop.headers = std::move(list);
  return good;
}

bool HasHeader(const Transfer& transfer, std::string_view name) {
  return std::ranges::any_of(transfer.headers,
                             [&](const Header& header) { return SameName(header.name, name); });
}

// SetSecrets gives credentials and the client certificate to the origin that the caller meant, and
// takes them away for every other.
void SetSecrets(Setter& set, const Transfer& transfer, const Settings& settings) {
  const bool meant = !transfer.left_origin;
  const auto& credentials = transfer.first_url->credentials();
  set(CURLOPT_USERNAME, meant && credentials ? credentials->user.c_str() : nullptr);
  set(CURLOPT_PASSWORD, meant && credentials ? credentials->password.c_str() : nullptr);
  const auto& certificate = settings.options.client_certificate;
  if (!certificate) return;
  set(CURLOPT_SSLCERT, meant ? certificate->certificate.c_str() : nullptr);
  set(CURLOPT_SSLKEY, meant ? certificate->key.c_str() : nullptr);
  set(CURLOPT_KEYPASSWD, meant ? certificate->passphrase.c_str() : nullptr);
}

// IsPlain reports a GET with nothing of the caller's but its URL.
bool IsPlain(const Transfer& transfer, const Settings& settings) {
  return transfer.method == "GET" && !transfer.sends_body && transfer.headers.empty() &&
         !transfer.request.progress && transfer.request.connection == ConnectionUse::kShared &&
         !transfer.first_url->credentials() && !settings.options.client_certificate;
}

Result<void> Refused() { return Error{Code::kInternal, "libcurl refused an option"}; }

// SetUrl tells the handle the hop's URL as libcurl's object too, so that it is parsed once however
// often it is asked for: parsing is a quarter of what libcurl does for a request on a kept
// connection.
Result<void> SetUrl(Setter& set, Easy& easy, const std::shared_ptr<const Url>& url) {
  if (easy.url == url) return Ok();
  easy.url = nullptr;
  CurlUrlPtr parsed(Curl().url());
  if (!parsed || Curl().url_set(parsed.get(), CURLUPART_URL, url->text().c_str(), 0) != CURLUE_OK) {
    return Error{Code::kInternal, "no memory for a URL"};
  }
  set(CURLOPT_URL, url->text().c_str());
  set(CURLOPT_CURLU, parsed.get());
  easy.parsed = std::move(parsed);
  easy.url = url;
  return Ok();
}

// RemainingMilliseconds is what is left until the deadline, at least 1, or 0 for no limit.
long RemainingMilliseconds(const Transfer& transfer) {
  if (!transfer.deadline) return 0;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      *transfer.deadline - std::chrono::steady_clock::now());
  return std::max<long>(1, static_cast<long>(left.count()));
}

}  // namespace

std::unique_ptr<Easy> MakeEasy(const Settings& settings, const Lists& lists, CURLSH* cookies) {
  auto easy = std::make_unique<Easy>();
  easy->handle.reset(Curl().easy_init());
  if (!easy->handle) return nullptr;
  Setter set(easy->handle.get());
  set(CURLOPT_ERRORBUFFER, easy->error.data());
  SetCallbacks(set, *easy);
  SetTls(set, settings);
  SetProxy(set, settings);
  SetWays(set, settings);
  set(CURLOPT_RESOLVE, lists.resolve.get());
  set(CURLOPT_CONNECT_TO, lists.connect.get());
  if (cookies != nullptr) {
    set(CURLOPT_SHARE, cookies);
    set(CURLOPT_COOKIEFILE, "");  // turns cookies on; the file was read once
  }
  if (settings.options.logger) {
    set(CURLOPT_DEBUGFUNCTION, OnTrace);
    set(CURLOPT_VERBOSE, kOn);
  }
  return set.good() ? std::move(easy) : nullptr;
}

Result<void> ConfigureHop(Transfer& transfer, const Settings& settings) {
  Easy& easy = *transfer.hop.easy;
  easy.error[0] = '\0';
  easy.transfer = &transfer;
  Setter set(easy.handle.get());
  if (Result<void> told = SetUrl(set, easy, transfer.url); !told) return told;
  set(CURLOPT_TIMEOUT_MS, RemainingMilliseconds(transfer));
  const bool plain = IsPlain(transfer, settings);
  // A handle whose last hop was a plain GET needs nothing else told for another one.
  const bool told = std::exchange(easy.plain, plain) && plain;
  if (told) return set.good() ? Ok() : Refused();
  SetBody(set, transfer);
  if (!plain && !MakeHeaders(transfer, settings)) {
    return Error{Code::kInternal, "no memory for headers"};
  }
  // The list of a plain GET is the engine's own, and stays.
  set(CURLOPT_HTTPHEADER, plain ? transfer.engine.plain_headers() : transfer.hop.headers.get());
  SetSecrets(set, transfer, settings);
  const long own = transfer.request.connection == ConnectionUse::kOwn ? kOn : kOff;
  set(CURLOPT_FRESH_CONNECT, own);
  set(CURLOPT_FORBID_REUSE, own);
  set(CURLOPT_NOPROGRESS, transfer.request.progress ? kOff : kOn);
  return set.good() ? Ok() : Refused();
}

std::string PeerText(std::string_view address, long port) {
  std::string text;
  if (address.empty()) return text;
  const bool v6 = address.find(':') != std::string_view::npos;
  text.append(v6 ? "[" : "").append(address).append(v6 ? "]:" : ":");
  return text + std::to_string(port);
}

std::string PeerOf(CURL* easy) {
  char* address = nullptr;
  long port = 0;
  if (Curl().easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address) != CURLE_OK || address == nullptr ||
      Curl().easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port) != CURLE_OK) {
    return {};
  }
  return PeerText(address, port);
}

}  // namespace cotter::client
