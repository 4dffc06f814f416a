// SPDX-License-Identifier: Apache-2.0
//
// Target: FindSpki, FindRequestSpki, CheckSpki, CertificateView::Parse, FormatName, der::Reader.
// Property: where the strict walk finds a key in what OpenSSL also takes for a certificate,
// OpenSSL's public key has the same bytes; every view stays inside the input; a formatted name
// holds no control character.
#include <algorithm>

#include <openssl/x509.h>

#include <cotter/certificate.h>

namespace {

using namespace cotter;

void CheckInside(ByteView view, ByteView input) {
  COTTER_CHECK(view.data() >= input.data());
  COTTER_CHECK(view.data() + view.size() <= input.data() + input.size());
}

// OpenSSL keeps the SubjectPublicKeyInfo as it read it, so its encoding is a second opinion on
// where the key is.
void CompareWithOpenSsl(ByteView der, ByteView spki) {
  const std::uint8_t* at = der.data();
  X509* certificate = d2i_X509(nullptr, &at, static_cast<long>(der.size()));
  if (certificate == nullptr) return;
  const ASN1_BIT_STRING* key = X509_get0_pubkey_bitstr(certificate);
  COTTER_CHECK(key != nullptr);
  const auto size = static_cast<std::size_t>(ASN1_STRING_length(key));
  const std::uint8_t* bits = ASN1_STRING_get0_data(key);
  COTTER_CHECK(spki.size() >= size &&
               std::equal(bits, bits + size, spki.end() - static_cast<std::ptrdiff_t>(size)));
  X509_free(certificate);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (const Result<ByteView> spki = FindSpki(input)) {
    CheckInside(*spki, input);
    COTTER_CHECK(CheckSpki(*spki).has_value());
    CompareWithOpenSsl(input, *spki);
  }
  if (const Result<ByteView> spki = FindRequestSpki(input)) CheckInside(*spki, input);
  if (const Result<CertificateView> view = CertificateView::Parse(input)) {
    const Result<ByteView> spki = FindSpki(input);
    COTTER_CHECK(spki.has_value() && SameBytes(*spki, view->spki()));
    const std::string subject = FormatName(view->subject());
    COTTER_CHECK(std::ranges::none_of(
        subject, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }));
    (void)view->not_before();
    (void)view->not_after();
  }
  return 0;
}
