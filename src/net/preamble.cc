// SPDX-License-Identifier: Apache-2.0
#include "net/preamble.h"

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

}  // namespace cotter::net
