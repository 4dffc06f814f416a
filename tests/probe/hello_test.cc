// SPDX-License-Identifier: Apache-2.0
//
// ClientHellos of our own, read back field by field as the RFCs have them, and answers of servers,
// whole, cut and hostile. That real servers understand them is shown in tests/scan.
#include "probe/engine/hello.h"

#include <array>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cotter::probe {
namespace {

constexpr std::array<std::uint8_t, 32> kRandom{1, 2, 3};

Bytes Hello(TlsVersion version, std::string name = "a.example.com") {
  return EncodeHello({.version = version,
                      .suites = {0xc02f, 0x002f},
                      .server_name = std::move(name),
                      .random = kRandom});
}

// A ServerHello in one record.
Bytes Answer(std::uint8_t minor, std::uint16_t suite, const Bytes& extensions = {}) {
  Bytes body{3, minor};
  body.insert(body.end(), kRandom.begin(), kRandom.end());
  body.insert(body.end(),
              {0, static_cast<std::uint8_t>(suite >> 8), static_cast<std::uint8_t>(suite), 0});
  if (!extensions.empty()) {
    body.insert(body.end(), {0, static_cast<std::uint8_t>(extensions.size())});
    body.insert(body.end(), extensions.begin(), extensions.end());
  }
  Bytes message{2, 0, 0, static_cast<std::uint8_t>(body.size())};
  message.insert(message.end(), body.begin(), body.end());
  Bytes record{22, 3, 3, 0, static_cast<std::uint8_t>(message.size())};
  record.insert(record.end(), message.begin(), message.end());
  return record;
}

std::string ErrorOfAnswer(const Bytes& bytes) {
  const Result<HelloAnswer> answer = ReadHelloAnswer(bytes);
  return answer ? "" : std::string(NameOf(answer.error().code));
}

TEST(Hello, HasTheVersionsOfItsTime_S3_27) {
  // Record version, then the version behind the two lengths.
  const auto versions = [](const Bytes& hello) {
    return std::array<int, 4>{hello[1], hello[2], hello[9], hello[10]};
  };
  EXPECT_EQ(versions(Hello(TlsVersion::kSsl3)), (std::array<int, 4>{3, 0, 3, 0}));
  EXPECT_EQ(versions(Hello(TlsVersion::kTls10)), (std::array<int, 4>{3, 1, 3, 1}));
  EXPECT_EQ(versions(Hello(TlsVersion::kTls11)), (std::array<int, 4>{3, 1, 3, 2}));
  EXPECT_EQ(versions(Hello(TlsVersion::kTls12)), (std::array<int, 4>{3, 1, 3, 3}));
  // RFC 8446, 4.1.2: legacy_version stays 1.2.
  EXPECT_EQ(versions(Hello(TlsVersion::kTls13)), (std::array<int, 4>{3, 1, 3, 3}));
}

TEST(Hello, NamesTheHostButInSsl3) {
  const auto holds = [](const Bytes& hello) {
    return std::string(AsText(hello)).find("a.example.com") != std::string::npos;
  };
  EXPECT_FALSE(holds(Hello(TlsVersion::kSsl3)));
  EXPECT_TRUE(holds(Hello(TlsVersion::kTls10)));
  EXPECT_TRUE(holds(Hello(TlsVersion::kTls13)));
}

TEST(Hello, LengthsAreThoseOfTheBytes) {
  for (const TlsVersion version : {TlsVersion::kSsl3, TlsVersion::kTls10, TlsVersion::kTls13}) {
    const Bytes hello = Hello(version);
    EXPECT_EQ(std::size_t{hello[3]} << 8 | hello[4], hello.size() - 5);
    EXPECT_EQ(std::size_t{hello[6]} << 16 | std::size_t{hello[7]} << 8 | hello[8],
              hello.size() - 9);
  }
}

TEST(Hello, EverySuiteThatIsOfferedHasAName) {
  std::set<std::string> names;
  std::set<std::uint16_t> numbers;
  for (const auto suites : {UsualSuites(TlsVersion::kSsl3), UsualSuites(TlsVersion::kTls13)}) {
    for (const std::uint16_t suite : suites) {
      EXPECT_TRUE(SuiteName(suite).starts_with("TLS_")) << suite;
      EXPECT_TRUE(numbers.insert(suite).second) << suite;
      EXPECT_TRUE(names.insert(SuiteName(suite)).second) << SuiteName(suite);
    }
  }
  EXPECT_EQ(SuiteName(0xfafa), "0xfafa");
  for (const std::uint16_t weak : WeakSuites()) {
    for (const std::uint16_t usual : UsualSuites(TlsVersion::kTls12)) EXPECT_NE(weak, usual);
  }
}

TEST(Hello, ReadsWhatTheServerChose) {
  const Result<HelloAnswer> answer = ReadHelloAnswer(Answer(1, 0x002f));
  ASSERT_TRUE(answer);
  EXPECT_EQ(std::get<ServerChoice>(*answer).version, TlsVersion::kTls10);
  EXPECT_EQ(std::get<ServerChoice>(*answer).suite, 0x002f);
  // RFC 8446, 4.2.1: TLS 1.3 stands in supported_versions, in a HelloRetryRequest too.
  const Result<HelloAnswer> modern = ReadHelloAnswer(Answer(3, 0x1301, {0, 43, 0, 2, 3, 4}));
  ASSERT_TRUE(modern);
  EXPECT_EQ(std::get<ServerChoice>(*modern).version, TlsVersion::kTls13);
}

TEST(Hello, WaitsForTheRestAtEveryCut) {
  const Bytes whole = Answer(3, 0x002f);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Result<HelloAnswer> answer = ReadHelloAnswer(ByteView(whole).first(size));
    ASSERT_TRUE(answer) << size;
    EXPECT_TRUE(std::holds_alternative<NeedMore>(*answer)) << size;
  }
}

TEST(Hello, ReadsAServerHelloInManyRecords) {
  const Bytes whole = Answer(2, 0x002f);
  Bytes split;
  for (std::size_t at = 5; at < whole.size(); ++at) {
    split.insert(split.end(), {22, 3, 1, 0, 1, whole[at]});
  }
  const Result<HelloAnswer> answer = ReadHelloAnswer(split);
  ASSERT_TRUE(answer);
  EXPECT_EQ(std::get<ServerChoice>(*answer).version, TlsVersion::kTls11);
}

TEST(Hello, ReadsAlerts) {
  const Result<HelloAnswer> answer = ReadHelloAnswer(Bytes{21, 3, 1, 0, 2, 2, 70});
  ASSERT_TRUE(answer);
  EXPECT_EQ(AlertName(std::get<ServerAlert>(*answer).description), "protocol_version");
  EXPECT_EQ(AlertName(200), "alert 200");
}

// RFC 6066, 3: what follows such a warning is the answer, or a weak version would go unseen.
TEST(Hello, GoesOnAfterTheWarningThatTheNameIsNotKnown_S3_27) {
  Bytes bytes{21, 3, 1, 0, 2, 1, 112};
  const Result<HelloAnswer> nothing_yet = ReadHelloAnswer(bytes);
  ASSERT_TRUE(nothing_yet);
  EXPECT_TRUE(std::holds_alternative<NeedMore>(*nothing_yet));
  const Bytes answer = Answer(1, 0x002f);
  bytes.insert(bytes.end(), answer.begin(), answer.end());
  const Result<HelloAnswer> read = ReadHelloAnswer(bytes);
  ASSERT_TRUE(read);
  ASSERT_TRUE(std::holds_alternative<ServerChoice>(*read));
  EXPECT_EQ(std::get<ServerChoice>(*read).version, TlsVersion::kTls10);
  // One that ends the handshake does.
  const Result<HelloAnswer> fatal = ReadHelloAnswer(Bytes{21, 3, 1, 0, 2, 2, 112});
  ASSERT_TRUE(fatal);
  EXPECT_TRUE(std::holds_alternative<ServerAlert>(*fatal));
  Bytes endless;
  while (endless.size() < kMaxHelloAnswer) {
    endless.insert(endless.end(), bytes.begin(), bytes.begin() + 7);
  }
  EXPECT_EQ(ErrorOfAnswer(endless), "tls_failed");
}

TEST(Hello, RefusesEverythingElse) {
  EXPECT_EQ(ErrorOfAnswer({'H', 'T', 'T', 'P'}), "not_tls");
  EXPECT_EQ(ErrorOfAnswer({22, 9}), "not_tls");
  EXPECT_EQ(ErrorOfAnswer({22, 3, 3, 0, 0}), "tls_failed");               // an empty record
  EXPECT_EQ(ErrorOfAnswer({21, 3, 3, 0, 3, 2, 40, 0}), "tls_failed");     // an alert of three bytes
  EXPECT_EQ(ErrorOfAnswer({22, 3, 3, 0, 4, 11, 0, 0, 0}), "tls_failed");  // a Certificate
  EXPECT_EQ(ErrorOfAnswer(Answer(9, 0x002f)), "tls_failed");              // a version of the future
  Bytes endless{22, 3, 3, 0x3f, 0xff, 2, 0xff, 0xff, 0xff};
  endless.resize(kMaxHelloAnswer);
  EXPECT_EQ(ErrorOfAnswer(endless), "tls_failed");
}

}  // namespace
}  // namespace cotter::probe
