// SPDX-License-Identifier: Apache-2.0
#include "update/curl_fetcher.h"

#include <array>
#include <utility>

// The macros that check the types of options are for calls by the functions' own names.
#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>

#include "base/late_library.h"

namespace cotter::update {
namespace {

constexpr long kConnectSeconds = 10;
constexpr long kMaxRedirections = 3;

// Slow retrieval: a server below this speed for so long is given up.
constexpr long kLeastBytesPerSecond = 1000;
constexpr long kSlowSeconds = 10;

// The longest that anything may take: the largest target at a slow mobile link's speed.
constexpr long kMostSeconds = 3600;

// What connecting, TLS and redirections may take besides the body.
constexpr long kBeforeBodySeconds = 60;

long SecondsFor(std::size_t limit) {
  const std::size_t body = limit / static_cast<std::size_t>(kLeastBytesPerSecond);
  return body < static_cast<std::size_t>(kMostSeconds - kBeforeBodySeconds)
             ? kBeforeBodySeconds + static_cast<long>(body)
             : kMostSeconds;
}

// Library is what is used of libcurl. It is loaded by the first fetch: it brings two dozen
// libraries with it, which a program that fetches nothing should not wait for. It stays loaded.
struct Library {
  decltype(&curl_easy_init) init = nullptr;
  decltype(&curl_easy_cleanup) cleanup = nullptr;
  decltype(&curl_easy_reset) reset = nullptr;
  decltype(&curl_easy_perform) perform = nullptr;
  decltype(&curl_easy_strerror) strerror = nullptr;
  CURLcode (*setopt)(CURL*, CURLoption, ...) = nullptr;
  CURLcode (*getinfo)(CURL*, CURLINFO, ...) = nullptr;
  bool loaded = false;
};

Library Load() {
  const base::LateLibrary curl("libcurl.so.4");
  Library library;
  library.loaded = curl.loaded() && curl.Find("curl_easy_init", library.init) &&
                   curl.Find("curl_easy_cleanup", library.cleanup) &&
                   curl.Find("curl_easy_reset", library.reset) &&
                   curl.Find("curl_easy_perform", library.perform) &&
                   curl.Find("curl_easy_strerror", library.strerror) &&
                   curl.Find("curl_easy_setopt", library.setopt) &&
                   curl.Find("curl_easy_getinfo", library.getinfo);
  return library;
}

const Library& Curl() {
  static const Library library = Load();
  return library;
}

struct Body {
  std::string content;
  std::size_t limit = 0;
  bool over = false;
};

std::size_t Receive(const char* data, std::size_t size, std::size_t count, void* into) {
  Body& body = *static_cast<Body*>(into);
  const std::size_t length = size * count;
  if (length > body.limit - body.content.size()) {
    body.over = true;
    return 0;
  }
  body.content.append(data, length);
  return length;
}

// Whoever waits for the end of a fetch does so no longer than between two calls of this: a second.
int Watch(const void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

bool IsAbsent(long status) { return status == 403 || status == 404 || status == 410; }

}  // namespace

struct CurlFetcher::Handle {
  CURL* curl = nullptr;
  std::string roots;
  const char* protocols = nullptr;
  std::shared_ptr<const std::atomic<bool>> stop;
};

CurlFetcher::CurlFetcher(Cleartext cleartext, std::string roots,
                         std::shared_ptr<const std::atomic<bool>> stop)
    : handle_(std::make_unique<Handle>()) {
  if (Curl().loaded) handle_->curl = Curl().init();
  handle_->roots = std::move(roots);
  handle_->stop = std::move(stop);
  handle_->protocols = cleartext == Cleartext::kInsecureAllow ? "https,http" : "https";
}

CurlFetcher::~CurlFetcher() {
  if (handle_->curl != nullptr) Curl().cleanup(handle_->curl);
}

Result<std::optional<std::string>> CurlFetcher::Fetch(const std::string& url, std::size_t limit) {
  CURL* curl = handle_->curl;
  if (curl == nullptr) return Error{Code::kFetchFailed, "libcurl is missing or does not start"};
  Body body;
  body.limit = limit;
  std::array<char, CURL_ERROR_SIZE> why{};
  Curl().reset(curl);  // keeps connections
  const auto set = [curl](CURLoption option, auto value) {
    return Curl().setopt(curl, option, value) == CURLE_OK;
  };
  const bool ready =
      set(CURLOPT_URL, url.c_str()) && set(CURLOPT_PROTOCOLS_STR, handle_->protocols) &&
      set(CURLOPT_REDIR_PROTOCOLS_STR, handle_->protocols) && set(CURLOPT_PATH_AS_IS, 1L) &&
      set(CURLOPT_FOLLOWLOCATION, 1L) && set(CURLOPT_MAXREDIRS, kMaxRedirections) &&
      set(CURLOPT_NOSIGNAL, 1L) && set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds) &&
      set(CURLOPT_LOW_SPEED_LIMIT, kLeastBytesPerSecond) &&
      set(CURLOPT_LOW_SPEED_TIME, kSlowSeconds) && set(CURLOPT_TIMEOUT, SecondsFor(limit)) &&
      set(CURLOPT_USERAGENT, "cotter-update") && set(CURLOPT_ERRORBUFFER, why.data()) &&
      set(CURLOPT_WRITEFUNCTION, &Receive) && set(CURLOPT_WRITEDATA, static_cast<void*>(&body)) &&
      (handle_->stop == nullptr ||
       // Nor is a name server that does not answer waited for.
       (set(CURLOPT_QUICK_EXIT, 1L) && set(CURLOPT_NOPROGRESS, 0L) &&
        set(CURLOPT_XFERINFOFUNCTION, &Watch) &&
        set(CURLOPT_XFERINFODATA, static_cast<const void*>(handle_->stop.get())))) &&
      (handle_->roots.empty() || set(CURLOPT_CAINFO, handle_->roots.c_str()));
  if (!ready) return Error{Code::kFetchFailed, url + ": libcurl does not take it"};
  const CURLcode result = Curl().perform(curl);
  long status = 0;
  Curl().getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  Curl().setopt(curl, CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr));  // it goes out of scope
  if (IsAbsent(status)) return std::optional<std::string>();
  if (body.over && status == 200) {
    return Error{Code::kFileTooLarge, url + ": longer than " + std::to_string(limit) + " bytes"};
  }
  if (result != CURLE_OK) {
    return Error{Code::kFetchFailed,
                 url + ": " + (why[0] != '\0' ? why.data() : Curl().strerror(result))};
  }
  if (status != 200) {
    return Error{Code::kFetchFailed, url + ": the server answered " + std::to_string(status)};
  }
  return std::optional<std::string>(std::move(body.content));
}

}  // namespace cotter::update
