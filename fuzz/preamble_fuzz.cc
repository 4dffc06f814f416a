// SPDX-License-Identifier: Apache-2.0
//
// Target: every dialogue before TLS: STARTTLS of eight protocols, and a proxy's answer to CONNECT.
// The first byte chooses which ('0' smtp … '7' ldap, else CONNECT), the rest is what the server
// says.
// Property: a reply is understood the same however it is cut into packets: every shorter prefix
// asks for more, and the reply alone decides as it does with more behind it. Nothing is consumed
// that was not received.
#include <algorithm>
#include <memory>

#include "net/proxy.h"
#include "net/starttls.h"

namespace {

using namespace cotter;

std::unique_ptr<net::Preamble> Make(std::uint8_t choice) {
  if (choice >= '0' && choice <= '7') {
    return net::MakeStarttls(static_cast<net::Starttls>(choice - '0' + 1), "a.example");
  }
  return std::make_unique<net::ConnectPreamble>("a.example:443", "");
}

// Prefixes that are tried of one reply, so that a long one does not take minutes.
constexpr std::size_t kMaxPrefixes = 64;

// Gives `other` the reply of `size` bytes in pieces; it must decide as `step` did.
void CheckPieces(net::Preamble& other, std::string_view reply, const net::PreambleStep& step) {
  const std::size_t stride = reply.size() / kMaxPrefixes + 1;
  for (std::size_t size = 1; size < reply.size(); size += stride) {
    const Result<net::PreambleStep> early = other.Advance(reply.substr(0, size));
    COTTER_CHECK(early && early->kind == net::PreambleStep::Kind::kNeedMore);
  }
  const Result<net::PreambleStep> whole = other.Advance(reply);
  COTTER_CHECK(whole && whole->kind == step.kind && whole->consumed == step.consumed &&
               whole->send == step.send);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest = AsText({data + 1, std::min(size - 1, net::kMaxPreambleBytes)});
  const std::unique_ptr<net::Preamble> preamble = Make(data[0]);
  const std::unique_ptr<net::Preamble> other = Make(data[0]);
  for (;;) {
    const Result<net::PreambleStep> step = preamble->Advance(rest);
    if (!step || step->kind == net::PreambleStep::Kind::kNeedMore) return 0;
    COTTER_CHECK(step->consumed > 0 && step->consumed <= rest.size());
    CheckPieces(*other, rest.substr(0, step->consumed), *step);
    if (step->kind == net::PreambleStep::Kind::kReady) return 0;
    rest.remove_prefix(step->consumed);
  }
}
