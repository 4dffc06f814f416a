// SPDX-License-Identifier: Apache-2.0
#include "formats/pem.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace cotter::formats {
namespace {

struct Block {
  std::string label;
  std::string content;
  std::size_t line;
  bool encrypted;

  friend bool operator==(const Block&, const Block&) = default;
};

void PrintTo(const Block& block, std::ostream* out) {
  *out << block.label << " at line " << block.line << ": " << block.content;
}

// ReadAll is every block of `text`, or the error's code and message as one block.
std::vector<Block> ReadAll(std::string_view text) {
  PemReader reader(AsBytes(text));
  std::vector<Block> blocks;
  while (true) {
    const auto next = reader.Next();
    if (!next) {
      blocks.push_back({std::string(NameOf(next.error().code)), next.error().message, 0, false});
      return blocks;
    }
    if (!*next) return blocks;
    const PemBlock& block = **next;
    blocks.push_back({std::string(block.label), std::string(AsText(block.der)),
                      reader.LineOf(block.offset), block.cipher == PemCipher::kEncrypted});
  }
}

struct Case {
  std::string_view name;
  std::string_view text;
  std::vector<Block> blocks;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& test : cases) EXPECT_EQ(ReadAll(test.text), test.blocks) << test.name;
}

// S0-17: PEM among other text, CRLF, several at once. The content is that of RFC 4648, section 10:
// "foobar" is Zm9vYmFy.
TEST(PemReader, ReadsWhatStandsBetweenBeginAndEnd) {
  const Block foobar{"X", "foobar", 1, false};
  Check({
      {"nothing", "", {}},
      {"text alone", "hello\n--- BEGIN X\n", {}},
      {"plain", "-----BEGIN X-----\nZm9vYmFy\n-----END X-----\n", {foobar}},
      {"no final newline", "-----BEGIN X-----\nZm9vYmFy\n-----END X-----", {foobar}},
      {"CRLF", "-----BEGIN X-----\r\nZm9vYmFy\r\n-----END X-----\r\n", {foobar}},
      {"byte order mark", "\xEF\xBB\xBF-----BEGIN X-----\nZm9vYmFy\n-----END X-----\n", {foobar}},
      {"indented", "  -----BEGIN X-----\n  Zm9v\n\tYmFy  \n  -----END X-----  \n", {foobar}},
      {"uneven lines", "-----BEGIN X-----\nZ\nm9vYm\n\nFy\n-----END X-----\n", {foobar}},
      {"padding", "-----BEGIN X-----\nZm9vYg==\n-----END X-----\n", {{"X", "foob", 1, false}}},
      {"split padding",
       "-----BEGIN X-----\nZm9vYg=\n=\n-----END X-----\n",
       {{"X", "foob", 1, false}}},
      {"mark inside a line", "a -----BEGIN X-----\n", {}},
      {"two blocks with text around",
       "a\n-----BEGIN X-----\nZm9vYmFy\n-----END X-----\nb\n-----BEGIN A B-----\nZm9v\n-----END A "
       "B-----\nc",
       {{"X", "foobar", 2, false}, {"A B", "foo", 6, false}}},
  });
}

// RFC 1421, 4.4 and 4.6: headers, and the one that says the bytes are ciphertext.
TEST(PemReader, ReadsExplanatoryHeaders) {
  Check({
      {"any",
       "-----BEGIN X-----\nComment: hello\n  and more\n\nZm9v\n-----END X-----\n",
       {{"X", "foo", 1, false}}},
      {"encrypted",
       "-----BEGIN X-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: DES,00\r\n\r\nZm9v\r\n-----END "
       "X-----\r\n",
       {{"X", "foo", 1, true}}},
      {"unended",
       "-----BEGIN X-----\nComment: hello\nZm9v\n-----END X-----\n",
       {{"pem_malformed", "line 2: headers that no empty line ends", 0, false}}},
  });
}

std::string Message(std::string_view text) {
  const std::vector<Block> blocks = ReadAll(text);
  return blocks.empty() ? "" : blocks.back().label + " " + blocks.back().content;
}

TEST(PemReader, RefusesBrokenBlocksAndNamesTheLine) {
  const auto body = [](const std::string& text) {
    return Message("junk\n-----BEGIN X-----\n" + text + "\n-----END X-----\n");
  };
  const std::string bad = "pem_malformed line 3: broken base64";
  EXPECT_EQ(body("Zm9*"), bad);
  EXPECT_EQ(body("Zm9v Zm9v"), bad);
  EXPECT_EQ(body("Zm9-"), bad);      // base64url
  EXPECT_EQ(body("Zm9vYh=="), bad);  // unused bits that are not zero
  EXPECT_EQ(body("Zg==Zm9v"), bad);
  EXPECT_EQ(body("Zm9v\nZg==\nZm9v"), "pem_malformed line 5: broken base64");
  EXPECT_EQ(body(std::string(64, 'A') + "\n" + std::string(63, 'A') + "!"),
            "pem_malformed line 4: broken base64");
  EXPECT_EQ(body("Zm9vY"),
            "pem_malformed line 4: the base64 ends in the middle of a group of four");
  EXPECT_EQ(body(""), "pem_malformed line 2: an empty X block");
  EXPECT_EQ(Message("-----BEGIN X-----\nZm9v\n"), "pem_malformed line 1: BEGIN X without END");
  EXPECT_EQ(Message("-----BEGIN X-----"), "pem_malformed line 1: BEGIN X without END");
  EXPECT_EQ(Message("-----BEGIN X-----\nZm9v\n-----BEGIN X-----\nZm9v\n-----END X-----\n"),
            "pem_malformed line 3: BEGIN inside a block without END");
  EXPECT_EQ(Message("-----BEGIN X-----\nZm9v\n-----END Y-----\n"),
            "pem_malformed line 3: expected END X, as the block began");
  EXPECT_EQ(Message("-----BEGIN X-----\nZm9v\n-----END "),
            "pem_malformed line 3: expected END X, as the block began");
  EXPECT_EQ(Message("-----BEGIN X----\nZm9v\n-----END X-----\n"),
            "pem_malformed line 1: a BEGIN line that does not end in -----");
  EXPECT_EQ(Message("-----BEGIN \n"),
            "pem_malformed line 1: a BEGIN line that does not end in -----");
  for (const std::string& label : {std::string(), std::string("\x1b[31m"), std::string(65, 'X')}) {
    EXPECT_EQ(Message("-----BEGIN " + label + "-----\nZm9v\n-----END " + label + "-----\n"),
              "pem_malformed line 1: a BEGIN line without a label in plain ASCII");
  }
}

TEST(PemReader, StaysAtItsEndAfterAnError) {
  const std::string text =
      "-----BEGIN X-----\n!\n-----END X-----\n-----BEGIN X-----\nZm9v\n-----END X-----\n";
  PemReader reader(AsBytes(text));
  EXPECT_FALSE(reader.Next());
  const auto next = reader.Next();
  ASSERT_TRUE(next);
  EXPECT_FALSE(*next);
}

TEST(HasPemBlock, LooksForBeginAtTheStartOfALine) {
  EXPECT_TRUE(HasPemBlock(AsBytes("a\n  -----BEGIN X-----")));
  EXPECT_FALSE(HasPemBlock(AsBytes("a -----BEGIN X-----")));
  EXPECT_FALSE(HasPemBlock({}));
}

}  // namespace
}  // namespace cotter::formats
