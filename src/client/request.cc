// SPDX-License-Identifier: Apache-2.0
#include "client/request.h"

#include <algorithm>
#include <utility>

#include "client/engine.h"
#include "client/redact.h"

namespace cotter::client {
namespace {

constexpr std::size_t kMaxMethodLength = 32;

constexpr std::string_view kOwnHeaders[] = {
    "host", "content-length", "transfer-encoding", "proxy-authorization", "connection", "upgrade"};

constexpr std::string_view kCrossing[] = {
    "accept",     "accept-charset",    "accept-language", "cache-control",       "content-type",
    "if-match",   "if-modified-since", "if-none-match",   "if-unmodified-since", "range",
    "user-agent", "content-language",
};

bool IsIn(std::span<const std::string_view> names, std::string_view name) noexcept {
  return std::ranges::any_of(names, [&](std::string_view one) { return SameName(one, name); });
}

Error Unsound(std::string what) { return Error{Code::kUsage, std::move(what)}; }

Result<void> CheckHeader(const Header& header) {
  if (!IsToken(header.name)) return Unsound("the name of a header is not a token");
  if (IsIn(kOwnHeaders, header.name)) {
    return Unsound("the header " + header.name + " is the client's own");
  }
  const bool sound = std::ranges::all_of(header.value, [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7F);
  });
  if (!sound) return Unsound("the value of " + header.name + " holds a control character");
  return Ok();
}

}  // namespace

bool IsToken(std::string_view text) noexcept {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool MayCross(std::string_view name) noexcept { return IsIn(kCrossing, name); }

bool IsIdempotent(std::string_view method) noexcept {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" ||
         method == "PUT" || method == "DELETE";
}

Result<void> PrepareRequest(Transfer& transfer) {
  const Request& request = transfer.request;
  if (!IsToken(request.method) || request.method.size() > kMaxMethodLength) {
    return Unsound("the method is not a token");
  }
  if (request.method == "CONNECT") return Unsound("CONNECT is for proxies: set one");
  for (const Header& header : request.headers) {
    if (Result<void> sound = CheckHeader(header); !sound) return sound;
  }
  if (request.source && !request.body.empty()) return Unsound("a request has one body");
  if (request.timeout && request.timeout->count() < 0) return Unsound("a time-out is below 0");
  Result<std::shared_ptr<const Url>> url = transfer.engine.ReadUrl(request.url);
  if (!url) return url.error();
  transfer.first_url = *std::move(url);
  transfer.url = transfer.first_url;
  transfer.method = request.method;
  transfer.headers = request.headers;
  // A method that means a body has one, even of no bytes (RFC 9110, 8.6).
  transfer.sends_body = request.source || !request.body.empty() || request.method == "POST" ||
                        request.method == "PUT" || request.method == "PATCH";
  return Ok();
}

}  // namespace cotter::client
