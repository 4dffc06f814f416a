// SPDX-License-Identifier: Apache-2.0
#include "update/json_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cotter::update {
namespace {

using ::testing::HasSubstr;

std::string Refusal(std::string_view text) {
  const Result<JsonValue> parsed = ParseJson(text);
  if (parsed) return "taken";
  EXPECT_EQ(parsed.error().code, Code::kMetadataMalformed);
  return parsed.error().message;
}

std::string Canonical(std::string_view text) {
  const Result<JsonValue> parsed = ParseJson(text);
  return parsed ? CanonicalJson(*parsed) : "refused: " + parsed.error().message;
}

TEST(MetadataJson, WhatReadersDisagreeAboutIsRefused) {
  EXPECT_THAT(Refusal(R"({"a":1,"b":2,"a":1})"), HasSubstr("twice"));
  EXPECT_THAT(Refusal(R"({"a":1,"\u0061":1})"), HasSubstr("twice"));
  EXPECT_THAT(Refusal("9007199254740992"), HasSubstr("2^53"));
  EXPECT_THAT(Refusal("-9007199254740992"), HasSubstr("2^53"));
  EXPECT_THAT(Refusal("18446744073709551615"), HasSubstr("2^53"));
  EXPECT_THAT(Refusal("1e400"), HasSubstr("not an integer"));
  EXPECT_THAT(Refusal("1.0"), HasSubstr("not an integer"));
  EXPECT_EQ(Canonical("9007199254740991"), "9007199254740991");
}

TEST(MetadataJson, DepthAndTextAreBounded) {
  const std::string deep =
      std::string(kMaxMetadataDepth, '[') + std::string(kMaxMetadataDepth, ']');
  EXPECT_EQ(Canonical(deep), deep);
  EXPECT_THAT(Refusal("[" + deep + "]"), HasSubstr("deep"));
  EXPECT_THAT(Refusal("[" + std::string(100'000, '[')), HasSubstr("deep"));
  std::string many = "[0";
  for (std::size_t i = 0; i < kMaxMetadataValues; ++i) many += ",0";
  EXPECT_THAT(Refusal(many + "]"), HasSubstr("too many"));
}

TEST(MetadataJson, BrokenTextIsRefused) {
  for (const std::string_view text :
       {"", "{", "{}x", "{} {}", "\xef\xbb\xbf{}", "\"\x80\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"",
        "\"\\ud800\"", "\"\\udc00\\ud800\"", "{'a':1}", "{\"a\":1,}", "[1,]", "01", "+1", "NaN",
        "// \n{}", "\"\x01\""}) {
    EXPECT_NE(Refusal(text), "taken") << text;
  }
}

// The expected forms are what Python's securesystemslib 0.26 makes of the same text.
TEST(MetadataJson, CanonicalFormIsThatOfSecuresystemslib) {
  EXPECT_EQ(Canonical(" { \"b\" : [ 1 , -0, true,false , null ] , \"a\":{} } "),
            R"({"a":{},"b":[1,0,true,false,null]})");
  EXPECT_EQ(Canonical(R"("quote \" backslash \\ slash \/ tab \t unicode \u00e9 \ud83d\ude00")"),
            "\"quote \\\" backslash \\\\ slash / tab \t unicode é 😀\"");
  // Sorted by code point: U+FFFD before U+1F600, which UTF-16 has the other way round.
  EXPECT_EQ(Canonical("{\"😀\":1,\"\uFFFD\":2,\"Z\":3,\"a\":4,\"\":5}"),
            "{\"\":5,\"Z\":3,\"a\":4,\"\uFFFD\":2,\"😀\":1}");
}

TEST(MetadataJson, WhatIsWrittenIsReadBack) {
  const Result<JsonValue> value = ParseJson(R"({"k":["\u0001\n\"\\",{"é":-5}]})");
  ASSERT_TRUE(value);
  const Result<JsonValue> again = ParseJson(WriteJson(*value));
  ASSERT_TRUE(again) << WriteJson(*value);
  EXPECT_EQ(CanonicalJson(*again), CanonicalJson(*value));
}

TEST(MetadataJson, MembersAreSetReplacedAndRemoved) {
  JsonObject object{{"b", {std::int64_t{1}}}, {"a", {std::string("x")}}};
  object.Set("b", {true});
  object.Remove("a");
  object.Remove("none");
  EXPECT_EQ(WriteJson({object}), R"({"b":true})");
  EXPECT_EQ(object.Find("a"), nullptr);
}

}  // namespace
}  // namespace cotter::update
