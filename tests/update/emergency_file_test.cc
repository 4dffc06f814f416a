// SPDX-License-Identifier: Apache-2.0
//
// What the emergency role may say: the bounds hold in the client, and what is outside of them is
// refused alone.
#include "update/emergency_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cotter::update {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kSuspend =
    R"({"id":"E1","kind":"suspend","begins":"2026-11-26T10:00:00Z","ends":"2026-11-29T10:00:00Z",)"
    R"("reason":"the CA changed","ticket":"OPS-1","rules":[{"pattern":"api.example.com"}]})";
constexpr std::string_view kRevoke =
    R"({"id":"E2","kind":"revoke","begins":"2026-11-26T10:00:00Z","reason":"stolen",)"
    R"("ticket":"OPS-2","pin":"sha256/C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M="})";
constexpr std::string_view kAddPin =
    R"({"id":"E3","kind":"add_pin","begins":"2026-11-26T10:00:00Z","ends":"2026-12-26T10:00:00Z",)"
    R"("reason":"spare","ticket":"OPS-3","rules":[{"pattern":"*.example.com","port":443}],)"
    R"("pin":"sha256/C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M=","place":"leaf"})";

std::string FileOf(const std::string& statements) {
  return R"({"emergency":1,"environment":"production","version":3,"statements":[)" + statements +
         "]}";
}

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out(text);
  const std::size_t at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? out : out.replace(at, from.size(), to);
}

TEST(EmergencyFile, IsReadAndWrittenBackTheSame) {
  const std::string text =
      FileOf(std::string(kSuspend) + "," + std::string(kRevoke) + "," + std::string(kAddPin));
  const Result<EmergencyFile> file = ReadEmergencyFile(text);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_TRUE(file->refused.empty());
  ASSERT_EQ(file->statements.size(), 3U);
  EXPECT_EQ(file->version, 3);
  EXPECT_EQ(file->statements[2].what.rules[0].port, 443);
  EXPECT_EQ(file->statements[2].what.pin.place, PinPlace::kLeaf);
  const Result<EmergencyFile> again = ReadEmergencyFile(WriteEmergencyFile(*file));
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_EQ(again->statements.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(again->statements[i].digest, file->statements[i].digest) << i;
  }
}

struct Bad {
  std::string statement;
  std::string mentions;
};

// S3-39: a signed statement that asks for too much has no effect, and the next one has.
TEST(EmergencyFile, RefusesWhatIsOutOfBoundsAlone_S3_39) {
  std::string many = R"({"pattern":"a.example.com"})";
  for (std::size_t i = 0; i < kMaxEmergencyRules; ++i) many += R"(,{"pattern":"b.example.com"})";
  const Bad cases[] = {
      {Replaced(kSuspend, "2026-11-29T10:00:00Z", "2026-11-29T10:00:01Z"), "72 hours"},
      {Replaced(kSuspend, "2026-11-29T10:00:00Z", "2026-11-26T10:00:00Z"), "before it begins"},
      {Replaced(kSuspend, "2026-11-29T10:00:00Z", "2026-11-29"), "date and time"},
      {Replaced(kSuspend, R"("ends":"2026-11-29T10:00:00Z",)", ""), "\"ends\" is missing"},
      {Replaced(kSuspend, "the CA changed", ""), "reason"},
      {Replaced(kSuspend, "the CA changed", "  "), "reason"},
      {Replaced(kSuspend, "OPS-1", "OPS\\n1"), "ticket"},
      {Replaced(kSuspend, R"("ticket":"OPS-1",)", ""), "\"ticket\" is missing"},
      {Replaced(kSuspend, R"({"pattern":"api.example.com"})", ""), "1 to 64 rules"},
      {Replaced(kSuspend, R"({"pattern":"api.example.com"})", many), "1 to 64 rules"},
      {Replaced(kSuspend, "api.example.com", "*"), "rules"},
      {Replaced(kSuspend, R"("kind":"suspend")", R"("kind":"disable")"), "unknown kind"},
      {Replaced(kSuspend, R"("id":"E1")", R"("id":"E1","mode":"off")"), "unknown key"},
      {Replaced(kSuspend, R"("pattern":"api)", R"("insecure":true,"pattern":"api)"), "unknown key"},
      {Replaced(kSuspend, R"("id":"E1")", R"("id":"E 1")"), "id"},
      {Replaced(kRevoke, "C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M=", "C5+l"), "pin"},
      {Replaced(kRevoke, R"("pin")", R"("ends":"2026-11-29T10:00:00Z","pin")"), "unknown key"},
      {Replaced(kAddPin, "2026-12-26T10:00:00Z", "2026-12-26T10:00:01Z"), "720 hours"},
      {Replaced(kAddPin, R"("leaf")", R"("root")"), "place"},
      {Replaced(kAddPin, "443", "65536"), "65535"},
      {"7", "not an object"},
  };
  for (const Bad& bad : cases) {
    const std::string other = Replaced(kRevoke, "E2", "other");
    const Result<EmergencyFile> file = ReadEmergencyFile(FileOf(bad.statement + "," + other));
    ASSERT_TRUE(file) << bad.statement << file.error().message;
    ASSERT_EQ(file->refused.size(), 1U) << bad.statement;
    EXPECT_EQ(file->refused[0].error.code, Code::kEmergencyInvalid);
    EXPECT_THAT(file->refused[0].error.message, HasSubstr(bad.mentions)) << bad.statement;
    ASSERT_EQ(file->statements.size(), 1U) << bad.statement;
    EXPECT_EQ(file->statements[0].what.id, "other");
  }
}

TEST(EmergencyFile, RefusesTheSecondOfTwoStatementsOfOneId) {
  const Result<EmergencyFile> file =
      ReadEmergencyFile(FileOf(std::string(kRevoke) + "," + Replaced(kSuspend, "E1", "E2")));
  ASSERT_TRUE(file);
  ASSERT_EQ(file->statements.size(), 1U);
  EXPECT_EQ(file->statements[0].what.kind, EmergencyKind::kRevoke);
  EXPECT_EQ(file->refused.size(), 1U);
}

TEST(EmergencyFile, RefusesAFileThatIsNone) {
  std::string many(kRevoke);
  for (std::size_t i = 0; i < kMaxEmergencyStatements; ++i) many += "," + std::string(kRevoke);
  const std::string good = FileOf(std::string(kRevoke));
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), good + "x", FileOf(many),
        Replaced(good, "\"emergency\":1", "\"emergency\":2"),
        Replaced(good, "\"version\":3", "\"version\":0"),
        Replaced(good, "\"version\":3", "\"version\":3,\"version\":4"),
        Replaced(good, "\"version\":3", "\"version\":3,\"also\":4"),
        good + std::string(kMaxEmergencyFile, ' ')}) {
    const Result<EmergencyFile> file = ReadEmergencyFile(text);
    ASSERT_FALSE(file) << text.substr(0, 200);
    EXPECT_EQ(file.error().code, Code::kEmergencyInvalid);
  }
}

}  // namespace
}  // namespace cotter::update
