// SPDX-License-Identifier: Apache-2.0
#include "net/certificate_message.h"

#include <cstddef>
#include <optional>

namespace cotter::net {
namespace {

constexpr std::uint8_t kCertificateType = 11;

// TakeVector cuts a vector off `rest`, whose length stands before it in `length_size` bytes (RFC
// 8446, 3.4).
std::optional<ByteView> TakeVector(ByteView& rest, std::size_t length_size) {
  if (rest.size() < length_size) return std::nullopt;
  std::size_t length = 0;
  for (const std::uint8_t byte : rest.first(length_size)) length = length << 8 | byte;
  rest = rest.subspan(length_size);
  if (rest.size() < length) return std::nullopt;
  const ByteView content = rest.first(length);
  rest = rest.subspan(length);
  return content;
}

}  // namespace

Result<PresentedChain> ReadCertificateMessage(ByteView message, CertificateLayout layout) {
  const Error malformed{Code::kTlsFailed, "the server's Certificate message is malformed"};
  if (message.empty() || message.front() != kCertificateType) return malformed;
  ByteView rest = message.subspan(1);
  std::optional<ByteView> body = TakeVector(rest, 3);
  if (!body || !rest.empty()) return malformed;
  if (layout == CertificateLayout::kTls13 && !TakeVector(*body, 1)) return malformed;
  std::optional<ByteView> list = TakeVector(*body, 3);
  if (!list || !body->empty()) return malformed;
  PresentedChain chain;
  while (!list->empty()) {
    const std::optional<ByteView> certificate = TakeVector(*list, 3);
    if (!certificate || certificate->empty()) return malformed;
    if (layout == CertificateLayout::kTls13 && !TakeVector(*list, 2)) return malformed;
    if (chain.certificates.size() == kMaxPathLength) {
      return Error{Code::kChainTooLong, "the server sent more than 16 certificates"};
    }
    chain.certificates.emplace_back(certificate->begin(), certificate->end());
  }
  return chain;
}

}  // namespace cotter::net
