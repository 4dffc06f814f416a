// SPDX-License-Identifier: Apache-2.0
//
// libcurl, loaded when the first client is made: it brings two dozen libraries with it, which a
// program that makes no request should not wait for. A call is curl_library's function of the same
// name without "curl_". Safe from any thread.
#pragma once

// The macros that check the types of options are for calls by the functions' own names.
#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>
#include <memory>
#include <string>

#include <cotter/result.h>

namespace cotter::client {

// CurlLibrary is what is used of libcurl.
struct CurlLibrary {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_version_info) version_info = nullptr;
  decltype(&curl_free) free = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  CURLcode (*easy_setopt)(CURL*, CURLoption, ...) = nullptr;
  CURLcode (*easy_getinfo)(CURL*, CURLINFO, ...) = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_pause) easy_pause = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_multi_init) multi_init = nullptr;
  decltype(&curl_multi_cleanup) multi_cleanup = nullptr;
  decltype(&curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&curl_multi_perform) multi_perform = nullptr;
  decltype(&curl_multi_poll) multi_poll = nullptr;
  decltype(&curl_multi_fdset) multi_fdset = nullptr;
  decltype(&curl_multi_wakeup) multi_wakeup = nullptr;
  decltype(&curl_multi_info_read) multi_info_read = nullptr;
  CURLMcode (*multi_setopt)(CURLM*, CURLMoption, ...) = nullptr;
  decltype(&curl_share_init) share_init = nullptr;
  CURLSHcode (*share_setopt)(CURLSH*, CURLSHoption, ...) = nullptr;
  decltype(&curl_share_cleanup) share_cleanup = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
  decltype(&curl_url) url = nullptr;
  decltype(&curl_url_cleanup) url_cleanup = nullptr;
  decltype(&curl_url_dup) url_dup = nullptr;
  decltype(&curl_url_get) url_get = nullptr;
  decltype(&curl_url_set) url_set = nullptr;
};

// LoadCurl loads libcurl once. Fails with kInternal where it is missing, has another TLS library
// than OpenSSL, or lacks public suffixes.
[[nodiscard]] Result<void> LoadCurl();

// Curl is the library, after LoadCurl has succeeded.
[[nodiscard]] const CurlLibrary& Curl() noexcept;

// Setter sets options of a handle, which outlives it, and remembers whether one was refused. For
// one thread.
class Setter {
 public:
  explicit Setter(CURL* easy) : easy_(easy) {}

  template <typename Value>
  void operator()(CURLoption option, Value value) {
    good_ = good_ && Curl().easy_setopt(easy_, option, value) == CURLE_OK;
  }

  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  CURL* easy_;
  bool good_ = true;
};

// Owners of libcurl's objects.
struct CurlDeleter {
  void operator()(CURL* easy) const noexcept { Curl().easy_cleanup(easy); }
};
struct CurlMultiDeleter {
  void operator()(CURLM* multi) const noexcept { static_cast<void>(Curl().multi_cleanup(multi)); }
};
struct CurlShareDeleter {
  void operator()(CURLSH* share) const noexcept { static_cast<void>(Curl().share_cleanup(share)); }
};
struct CurlListDeleter {
  void operator()(curl_slist* list) const noexcept { Curl().slist_free_all(list); }
};
struct CurlUrlDeleter {
  void operator()(CURLU* url) const noexcept { Curl().url_cleanup(url); }
};
struct CurlTextDeleter {
  void operator()(char* text) const noexcept { Curl().free(text); }
};

// CURL and CURLM are both void to libcurl; the deleters keep the owners apart.
using CurlPtr = std::unique_ptr<CURL, CurlDeleter>;
using CurlMultiPtr = std::unique_ptr<CURLM, CurlMultiDeleter>;
using CurlSharePtr = std::unique_ptr<CURLSH, CurlShareDeleter>;
using CurlListPtr = std::unique_ptr<curl_slist, CurlListDeleter>;
using CurlUrlPtr = std::unique_ptr<CURLU, CurlUrlDeleter>;
using CurlTextPtr = std::unique_ptr<char, CurlTextDeleter>;

// Append adds `text` to `list`. False where there is no memory; the list is as it was.
[[nodiscard]] bool Append(CurlListPtr& list, const std::string& text);

}  // namespace cotter::client
