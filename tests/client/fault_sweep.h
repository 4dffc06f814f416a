// SPDX-License-Identifier: Apache-2.0
//
// What the sweeps of faults have in common: the kinds of faults, the request that meets them, and
// what may become of it.
#pragma once

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/client/failing_io.h"
#include "tests/client/served_client.h"

namespace cotter::client {

inline constexpr std::string_view kBody = "the body of a request";

// What a run may take; the longest wait of a sound one is for a handshake.
inline constexpr std::chrono::seconds kSoon{20};

// More calls than any request makes: a sweep that gets there does not end.
inline constexpr long kMostCalls = 500;

struct Kind {
  test::IoFault fault;
  int error;
  const char* name;
};

inline constexpr Kind kKinds[] = {{test::IoFault::kError, ECONNRESET, "Reset"},
                                  {test::IoFault::kError, EPIPE, "Pipe"},
                                  {test::IoFault::kError, EINTR, "Interrupted"},
                                  {test::IoFault::kError, EAGAIN, "Again"},
                                  {test::IoFault::kError, EMFILE, "NoDescriptor"},
                                  {test::IoFault::kError, ENOMEM, "NoMemory"},
                                  {test::IoFault::kEnd, 0, "End"},
                                  {test::IoFault::kOneByte, 0, "OneByte"}};

inline Request Secret(const lab::Server& server) {
  return {.method = "POST",
          .url = UrlOf(kHost, server),
          .headers = {{"Authorization", "Bearer secret-token"}},
          .body = std::string(kBody)};
}

// Bodies is how often the server was sent the body, whole.
inline std::size_t Bodies(const lab::ServerRecord& record) {
  std::size_t count = 0;
  for (const lab::ConnectionRecord& connection : record.details) {
    std::size_t at = 0;
    while ((at = connection.application_data.find(kBody, at)) != std::string::npos) {
      ++count;
      at += kBody.size();
    }
  }
  return count;
}

// Ended says of a result under a fault that it may be.
inline void Ended(const Result<Response>& response, std::chrono::steady_clock::time_point begun) {
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kSoon);
  if (response) {
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "hello\n");
    EXPECT_EQ(response->connection.outcome, Outcome::kPinnedOk);
  } else {
    EXPECT_FALSE(response.error().message.empty());
  }
}

// Struck makes `server`'s next request with a fault of `kind` at `call`. False where there was no
// such call.
inline bool Struck(const Client& client, const lab::Server& server, const Kind& kind, long call) {
  const auto begun = std::chrono::steady_clock::now();
  const test::FailingIo failing(call, kind.fault, kind.error);
  const Result<Response> response = client.Send(Secret(server));
  Ended(response, begun);
  const bool harmless = !failing.struck() || kind.fault == test::IoFault::kOneByte;
  EXPECT_TRUE(response || !harmless) << response.error().message;
  return failing.struck();
}

}  // namespace cotter::client
