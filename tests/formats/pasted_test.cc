// SPDX-License-Identifier: Apache-2.0
#include "formats/pasted.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "formats/key_material.h"

namespace cotter::formats {
namespace {

std::string Read(const char* name) {
  const auto image = base::ReadFile(std::string(COTTER_MATERIAL) + "/p256/" + name);
  COTTER_CHECK(image);
  return std::string(AsText(image->bytes()));
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string Utf16(const std::string& text, bool little) {
  std::string wide = little ? "\xFF\xFE" : "\xFE\xFF";
  for (const char c : text) wide += little ? std::string({c, '\0'}) : std::string({'\0', c});
  return wide;
}

// What is read is what the file itself holds, whatever became of its lines.
void ExpectSame(const std::string& pasted, const std::string& original) {
  const auto wanted = ReadKeyMaterial(AsBytes(original));
  const auto read = ReadKeyMaterial(AsBytes(pasted));
  ASSERT_TRUE(wanted);
  ASSERT_TRUE(read) << read.error().message << "\n" << pasted.substr(0, 200);
  ASSERT_EQ(read->size(), wanted->size());
  for (std::size_t i = 0; i < read->size(); ++i) {
    EXPECT_TRUE(SameBytes((*read)[i].der(), (*wanted)[i].der()));
    EXPECT_EQ((*read)[i].kind(), (*wanted)[i].kind());
  }
}

// S0-17: the certificate that the app received, as people paste it.
TEST(Unfold, ReadsPemThatLostItsLines_S0_17) {
  for (const std::string& pem :
       {Read("cert.pem"), Read("key.pem"), Read("cert.pem") + Read("csr.pem")}) {
    const std::string escaped = Replaced(pem, "\n", "\\n");
    ExpectSame("{\"error\": \"pin\", \"pem\": \"" + escaped + "\"}\n", pem);
    ExpectSame("'" + Replaced(Replaced(pem, "\n", "\\r\\n"), "/", "\\/") + "'", pem);
    ExpectSame(Replaced(pem, "\n", " "), pem);
    ExpectSame(Replaced(pem, "\n", ""), pem);
    ExpectSame(Replaced(pem, "\n", "\r"), pem);
    ExpectSame("> " + Replaced(pem, "\n", "\n> "), pem);
    ExpectSame("2026-11-26 refused: " + Replaced(pem, "\n", " ") + " by x\n", pem);
    ExpectSame(Utf16(Replaced(pem, "\n", "\r\n"), true), pem);
    ExpectSame(Utf16(pem, false), pem);
  }
}

TEST(Unfold, LeavesAloneWhatNeedsNoneOfIt) {
  const std::string pem = Read("cert.pem");
  for (const std::string& text :
       {pem, Replaced(pem, "\n", " \r\n"), "text\n" + pem + "text\n", std::string("text"),
        std::string(), "a -----BEGIN X----- in words\n" + pem}) {
    EXPECT_FALSE(Unfold(AsBytes(text))) << text.substr(0, 60);
  }
}

// What is broken stays so: a block is read as strictly as one with its lines.
TEST(Unfold, ForgivesNothingElse) {
  const std::string line = Replaced(Read("cert.pem"), "\n", " ");
  for (const std::string& text :
       {line.substr(0, line.size() - 5), Replaced(line, "END CERTIFICATE", "END X"),
        Replaced(line, "MII", "M!I"), Replaced(line, "MII", "MI"), line + line.substr(0, 200),
        Utf16(line, true) + "x", Utf16(line, true).substr(2),
        std::string("-----BEGIN CERTIFICATE----- -----END CERTIFICATE-----")}) {
    EXPECT_FALSE(ReadKeyMaterial(AsBytes(text))) << text.substr(0, 60);
  }
}

}  // namespace
}  // namespace cotter::formats
