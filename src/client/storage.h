// SPDX-License-Identifier: Apache-2.0
//
// The files of cookies and HSTS hosts. Cookies are libcurl's to keep, by RFC 6265 and the public
// suffix list; their file is Netscape's format, which curl reads too. An empty path is memory
// alone, and a file that is not there yet is an empty one. Of the driving thread.
#pragma once

#include <string>
#include <string_view>

#include "client/curl_library.h"
#include "client/hsts.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::client {

// A jar of this size holds more cookies than libcurl keeps.
inline constexpr std::size_t kMaxCookieFileSize = std::size_t{16} << 20;

// CheckCookies reports the first line that is no cookie, comment or empty line. libcurl would pass
// over it in silence, and over the rest of a file that is damaged. Fails with kFormatMalformed.
[[nodiscard]] Result<void> CheckCookies(std::string_view text);

// OpenCookies makes a jar from the file at `path`. Fails with kFileUnreadable, kFileTooLarge,
// kFormatMalformed, kInternal.
[[nodiscard]] Result<CurlSharePtr> OpenCookies(const std::string& path);

// WriteCookies replaces the file by what is in `jar`, mode 0600. Fails with kFileUnreadable.
[[nodiscard]] Result<void> WriteCookies(const std::string& path, CURLSH* jar);

// ReadHsts adds the file's hosts to `store`. Fails with kFileUnreadable, kFileTooLarge,
// kFormatMalformed.
[[nodiscard]] Result<void> ReadHsts(const std::string& path, HstsStore& store);

// WriteHsts replaces the file by what is in `store`, mode 0600. Fails with kFileUnreadable.
[[nodiscard]] Result<void> WriteHsts(const std::string& path, const HstsStore& store, Time now);

}  // namespace cotter::client
