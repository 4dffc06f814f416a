// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <utility>

#include <cotter/client_post.h>

namespace cotter::client {
namespace {

std::optional<std::int64_t> RetryAfter(const Response& response) {
  const std::optional<std::string_view> text = response.FindHeader("Retry-After");
  if (!text) return std::nullopt;
  std::int64_t seconds = 0;
  const char* const end = text->data() + text->size();
  const auto [stopped, failed] = std::from_chars(text->data(), end, seconds);
  if (failed != std::errc() || stopped != end || seconds < 0) return std::nullopt;
  return seconds;
}

}  // namespace

report::PostFunction PostThrough(Client client) {
  return
      [client = std::move(client)](const report::PostRequest& post) -> Result<report::PostReply> {
        Request request;
        request.method = "POST";
        request.url = post.url;
        request.headers = {{"Content-Type", post.content_type}};
        request.body = post.body;
        request.max_redirects = 0;
        const Result<Response> response = client.Send(std::move(request));
        if (!response) return response.error();
        return report::PostReply{response->status, RetryAfter(*response)};
      };
}

}  // namespace cotter::client
