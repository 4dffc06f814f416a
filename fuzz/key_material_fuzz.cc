// SPDX-License-Identifier: Apache-2.0
//
// Target: ReadKeyMaterial, and beneath it ShapeOf, CmsCertificates, PublicHalf.
// Property: every item has an SPKI in strict DER; a certificate's is the one that FindSpki finds;
// an item's own bytes, read again as DER, give the same SPKI; an error message has no control
// character, whatever the input.
#include <algorithm>

#include "formats/key_material.h"
#include <cotter/certificate.h>

namespace {

using namespace cotter;

void CheckItem(const formats::KeyMaterial& item) {
  COTTER_CHECK(CheckSpki(item.spki()).has_value());
  if (item.kind() == formats::MaterialKind::kCertificate) {
    const Result<ByteView> spki = FindSpki(item.der());
    COTTER_CHECK(spki.has_value() && SameBytes(*spki, item.spki()));
  }
  const auto again = formats::ReadKeyMaterial(item.der());
  COTTER_CHECK(again.has_value() && again->size() == 1);
  COTTER_CHECK(SameBytes(again->front().spki(), item.spki()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto items = formats::ReadKeyMaterial(ByteView(data, size));
  if (!items) {
    COTTER_CHECK(
        std::ranges::all_of(items.error().message, [](char c) { return c >= ' ' && c <= '~'; }));
    return 0;
  }
  for (const formats::KeyMaterial& item : *items) CheckItem(item);
  return 0;
}
