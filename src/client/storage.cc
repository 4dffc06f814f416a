// SPDX-License-Identifier: Apache-2.0
#include "client/storage.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"

namespace cotter::client {
namespace {

constexpr unsigned kOwnerOnly = 0600;

// The fields of a line: domain, subdomains, path, secure, expires, name, value.
constexpr std::ptrdiff_t kTabs = 6;
constexpr std::string_view kHttpOnly = "#HttpOnly_";

// Absent reports that there is no file yet.
bool Absent(const std::string& path) {
  std::error_code error;
  return std::filesystem::symlink_status(path, error).type() ==
         std::filesystem::file_type::not_found;
}

bool IsCookieLine(std::string_view line) {
  if (line.empty() || (line.front() == '#' && !line.starts_with(kHttpOnly))) return true;
  const bool text = std::ranges::all_of(
      line, [](char c) { return c == '\t' || static_cast<unsigned char>(c) >= ' '; });
  return text && std::ranges::count(line, '\t') == kTabs;
}

}  // namespace

Result<void> CheckCookies(std::string_view text) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!IsCookieLine(line)) {
      return Error{Code::kFormatMalformed,
                   "line " + std::to_string(number) + ": expected seven fields with tabs between"};
    }
  }
  return Ok();
}

Result<CurlSharePtr> OpenCookies(const std::string& path) {
  CurlSharePtr jar(Curl().share_init());
  const CurlPtr easy(Curl().easy_init());
  const bool made =
      jar && easy &&
      Curl().share_setopt(jar.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE) == CURLSHE_OK &&
      Curl().easy_setopt(easy.get(), CURLOPT_SHARE, jar.get()) == CURLE_OK;
  if (!made) return Error{Code::kInternal, "no memory for cookies"};
  if (path.empty() || Absent(path)) return jar;
  const Result<base::FileImage> file = base::ReadFile(path, kMaxCookieFileSize);
  if (!file) return file.error();
  if (const Result<void> sound = CheckCookies(AsText(file->bytes())); !sound) {
    return Error{sound.error().code, path + ": " + sound.error().message};
  }
  const bool read = Curl().easy_setopt(easy.get(), CURLOPT_COOKIEFILE, path.c_str()) == CURLE_OK &&
                    Curl().easy_setopt(easy.get(), CURLOPT_COOKIELIST, "RELOAD") == CURLE_OK;
  if (!read) return Error{Code::kFileUnreadable, path + ": libcurl cannot read it"};
  return jar;
}

Result<void> WriteCookies(const std::string& path, CURLSH* jar) {
  if (path.empty()) return Ok();
  const CurlPtr easy(Curl().easy_init());
  curl_slist* lines = nullptr;
  const bool listed = easy && Curl().easy_setopt(easy.get(), CURLOPT_SHARE, jar) == CURLE_OK &&
                      Curl().easy_getinfo(easy.get(), CURLINFO_COOKIELIST, &lines) == CURLE_OK;
  const CurlListPtr owner(lines);
  if (!listed) return Error{Code::kInternal, "no memory for cookies"};
  std::string text = "# Netscape HTTP Cookie File\n";
  for (const curl_slist* line = lines; line != nullptr; line = line->next) {
    text.append(line->data).append("\n");
  }
  return base::WriteFileAtomically(path, AsBytes(text), kOwnerOnly);
}

Result<void> ReadHsts(const std::string& path, HstsStore& store) {
  if (path.empty() || Absent(path)) return Ok();
  const Result<base::FileImage> file = base::ReadFile(path, kMaxHstsFileSize);
  if (!file) return file.error();
  if (const Result<void> read = store.Read(AsText(file->bytes())); !read) {
    return Error{read.error().code, path + ": " + read.error().message};
  }
  return Ok();
}

Result<void> WriteHsts(const std::string& path, const HstsStore& store, Time now) {
  if (path.empty()) return Ok();
  return base::WriteFileAtomically(path, AsBytes(store.Write(now)), kOwnerOnly);
}

}  // namespace cotter::client
