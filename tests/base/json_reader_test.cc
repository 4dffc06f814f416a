// SPDX-License-Identifier: Apache-2.0
#include "base/json_reader.h"

#include <string>

#include <gtest/gtest.h>

namespace cotter::base {
namespace {

// Script writes down what it is told, as "KIND@OFFSET:TEXT" in one line.
class Script : public JsonSink {
 public:
  const char* On(JsonEvent event) override {
    static constexpr std::string_view kLetters = "{[.ks#tfn";
    const bool ends = event.kind == JsonEvent::Kind::kEnd;
    if (!written_.empty()) written_ += ' ';
    written_ += kLetters[static_cast<std::size_t>(event.kind)];
    if (!ends) written_ += '@' + std::to_string(event.at);
    if (!event.text.empty()) written_ += ':' + event.text;
    return event.text == stop_ ? "stopped by the test" : nullptr;
  }

  std::string written_;
  std::string stop_ = "never";
};

std::string Events(std::string_view text, JsonComments comments = JsonComments::kRefuse) {
  Script script;
  const JsonRead read = ReadJson(text, script, {4, comments, JsonRest::kRefuse});
  if (read.fault) return std::to_string(read.fault->at) + ": " + read.fault->what;
  EXPECT_EQ(read.end, text.size());
  return script.written_;
}

bool Refused(std::string_view text) {
  Script script;
  return ReadJson(text, script, {4, JsonComments::kRefuse, JsonRest::kRefuse}).fault.has_value();
}

TEST(ReadJson, TellsWhereEachKeyAndValueBegins) {
  EXPECT_EQ(Events(R"({"a": [1, -2.5e3 ,true],"b":{"c":null} } )"),
            "{@0 k@1:a [@6 #@7:1 #@10:-2.5e3 t@18 . k@24:b {@28 k@29:c n@33 . .");
  EXPECT_EQ(Events("false"), "f@0");
}

// Strings whose ends are hard to see: where the next value stands shows whether they were found.
TEST(ReadJson, StepsOverStringsWithQuotesAndBackslashes) {
  EXPECT_EQ(Events(R"(["\\","\"",1])"), R"([@0 s@1:\ s@6:" #@11:1 .)");
  EXPECT_EQ(Events(R"(["a\\\"b,]","",2])"), R"([@0 s@1:a\"b,] s@12 #@15:2 .)");
  EXPECT_EQ(Events(R"(["\u00e9\ud83d\ude00"])"), "[@0 s@1:\xC3\xA9\xF0\x9F\x98\x80 .");
}

TEST(ReadJson, SkipsCommentsOnlyWhereItMay) {
  const std::string_view text = "// \"x\": [\n{/* } */\"a\":// 1\n 2}//";
  EXPECT_EQ(Events(text, JsonComments::kSkip), "{@10 k@18:a #@28:2 .");
  EXPECT_TRUE(Refused(text));
  EXPECT_EQ(Events(R"(["//", "/*"])", JsonComments::kSkip), "[@0 s@1:// s@7:/* .");
}

TEST(ReadJson, RefusesAKeyThatStandsTwiceInOneObject) {
  EXPECT_EQ(Events(R"({"a":1,"a":2})"), "7: a key that stands twice in one object");
  EXPECT_EQ(Events(R"({"a":1,"\u0061":2})"), "7: a key that stands twice in one object");
  EXPECT_FALSE(Refused(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"));
}

TEST(ReadJson, CountsDepth) {
  EXPECT_FALSE(Refused("[[[[]]]]"));
  EXPECT_EQ(Events("[[[[[]]]]]"), "4: nested more than 4 deep");
}

// What RFC 8259 has no place for, and parsers like to take.
TEST(ReadJson, RefusesWhatIsNotJson) {
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "[01]",
                                      "[1.]",
                                      "[.5]",
                                      "[+1]",
                                      "[0x1]",
                                      "[NaN]",
                                      "[Infinity]",
                                      "[\"\t\"]",
                                      "[\"\\x41\"]",
                                      "[\"\\ud800\"]",
                                      "[\"\\udc00\"]",
                                      "[\"\xFF\"]",
                                      "[\"\xC0\x80\"]",
                                      "[\"\xED\xA0\x80\"]",
                                      "\xEF\xBB\xBF[]",
                                      "[] []",
                                      "[]x",
                                      "nul",
                                      "truetrue",
                                      "[1 2]",
                                      "{\"a\" 1}",
                                      "[\"a]"}) {
    EXPECT_TRUE(Refused(text)) << text;
  }
}

TEST(ReadJson, LeavesTheRestToItsCaller) {
  Script script;
  const std::string_view text = "x = {\"a\":1} ; {";
  const JsonRead read = ReadJson(text, script, {4, JsonComments::kRefuse, JsonRest::kLeave}, 4);
  EXPECT_FALSE(read.fault);
  EXPECT_EQ(text.substr(read.end).find_first_not_of(' '), text.substr(read.end).find(';'));
  Script late;
  EXPECT_EQ(ReadJson("x = {]", late, {4}, 4).fault->at, 5U);
}

TEST(ReadJson, StopsWhereTheSinkSaysSo) {
  Script script;
  script.stop_ = "b";
  const JsonRead read = ReadJson(R"(["a","b","c"])", script, {4});
  ASSERT_TRUE(read.fault);
  EXPECT_EQ(read.fault->what, "stopped by the test");
  EXPECT_EQ(read.fault->at, 5U);
  EXPECT_EQ(script.written_, "[@0 s@1:a s@5:b");
}

}  // namespace
}  // namespace cotter::base
