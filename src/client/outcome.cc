// SPDX-License-Identifier: Apache-2.0
#include "client/outcome.h"

#include <cerrno>

namespace cotter::client {
namespace {

std::string VersionText(long version) {
  switch (version) {
    case CURL_HTTP_VERSION_1_0:
      return "1.0";
    case CURL_HTTP_VERSION_1_1:
      return "1.1";
    case CURL_HTTP_VERSION_2_0:
      return "2";
    default:
      return {};
  }
}

Code CodeOfConnect(long system_error) {
  switch (system_error) {
    case ECONNREFUSED:
      return Code::kConnectRefused;
    case ETIMEDOUT:
      return Code::kConnectTimeout;
    default:
      return Code::kNetworkError;
  }
}

// CodeOf sorts libcurl's codes. None of them is taken for a verdict: that comes from the record.
Code CodeOf(const HopEnd& end, TimeLimit limit) {
  switch (end.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Code::kDnsFailed;
    case CURLE_COULDNT_CONNECT:
      return CodeOfConnect(end.system_error);
    case CURLE_OPERATION_TIMEDOUT:
      return limit == TimeLimit::kReached ? Code::kRequestTimeout : Code::kConnectTimeout;
    case CURLE_PROXY:
      return Code::kProxyFailed;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_INITFAILED:
      return Code::kTlsFailed;
    case CURLE_SSL_CERTPROBLEM:
      return Code::kFileUnreadable;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return Code::kConnectionClosed;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
      return Code::kHttpFailed;
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_READ_ERROR:
    case CURLE_WRITE_ERROR:
    case CURLE_SEND_FAIL_REWIND:
      return Code::kCancelled;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
      return Code::kInternal;
    default:
      return Code::kNetworkError;
  }
}

}  // namespace

HopEnd LookAtEnd(const Easy& easy, CURLcode code) {
  HopEnd end;
  end.code = code;
  CURL* const handle = easy.handle.get();
  long connects = 0;
  long version = 0;
  static_cast<void>(Curl().easy_getinfo(handle, CURLINFO_NUM_CONNECTS, &connects));
  static_cast<void>(Curl().easy_getinfo(handle, CURLINFO_HTTP_VERSION, &version));
  end.reused = connects == 0;
  end.http_version = VersionText(version);
  if (code == CURLE_OK) return end;
  static_cast<void>(Curl().easy_getinfo(handle, CURLINFO_OS_ERRNO, &end.system_error));
  static_cast<void>(Curl().easy_getinfo(handle, CURLINFO_HTTP_CONNECTCODE, &end.connect_status));
  end.text = easy.error.data();
  if (end.text.empty()) end.text = Curl().easy_strerror(code);
  return end;
}

Error ErrorOf(const HopEnd& end, TimeLimit limit) {
  // libcurl tells a refused tunnel as a failed read.
  const bool refused_tunnel = end.connect_status >= 300 &&
                              (end.code == CURLE_RECV_ERROR || end.code == CURLE_COULDNT_CONNECT);
  if (refused_tunnel) {
    return Error{Code::kProxyFailed,
                 "the proxy answered CONNECT with " + std::to_string(end.connect_status)};
  }
  const Code code = CodeOf(end, limit);
  if (code == Code::kRequestTimeout) return Error{code, "the request took too long"};
  return Error{code, end.text};
}

bool IsRetryable(const Error& error) noexcept {
  switch (error.code) {
    case Code::kNetworkError:
    case Code::kDnsFailed:
    case Code::kConnectRefused:
    case Code::kConnectTimeout:
    case Code::kConnectionClosed:
    case Code::kRequestTimeout:
      return true;
    default:
      return false;
  }
}

}  // namespace cotter::client
