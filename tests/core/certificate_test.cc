// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/base64.h"
#include <cotter/certificate.h>

namespace cotter {
namespace {

// ISRG Root X2, as published at letsencrypt.org. `openssl x509 -pubkey | openssl pkey -pubin
// -outform der | openssl dgst -sha256 -binary | base64` gives the pin below.
constexpr std::string_view kIsrgRootX2 =
    "MIICGzCCAaGgAwIBAgIQQdKd0XLq7qeAwSxs6S+HUjAKBggqhkjOPQQDAzBPMQswCQYDVQQGEwJVUzEpMCcGA1UEChMg"
    "SW50ZXJuZXQgU2VjdXJpdHkgUmVzZWFyY2ggR3JvdXAxFTATBgNVBAMTDElTUkcgUm9vdCBYMjAeFw0yMDA5MDQwMDAw"
    "MDBaFw00MDA5MTcxNjAwMDBaME8xCzAJBgNVBAYTAlVTMSkwJwYDVQQKEyBJbnRlcm5ldCBTZWN1cml0eSBSZXNlYXJj"
    "aCBHcm91cDEVMBMGA1UEAxMMSVNSRyBSb290IFgyMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEzZvVn4CDCuwJSvMWSj5c"
    "z3es3mcFDR0HttwW+1qLFNvicWDEukWVEYmO6gbf9yoWHKS5xcUy4APgHoIYOIvXRdgKam7mAHf7AlF9ItgKbppbd9/w"
    "+kHsOdx1ymgHDB/qo0IwQDAOBgNVHQ8BAf8EBAMCAQYwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUfEKWrt5LSDv6"
    "kviejM9ti6lyN5UwCgYIKoZIzj0EAwMDaAAwZQIwe3lORlCEwkSHRhtFcP9Ymd70/aTSVaYgLXTWNLxBo1BfASdWtL4n"
    "dQavEi51mI38AjEAi/V3bNTIZargCyzuFJ0nN6T5U6VR5CmD1/iQMVtCnwr1/q4AaOeMSQ+2b1tbFfLn";

Bytes IsrgRootX2() {
  Bytes der(kIsrgRootX2.size());
  der.resize(*DecodeBase64(kIsrgRootX2, der));
  return der;
}

TEST(CertificateView, ShowsTheFieldsOfARealRoot) {
  const Bytes der = IsrgRootX2();
  const Result<CertificateView> view = CertificateView::Parse(der);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(EncodeHex(view->serial()), "41d29dd172eaeea780c12c6ce92f8752");
  EXPECT_EQ(FormatName(view->subject()), "CN=ISRG Root X2,O=Internet Security Research Group,C=US");
  EXPECT_TRUE(view->is_self_issued());
  EXPECT_EQ(FormatTime(*view->not_before()), "2020-09-04T00:00:00Z");
  EXPECT_EQ(FormatTime(*view->not_after()), "2040-09-17T16:00:00Z");
  EXPECT_EQ(view->spki().size(), 120U);
  EXPECT_TRUE(SameBytes(*FindSpki(der), view->spki()));
}

// S2-11: strict extraction. Each cut and each changed length of a real certificate is refused or
// stays inside it.
TEST(FindSpki, RefusesEveryTruncation_S2_11) {
  const Bytes der = IsrgRootX2();
  for (std::size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(FindSpki(ByteView(der).first(size))) << size;
  }
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_FALSE(FindSpki(longer));
}

TEST(FindSpki, StaysInsideTheInputWhateverAByteSays_S2_11) {
  const Bytes original = IsrgRootX2();
  for (std::size_t at = 0; at < original.size(); ++at) {
    for (const std::uint8_t value : Bytes{0x00, 0x01, 0x7F, 0x80, 0x81, 0x84, 0xFF}) {
      Bytes der = original;
      der[at] = value;
      if (const Result<ByteView> spki = FindSpki(der)) {
        EXPECT_GE(spki->data(), der.data());
        EXPECT_LE(spki->data() + spki->size(), der.data() + der.size());
      }
    }
  }
}

TEST(CheckSpki, RefusesWhatIsNoKey) {
  const Bytes no_oid = {0x30, 0x08, 0x30, 0x02, 0x05, 0x00, 0x03, 0x02, 0x00, 0x04};
  const Bytes odd_bits = {0x30, 0x09, 0x30, 0x03, 0x06, 0x01, 0x2A, 0x03, 0x02, 0x01, 0x04};
  const Bytes sound = {0x30, 0x09, 0x30, 0x03, 0x06, 0x01, 0x2A, 0x03, 0x02, 0x00, 0x04};
  EXPECT_FALSE(CheckSpki(no_oid));
  EXPECT_FALSE(CheckSpki(odd_bits));
  EXPECT_TRUE(CheckSpki(sound));
  EXPECT_FALSE(CheckSpki({}));
}

// Name wraps one attribute of the given type and string tag into a Name.
Bytes NameOfOne(const Bytes& oid, std::uint8_t tag, std::string_view value) {
  const auto wrap = [](std::uint8_t outer, const Bytes& content) {
    Bytes out = {outer, static_cast<std::uint8_t>(content.size())};
    out.insert(out.end(), content.begin(), content.end());
    return out;
  };
  Bytes attribute = wrap(0x06, oid);
  const ByteView text = AsBytes(value);
  const Bytes string = wrap(tag, Bytes(text.begin(), text.end()));
  attribute.insert(attribute.end(), string.begin(), string.end());
  return wrap(0x30, wrap(0x31, wrap(0x30, attribute)));
}

TEST(FormatName, EscapesWhatRfc4514AndATerminalAskFor) {
  using namespace std::string_view_literals;
  const Bytes cn = {0x55, 0x04, 0x03};
  EXPECT_EQ(FormatName(NameOfOne(cn, 0x0C, "a,b+c\"d\\e<f>g;h")), R"(CN=a\,b\+c\"d\\e\<f\>g\;h)");
  EXPECT_EQ(FormatName(NameOfOne(cn, 0x0C, " # x ")), "CN=\\ # x\\ ");
  EXPECT_EQ(FormatName(NameOfOne(cn, 0x0C, "#x")), "CN=\\#x");
  EXPECT_EQ(FormatName(NameOfOne(cn, 0x0C, "good.example\0.evil"sv)), "CN=good.example\\00.evil");
  EXPECT_EQ(FormatName(NameOfOne(cn, 0x0C, "a\x1b[2Jb\x7f")), "CN=a\\1B[2Jb\\7F");
  EXPECT_EQ(FormatName(NameOfOne(cn, 0x0C, "Bücher")), "CN=Bücher");
  EXPECT_EQ(FormatName(NameOfOne(cn, 0x0C, "\xff\xc0\x80")), "CN=\\FF\\C0\\80");
  EXPECT_EQ(FormatName(NameOfOne(cn, 0x0C,
                                 "a\xe2\x80\xae"
                                 "b")),
            "CN=a\\E2\\80\\AEb");
  EXPECT_EQ(FormatName(NameOfOne(cn, 0x1E, "\0B\0\xfc"sv)), "CN=Bü");
  EXPECT_EQ(FormatName(NameOfOne(cn, 0x14, "B\xfc")), "CN=Bü");
  EXPECT_EQ(FormatName(NameOfOne({0x2A, 0x03, 0x04}, 0x0C, "x")), "1.2.3.4=#0C0178");
  EXPECT_EQ(FormatName({}), "#");
  EXPECT_EQ(FormatName(Bytes{0x30, 0x00}), "");
  EXPECT_EQ(FormatName(Bytes{0x30, 0x01}), "#3001");
}

}  // namespace
}  // namespace cotter
