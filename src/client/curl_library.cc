// SPDX-License-Identifier: Apache-2.0
#include "client/curl_library.h"

#include <string_view>

#include "base/late_library.h"

namespace cotter::client {
namespace {

// Loaded is the library and what is wrong with it.
struct Loaded {
  CurlLibrary curl;
  std::string fault;

  Loaded() {
    const base::LateLibrary library("libcurl.so.4");
    if (!library.loaded()) {
      fault = "libcurl.so.4 cannot be loaded: install libcurl4";
    } else if (!FindEasy(library) || !FindMulti(library) || !FindRest(library)) {
      fault = "libcurl.so.4 is older than 7.88";
    } else if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      fault = "libcurl cannot be initialised";
    } else {
      fault = FindFault(*curl.version_info(CURLVERSION_NOW));
    }
  }

  bool FindEasy(const base::LateLibrary& library) {
    return library.Find("curl_easy_init", curl.easy_init) &&
           library.Find("curl_easy_cleanup", curl.easy_cleanup) &&
           library.Find("curl_easy_setopt", curl.easy_setopt) &&
           library.Find("curl_easy_getinfo", curl.easy_getinfo) &&
           library.Find("curl_easy_perform", curl.easy_perform) &&
           library.Find("curl_easy_pause", curl.easy_pause) &&
           library.Find("curl_easy_strerror", curl.easy_strerror);
  }

  bool FindMulti(const base::LateLibrary& library) {
    return library.Find("curl_multi_init", curl.multi_init) &&
           library.Find("curl_multi_cleanup", curl.multi_cleanup) &&
           library.Find("curl_multi_add_handle", curl.multi_add_handle) &&
           library.Find("curl_multi_remove_handle", curl.multi_remove_handle) &&
           library.Find("curl_multi_perform", curl.multi_perform) &&
           library.Find("curl_multi_poll", curl.multi_poll) &&
           library.Find("curl_multi_fdset", curl.multi_fdset) &&
           library.Find("curl_multi_wakeup", curl.multi_wakeup) &&
           library.Find("curl_multi_info_read", curl.multi_info_read) &&
           library.Find("curl_multi_setopt", curl.multi_setopt);
  }

  bool FindRest(const base::LateLibrary& library) {
    return library.Find("curl_global_init", curl.global_init) &&
           library.Find("curl_version_info", curl.version_info) &&
           library.Find("curl_free", curl.free) &&
           library.Find("curl_share_init", curl.share_init) &&
           library.Find("curl_share_setopt", curl.share_setopt) &&
           library.Find("curl_share_cleanup", curl.share_cleanup) &&
           library.Find("curl_slist_append", curl.slist_append) &&
           library.Find("curl_slist_free_all", curl.slist_free_all) &&
           library.Find("curl_url", curl.url) &&
           library.Find("curl_url_cleanup", curl.url_cleanup) &&
           library.Find("curl_url_dup", curl.url_dup) &&
           library.Find("curl_url_get", curl.url_get) && library.Find("curl_url_set", curl.url_set);
  }

  // The context function hands over OpenSSL's own object, so the TLS library must be that one, in
  // the major version this is compiled for. Without public suffixes the cookie jar would take a
  // cookie for all of "co.uk".
  static std::string FindFault(const curl_version_info_data& info) {
    const std::string_view tls = info.ssl_version == nullptr ? "" : info.ssl_version;
    constexpr unsigned kOldest = 0x075800;  // 7.88.0
    if (info.version_num < kOldest) return "libcurl is older than 7.88";
    if (!tls.starts_with("OpenSSL/3.")) return "libcurl does not use OpenSSL 3";
    if ((info.features & CURL_VERSION_PSL) == 0) return "libcurl does not know public suffixes";
    if ((info.features & CURL_VERSION_HTTPS_PROXY) == 0) return "libcurl knows no HTTPS proxies";
    return {};
  }
};

const Loaded& Library() {
  static const Loaded loaded;
  return loaded;
}

}  // namespace

Result<void> LoadCurl() {
  const Loaded& loaded = Library();
  if (!loaded.fault.empty()) return Error{Code::kInternal, loaded.fault};
  return Ok();
}

const CurlLibrary& Curl() noexcept { return Library().curl; }

bool Append(CurlListPtr& list, const std::string& text) {
  curl_slist* const longer = Curl().slist_append(list.get(), text.c_str());
  if (longer == nullptr) return false;
  static_cast<void>(list.release());
  list.reset(longer);
  return true;
}

}  // namespace cotter::client
