// SPDX-License-Identifier: Apache-2.0
#include "net/preamble.h"

#include <array>
#include <utility>

namespace cotter::net {

Result<Dialogue::Turn> Dialogue::Take(ByteView bytes) {
  total_ += bytes.size();
  if (total_ > kMaxPreambleBytes) {
    return Error{preamble_.overrun(), "the server said more than 16 KiB before TLS began"};
  }
  received_.append(AsText(bytes));
  Result<PreambleStep> step = preamble_.Advance(received_);
  if (!step) return std::move(step).error();
  if (step->kind == PreambleStep::Kind::kNeedMore) return Turn{};
  if (step->consumed != received_.size()) {
    return Error{preamble_.overrun(), "the server sent more than its reply before TLS began"};
  }
  received_.clear();
  return Turn{std::move(step->send), step->kind == PreambleStep::Kind::kReady};
}

Error ClosedBeforeTls() {
  return Error{Code::kConnectionClosed, "the server closed the connection before TLS began"};
}

Result<void> RunPreamble(Socket& socket, Preamble& preamble, Deadline deadline) {
  const std::string opening = preamble.Opening();
  if (Result<void> sent = socket.WriteAll(AsBytes(opening), deadline); !sent) return sent;
  Dialogue dialogue(preamble);
  std::array<std::uint8_t, 4096> chunk;
  for (;;) {
    const Result<std::size_t> count = socket.Read(chunk, deadline);
    if (!count) return count.error();
    if (*count == 0) return ClosedBeforeTls();
    const Result<Dialogue::Turn> turn = dialogue.Take(ByteView(chunk).first(*count));
    if (!turn) return turn.error();
    if (Result<void> sent = socket.WriteAll(AsBytes(turn->send), deadline); !sent) return sent;
    if (turn->ready) return Ok();
  }
}

}  // namespace cotter::net
