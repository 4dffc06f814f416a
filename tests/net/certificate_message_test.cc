// SPDX-License-Identifier: Apache-2.0
#include "net/certificate_message.h"

#include <gtest/gtest.h>

namespace cotter::net {
namespace {

// A message of type 11 around `body`.
Bytes Message(const Bytes& body) {
  Bytes message{11, 0, static_cast<std::uint8_t>(body.size() >> 8),
                static_cast<std::uint8_t>(body.size())};
  message.insert(message.end(), body.begin(), body.end());
  return message;
}

// The layouts are written by hand after RFC 5246, 7.4.2 and RFC 8446, 4.4.2.
TEST(CertificateMessage, KeepsTheBytesAsSent) {
  const Bytes tls12 = Message({0, 0, 9, 0, 0, 2, 0x30, 0x00, 0, 0, 1, 0xff});
  const Result<PresentedChain> old = ReadCertificateMessage(tls12, CertificateLayout::kTls12);
  ASSERT_TRUE(old);
  EXPECT_EQ(old->certificates, (std::vector<Bytes>{{0x30, 0x00}, {0xff}}));
  const Bytes tls13 = Message({0, 0, 0, 14, 0, 0, 2, 0x30, 0x00, 0, 1, 0xaa, 0, 0, 1, 0xff, 0, 0});
  const Result<PresentedChain> now = ReadCertificateMessage(tls13, CertificateLayout::kTls13);
  ASSERT_TRUE(now);
  EXPECT_EQ(now->certificates, old->certificates);
}

TEST(CertificateMessage, RefusesEveryCutAndEveryTail) {
  const Bytes whole = Message({0, 0, 0, 14, 0, 0, 2, 0x30, 0x00, 0, 1, 0xaa, 0, 0, 1, 0xff, 0, 0});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ReadCertificateMessage(ByteView(whole).first(size), CertificateLayout::kTls13));
  }
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(ReadCertificateMessage(longer, CertificateLayout::kTls13));
  EXPECT_FALSE(ReadCertificateMessage(whole, CertificateLayout::kTls12));
}

TEST(CertificateMessage, RefusesMoreThanAPathMayHold) {
  Bytes body{0, 0, 17 * 4};
  for (int i = 0; i < 17; ++i) body.insert(body.end(), {0, 0, 1, 0x30});
  const Result<PresentedChain> chain =
      ReadCertificateMessage(Message(body), CertificateLayout::kTls12);
  ASSERT_FALSE(chain);
  EXPECT_EQ(chain.error().code, Code::kChainTooLong);
}

}  // namespace
}  // namespace cotter::net
