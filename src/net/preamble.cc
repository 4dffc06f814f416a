// SPDX-License-Identifier: Apache-2.0
#include "net/preamble.h"

#include <array>
#include <utility>

namespace cotter::net {
namespace {

// Advances `preamble` over all of `received`, and answers. True is the go-ahead.
Result<bool> Answer(Socket& socket, Preamble& preamble, std::string& received, Deadline deadline) {
  Result<PreambleStep> step = preamble.Advance(received);
  if (!step) return std::move(step).error();
  if (step->kind == PreambleStep::Kind::kNeedMore) return false;
  if (step->consumed != received.size()) {
    return Error{preamble.overrun(), "the server sent more than its reply before TLS began"};
  }
  received.clear();
  if (const Result<void> sent = socket.WriteAll(AsBytes(step->send), deadline); !sent) {
    return sent.error();
  }
  return step->kind == PreambleStep::Kind::kReady;
}

}  // namespace

Result<void> RunPreamble(Socket& socket, Preamble& preamble, Deadline deadline) {
  const std::string opening = preamble.Opening();
  if (Result<void> sent = socket.WriteAll(AsBytes(opening), deadline); !sent) return sent;
  std::string received;
  std::size_t total = 0;
  std::array<std::uint8_t, 4096> chunk;
  for (;;) {
    const Result<std::size_t> count = socket.Read(chunk, deadline);
    if (!count) return count.error();
    if (*count == 0) {
      return Error{Code::kConnectionClosed, "the server closed the connection before TLS began"};
    }
    total += *count;
    if (total > kMaxPreambleBytes) {
      return Error{preamble.overrun(), "the server said more than 16 KiB before TLS began"};
    }
    received.append(AsText(ByteView(chunk).first(*count)));
    const Result<bool> ready = Answer(socket, preamble, received, deadline);
    if (!ready) return ready.error();
    if (*ready) return Ok();
  }
}

}  // namespace cotter::net
