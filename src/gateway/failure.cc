// SPDX-License-Identifier: Apache-2.0
#include "gateway/failure.h"

#include "base/log.h"

namespace cotter::gateway {

using base::AppendJsonString;

std::string_view ReasonPhrase(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

Failure FailureOf(const Error& error) {
  Failure failure{.status = error.code == Code::kConnectTimeout ? 504 : 502,
                  .code = std::string(NameOf(error.code)),
                  .message = error.message};
  for (char& c : failure.code) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return failure;
}

std::string FailureResponse(const Failure& failure, bool close, bool is_head) {
  std::string body = "{\"error\":{\"code\":";
  AppendJsonString(body, failure.code);
  body += ",\"message\":";
  AppendJsonString(body, failure.message);
  body += "}}\n";
  std::string response = "HTTP/1.1 " + std::to_string(failure.status) + " ";
  response += ReasonPhrase(failure.status);
  response += "\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n";
  if (close) response += "Connection: close\r\n";
  response += "\r\n";
  if (!is_head) response += body;
  return response;
}

}  // namespace cotter::gateway
