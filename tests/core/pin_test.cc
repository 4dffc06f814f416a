// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cotter/pin.h>

namespace cotter {
namespace {

// The SPKI of the certificate of RFC 7469's author's example, as base64 and as Python's
// base64.b16encode prints it.
constexpr std::string_view kBase64 = "pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=";
constexpr std::string_view kHex =
    "A4BD7EA9BF474CC459266B82FDB07F648F5DDF4D8162BAEA895B91C96F831AB5";

std::string ColonHex() {
  std::string text;
  for (std::size_t i = 0; i < kHex.size(); i += 2) {
    if (i != 0) text += ':';
    text += kHex.substr(i, 2);
  }
  return text;
}

// S1-09: every spelling in use, one canonical form.
TEST(ParsePin, ReadsEverySpelling_S1_09) {
  std::string lower(kHex);
  for (char& c : lower) c = static_cast<char>(std::tolower(c));
  const std::string base64(kBase64);
  for (const std::string& text :
       {"sha256/" + base64, "sha256//" + base64, base64, "pin-sha256=\"" + base64 + "\"",
        std::string(kHex), lower, ColonHex()}) {
    const Result<Digest> digest = ParsePin(text);
    ASSERT_TRUE(digest) << text << ": " << digest.error().message;
    EXPECT_EQ(FormatPin(*digest), "sha256/" + base64);
    EXPECT_EQ(FormatPinBase64(*digest), base64);
  }
}

// One digest in 64 begins with '/' in base64: "sha256/" and curl's "sha256//" were told apart by
// their slashes alone, and such a pin was refused as one of 43 characters.
TEST(ParsePin, ReadsDigestsThatBeginWithASlash_S1_09) {
  const std::string base64 = "/+7i6PwTJXT2+Bx9hBfCBBYrrqiVuRyW+DGrU0pL1qg=";
  const Result<Digest> bare = ParsePin(base64);
  ASSERT_TRUE(bare) << bare.error().message;
  for (const std::string prefix : {"sha256/", "sha256//"}) {
    const Result<Digest> digest = ParsePin(prefix + base64);
    ASSERT_TRUE(digest) << prefix << ": " << digest.error().message;
    EXPECT_EQ(*digest, *bare);
  }
  EXPECT_EQ(*ParsePin(FormatPin(*bare)), *bare);
}

struct BadPin {
  std::string text;
  Code code;
};

// S2-06, S2-07: what a broken pipeline and a copied example leave behind.
TEST(ParsePin, RefusesWithTheReason_S2_06_S2_07) {
  const std::string base64(kBase64);
  const BadPin cases[] = {
      {"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", Code::kPinEmptyInput},
      {"sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", Code::kPinEmptyInput},
      {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Code::kPinEmptyInput},
      {"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", Code::kPinPlaceholder},
      {"sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB=", Code::kPinPlaceholder},
      {"ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFA", Code::kPinPlaceholder},
      {std::string(64, '0'), Code::kPinPlaceholder},
      {std::string(64, 'f'), Code::kPinPlaceholder},
      {"//////////////////////////////////////////8=", Code::kPinPlaceholder},
      {"3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8=", Code::kPinPlaceholder},  // deadbeef
      {"", Code::kPinMalformed},
      {"sha256/", Code::kPinMalformed},
      {"...", Code::kPinMalformed},
      {"${SPKI_HASH}", Code::kPinMalformed},
      {"YOUR_PRIMARY_BASE64_HASH_HERE=", Code::kPinMalformed},
      {"sha512/" + base64, Code::kPinMalformed},
      {"sha1/qvTGHdzF6KLavt4PO0gs2a6pQ00=", Code::kPinMalformed},
      {"abc125", Code::kPinWrongLength},
      {base64.substr(0, 43), Code::kPinWrongLength},
      {"A" + base64, Code::kPinWrongLength},
      {std::string(kHex.substr(2)), Code::kPinWrongLength},
      {" " + base64, Code::kPinMalformed},
      {base64 + "\n", Code::kPinMalformed},
      {"SHA256/" + base64, Code::kPinMalformed},
      {"pin-sha256=" + base64, Code::kPinMalformed},
      {"pin-sha256=\"" + base64, Code::kPinMalformed},
      // The last character's two unused bits are not zero: another spelling of the same 32 bytes.
      {"pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrV=", Code::kPinMalformed},
      {"pL1-qb9HTMRZJmuC_bB_ZI9d302BYrrqiVuRyW-DGrU=", Code::kPinMalformed},
      {ColonHex().replace(2, 1, "-"), Code::kPinMalformed},
  };
  for (const BadPin& test : cases) {
    const Result<Digest> digest = ParsePin(test.text);
    ASSERT_FALSE(digest) << test.text;
    EXPECT_EQ(NameOf(digest.error().code), NameOf(test.code)) << test.text;
  }
}

}  // namespace
}  // namespace cotter
