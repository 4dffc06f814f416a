// SPDX-License-Identifier: Apache-2.0
#include "cli/safe_text.h"

#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace cotter::cli {
namespace {

using namespace std::string_literals;

std::string SafeJson(std::string_view json) {
  std::string out;
  AppendSafeJson(out, json);
  return out;
}

TEST(SafeText, PrintableTextStays) {
  for (const char* text : {"", "CN=api.example.com", "a\\b", "Müller", "日本", "𝄞", "é"}) {
    EXPECT_EQ(SafeText(text), text);
  }
}

TEST(SafeText, WhatMovesTheCursorIsEscaped) {
  EXPECT_EQ(SafeText("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(SafeText("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(SafeText("a\0b\x7f"s), "a\\x00b\\x7f");
  EXPECT_EQ(SafeText("\xc2\x9b"), "\\u{009b}");           // C1 CSI
  EXPECT_EQ(SafeText("\xe2\x80\xae"), "\\u{202e}");       // right-to-left override
  EXPECT_EQ(SafeText("\xe2\x80\xa8"), "\\u{2028}");       // line separator
  EXPECT_EQ(SafeText("\xf3\xa0\x81\x81"), "\\u{e0041}");  // invisible tag
}

TEST(SafeText, WhatIsNotUtf8IsShownAsBytes) {
  EXPECT_EQ(SafeText("\x9b"), "\\x9b");                    // C1 CSI as a byte
  EXPECT_EQ(SafeText("\xc0\x80"), "\\xc0\\x80");           // overlong NUL
  EXPECT_EQ(SafeText("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(SafeText("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(SafeText("a\xe2\x82"), "a\\xe2\\x82");  // cut off
}

TEST(SafeText, OwnLineBreaksMayStay) {
  std::string out;
  AppendSafe(out, "a\nb\x1b", LineBreaks::kKeep);
  EXPECT_EQ(out, "a\nb\\x1b");
}

TEST(SafeText, NoByteOfAnyTextIsAControlCharacter) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second), 'x'};
      for (const char c : SafeText(text)) {
        const auto byte = static_cast<unsigned char>(c);
        ASSERT_TRUE(byte >= 0x20 && byte != 0x7f) << first << ' ' << second;
      }
    }
  }
}

TEST(SafeText, JsonKeepsItsMeaning) {
  const std::string text = "q\"\\\n\x1b\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81 Müller";
  const std::string safe = SafeJson(boost::json::serialize(boost::json::value(text)));
  EXPECT_EQ(boost::json::parse(safe).as_string(), text);
  EXPECT_EQ(safe.find('\x7f'), std::string::npos);
  EXPECT_EQ(safe.find("\xc2\x9b"), std::string::npos);
  EXPECT_NE(safe.find("\\u202e"), std::string::npos);
  EXPECT_NE(safe.find("\\udb40\\udc41"), std::string::npos);
  EXPECT_EQ(SafeJson("\"\xff\""), "\"\\ufffd\"");
}

}  // namespace
}  // namespace cotter::cli
