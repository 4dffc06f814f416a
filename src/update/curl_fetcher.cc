// SPDX-License-Identifier: Apache-2.0
#include "update/curl_fetcher.h"

#include <array>
#include <curl/curl.h>
#include <utility>

namespace cotter::update {
namespace {

constexpr long kConnectSeconds = 10;
constexpr long kMaxRedirections = 3;

// Slow retrieval: a server below this speed for so long is given up.
constexpr long kLeastBytesPerSecond = 1000;
constexpr long kSlowSeconds = 10;

// The longest that anything may take: the largest target at a slow mobile link's speed.
constexpr long kMostSeconds = 3600;

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

bool IsAbsent(long status) { return status == 403 || status == 404 || status == 410; }

}  // namespace

struct CurlFetcher::Handle {
  CURL* curl = nullptr;
  std::string roots;
  const char* protocols = nullptr;
};

CurlFetcher::CurlFetcher(Cleartext cleartext, std::string roots)
    : handle_(std::make_unique<Handle>()) {
  handle_->curl = curl_easy_init();
  handle_->roots = std::move(roots);
  handle_->protocols = cleartext == Cleartext::kInsecureAllow ? "https,http" : "https";
}

CurlFetcher::~CurlFetcher() { curl_easy_cleanup(handle_->curl); }

Result<std::optional<std::string>> CurlFetcher::Fetch(const std::string& url, std::size_t limit) {
  CURL* curl = handle_->curl;
  if (curl == nullptr) return Error{Code::kFetchFailed, "libcurl does not start"};
  Body body;
  body.limit = limit;
  std::array<char, CURL_ERROR_SIZE> why{};
  curl_easy_reset(curl);  // keeps connections
  const auto set = [curl](CURLoption option, auto value) {
    return curl_easy_setopt(curl, option, value) == CURLE_OK;
  };
  const bool ready =
      set(CURLOPT_URL, url.c_str()) && set(CURLOPT_PROTOCOLS_STR, handle_->protocols) &&
      set(CURLOPT_REDIR_PROTOCOLS_STR, handle_->protocols) && set(CURLOPT_PATH_AS_IS, 1L) &&
      set(CURLOPT_FOLLOWLOCATION, 1L) && set(CURLOPT_MAXREDIRS, kMaxRedirections) &&
      set(CURLOPT_NOSIGNAL, 1L) && set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds) &&
      set(CURLOPT_LOW_SPEED_LIMIT, kLeastBytesPerSecond) &&
      set(CURLOPT_LOW_SPEED_TIME, kSlowSeconds) && set(CURLOPT_TIMEOUT, kMostSeconds) &&
      set(CURLOPT_USERAGENT, "cotter-update") && set(CURLOPT_ERRORBUFFER, why.data()) &&
      set(CURLOPT_WRITEFUNCTION, &Receive) && set(CURLOPT_WRITEDATA, static_cast<void*>(&body)) &&
      (handle_->roots.empty() || set(CURLOPT_CAINFO, handle_->roots.c_str()));
  if (!ready) return Error{Code::kFetchFailed, url + ": libcurl does not take it"};
  const CURLcode result = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);  // it goes out of scope
  if (IsAbsent(status)) return std::optional<std::string>();
  if (body.over && status == 200) {
    return Error{Code::kFileTooLarge, url + ": longer than " + std::to_string(limit) + " bytes"};
  }
  if (result != CURLE_OK) {
    return Error{Code::kFetchFailed,
                 url + ": " + (why[0] != '\0' ? why.data() : curl_easy_strerror(result))};
  }
  if (status != 200) {
    return Error{Code::kFetchFailed, url + ": the server answered " + std::to_string(status)};
  }
  return std::optional<std::string>(std::move(body.content));
}

}  // namespace cotter::update
