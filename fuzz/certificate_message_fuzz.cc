// SPDX-License-Identifier: Apache-2.0
//
// Target: ReadCertificateMessage, both layouts.
// Property: of a message that is read, nothing is left out but framing: without extensions and
// context, writing the certificates again gives the same message.
#include "net/certificate_message.h"

namespace {

using namespace cotter;

void Append(Bytes& out, std::size_t length, std::size_t size) {
  for (std::size_t i = size; i-- > 0;) out.push_back(static_cast<std::uint8_t>(length >> (8 * i)));
}

Bytes WriteTls12(const PresentedChain& chain) {
  Bytes list;
  for (const Bytes& certificate : chain.certificates) {
    Append(list, certificate.size(), 3);
    list.insert(list.end(), certificate.begin(), certificate.end());
  }
  Bytes message{11};
  Append(message, list.size() + 3, 3);
  Append(message, list.size(), 3);
  message.insert(message.end(), list.begin(), list.end());
  return message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView message(data, size);
  if (const auto chain = net::ReadCertificateMessage(message, net::CertificateLayout::kTls12)) {
    COTTER_CHECK(SameBytes(WriteTls12(*chain), message));
  }
  if (const auto chain = net::ReadCertificateMessage(message, net::CertificateLayout::kTls13)) {
    std::size_t total = 4 + 1 + 3;
    for (const Bytes& certificate : chain->certificates) total += 3 + certificate.size() + 2;
    COTTER_CHECK(total <= size && chain->certificates.size() <= kMaxPathLength);
  }
  return 0;
}
