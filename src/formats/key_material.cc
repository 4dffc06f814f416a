// SPDX-License-Identifier: Apache-2.0
#include "formats/key_material.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include <openssl/crypto.h>

#include "core/base64.h"
#include "core/der.h"
#include "formats/cms.h"
#include "formats/der_shape.h"
#include "formats/pasted.h"
#include "formats/pem.h"
#include "formats/private_key.h"
#include <cotter/certificate.h>

namespace cotter::formats {
namespace {

using der::Element;
using der::Reader;

// What a PEM label promises. RFC 7468, 4 to 13, and the labels that OpenSSL and old servers write.
enum class Form : std::uint8_t {
  kCertificate,
  kTrustedCertificate,
  kRequest,
  kPublicKey,
  kRsaPublicKey,
  kPrivateKey,
  kEncryptedPrivateKey,
  kCms,
};

struct Label {
  std::string_view text;
  Form form;
};

constexpr Label kLabels[] = {
    {"CERTIFICATE", Form::kCertificate},
    {"X509 CERTIFICATE", Form::kCertificate},
    {"TRUSTED CERTIFICATE", Form::kTrustedCertificate},
    {"CERTIFICATE REQUEST", Form::kRequest},
    {"NEW CERTIFICATE REQUEST", Form::kRequest},
    {"PUBLIC KEY", Form::kPublicKey},
    {"RSA PUBLIC KEY", Form::kRsaPublicKey},
    {"PRIVATE KEY", Form::kPrivateKey},
    {"EC PRIVATE KEY", Form::kPrivateKey},
    {"RSA PRIVATE KEY", Form::kPrivateKey},
    {"DSA PRIVATE KEY", Form::kPrivateKey},
    {"ENCRYPTED PRIVATE KEY", Form::kEncryptedPrivateKey},
    {"PKCS7", Form::kCms},
    {"PKCS #7 SIGNED DATA", Form::kCms},
    {"CMS", Form::kCms},
};

std::optional<Form> FormOf(std::string_view label) {
  const auto* found = std::ranges::find(kLabels, label, &Label::text);
  return found == std::end(kLabels) ? std::nullopt : std::optional<Form>(found->form);
}

std::optional<Form> FormOf(DerShape shape) {
  switch (shape) {
    case DerShape::kCertificate:
      return Form::kCertificate;
    case DerShape::kRequest:
      return Form::kRequest;
    case DerShape::kPublicKey:
      return Form::kPublicKey;
    case DerShape::kRsaPublicKey:
      return Form::kRsaPublicKey;
    case DerShape::kPrivateKey:
    case DerShape::kTraditionalKey:
      return Form::kPrivateKey;
    case DerShape::kEncryptedPrivateKey:
      return Form::kEncryptedPrivateKey;
    case DerShape::kCms:
      return Form::kCms;
    case DerShape::kUnknown:
    case DerShape::kPkcs12:
    case DerShape::kCrl:
      return std::nullopt;
  }
  return std::nullopt;
}

Error Encrypted() {
  return Error{Code::kKeyEncrypted,
               "the private key is encrypted; write its public half to a file with 'openssl pkey "
               "-in KEY -pubout' and use that"};
}

void AppendHeader(Bytes& out, std::uint8_t tag, std::size_t length) {
  out.push_back(tag);
  if (length >= 0x80) {
    const std::uint8_t octets = length > 0xFFFFFF ? 4 : length > 0xFFFF ? 3 : length > 0xFF ? 2 : 1;
    out.push_back(static_cast<std::uint8_t>(0x80U | octets));
    for (unsigned i = octets; i-- > 1;) out.push_back(static_cast<std::uint8_t>(length >> (8 * i)));
  }
  out.push_back(static_cast<std::uint8_t>(length));
}

// WrapRsaKey puts a PKCS #1 key into a SubjectPublicKeyInfo, which has one DER form only (RFC 3279,
// 2.3.1).
Result<Bytes> WrapRsaKey(ByteView key) {
  constexpr std::array<std::uint8_t, 15> kRsaEncryption = {
      0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00};
  const std::optional<ByteView> content = der::TakeOnly(key, der::kSequence);
  Reader parts(content.value_or(ByteView()));
  if (!parts.Take(der::kInteger) || !parts.Take(der::kInteger) || !parts.at_end()) {
    return Error{Code::kDerMalformed, "not an RSA public key: expected modulus and exponent"};
  }
  Bytes bits;
  AppendHeader(bits, der::kBitString, key.size() + 1);
  bits.push_back(0);
  bits.insert(bits.end(), key.begin(), key.end());
  Bytes spki;
  AppendHeader(spki, der::kSequence, kRsaEncryption.size() + bits.size());
  spki.insert(spki.end(), kRsaEncryption.begin(), kRsaEncryption.end());
  spki.insert(spki.end(), bits.begin(), bits.end());
  return spki;
}

// Walk is one reading: it turns forms into items and counts them.
class Walk {
 public:
  explicit Walk(const MaterialVisitor& visit) : visit_(visit) {}

  [[nodiscard]] std::size_t count() const noexcept { return count_; }

  Result<void> Take(Form form, ByteView der) {
    switch (form) {
      case Form::kCertificate:
        return TakeWith(MaterialKind::kCertificate, der, FindSpki(der));
      case Form::kTrustedCertificate:
        return TakeTrusted(der);
      case Form::kRequest:
        return TakeWith(MaterialKind::kRequest, der, FindRequestSpki(der));
      case Form::kPublicKey:
        if (Result<void> sound = CheckSpki(der); !sound) return sound;
        return Visit({MaterialKind::kPublicKey, der, der});
      case Form::kRsaPublicKey:
        return TakeMade(MaterialKind::kPublicKey, WrapRsaKey(der));
      case Form::kPrivateKey:
        // Old writers put encrypted keys under the plain label.
        if (ShapeOf(der) == DerShape::kEncryptedPrivateKey) return Encrypted();
        return TakeMade(MaterialKind::kPrivateKey, PublicHalf(der));
      case Form::kEncryptedPrivateKey:
        return Encrypted();
      case Form::kCms:
        return TakeCms(der);
    }
    return Error{Code::kInternal, "a form that is not handled"};
  }

 private:
  Result<void> Visit(const MaterialView& view) {
    if (++count_ > kMaxKeyMaterial) {
      return Error{Code::kFileTooLarge,
                   "more than " + std::to_string(kMaxKeyMaterial) + " certificates and keys"};
    }
    return visit_(view);
  }

  Result<void> TakeWith(MaterialKind kind, ByteView der, const Result<ByteView>& spki) {
    if (!spki) return spki.error();
    return Visit({kind, der, *spki});
  }

  Result<void> TakeMade(MaterialKind kind, const Result<Bytes>& spki) {
    if (!spki) return spki.error();
    return Visit({kind, *spki, *spki});
  }

  // OpenSSL's own form: a certificate, then perhaps a SEQUENCE of trust settings.
  Result<void> TakeTrusted(ByteView der) {
    Reader parts(der);
    const std::optional<Element> certificate = parts.Take(der::kSequence);
    if (!certificate || !parts.SkipOptional(der::kSequence) || !parts.at_end()) {
      return Error{Code::kDerMalformed, "not a certificate with trust settings"};
    }
    return Take(Form::kCertificate, certificate->whole);
  }

  Result<void> TakeCms(ByteView input) {
    const Result<std::vector<Bytes>> certificates = CmsCertificates(input);
    if (!certificates) return certificates.error();
    for (const Bytes& certificate : *certificates) {
      if (Result<void> taken = Take(Form::kCertificate, certificate); !taken) return taken;
    }
    return Ok();
  }

  const MaterialVisitor& visit_;
  std::size_t count_ = 0;
};

// Skipped remembers the labels of blocks that were passed over, for the message when there is
// nothing else.
class Skipped {
 public:
  void Add(std::string_view label) {
    constexpr std::size_t kMaxNamed = 4;  // enough to see what kind of file it is
    if (labels_.size() < kMaxNamed && std::ranges::find(labels_, label) == labels_.end()) {
      labels_.emplace_back(label);
    }
  }

  [[nodiscard]] Error ToError() const {
    std::string names;
    for (const std::string& label : labels_) names += (names.empty() ? "" : ", ") + label;
    return Error{Code::kInputUnknown, "no certificate, request or key" +
                                          (names.empty() ? names : ", only PEM blocks " + names)};
  }

 private:
  std::vector<std::string> labels_;
};

Result<std::size_t> WalkPem(ByteView input, const MaterialVisitor& visit) {
  PemReader reader(input);
  Walk walk(visit);
  Skipped skipped;
  while (true) {
    const Result<std::optional<PemBlock>> next = reader.Next();
    if (!next) return next.error();
    if (!*next) break;
    const PemBlock& block = **next;
    const std::optional<Form> form = FormOf(block.label);
    if (!form) {
      skipped.Add(block.label);
      continue;
    }
    const Result<void> taken =
        block.cipher == PemCipher::kEncrypted ? Encrypted() : walk.Take(*form, block.der);
    if (!taken) {
      return Error{taken.error().code, "line " + std::to_string(reader.LineOf(block.offset)) +
                                           ": " + taken.error().message};
    }
  }
  if (walk.count() == 0) return skipped.ToError();
  return walk.count();
}

Result<std::size_t> WalkDer(ByteView input, const MaterialVisitor& visit) {
  const DerShape shape = ShapeOf(input);
  const std::optional<Form> form = FormOf(shape);
  if (!form && shape == DerShape::kPkcs12) {
    return Error{Code::kInputUnknown,
                 "a PKCS #12 file; write its certificates to a file with 'openssl pkcs12 -in FILE "
                 "-nokeys' and use that"};
  }
  if (!form && shape == DerShape::kCrl) {
    return Error{Code::kInputUnknown, "a certificate revocation list, which holds no key"};
  }
  if (!form) {
    return Error{Code::kDerMalformed,
                 "not strict DER of a certificate, request, key or PKCS #7, or there are bytes "
                 "after its end"};
  }
  Walk walk(visit);
  if (const Result<void> taken = walk.Take(*form, input); !taken) return taken.error();
  if (walk.count() == 0) return Error{Code::kInputUnknown, "a PKCS #7 file without certificates"};
  return walk.count();
}

// BareBase64 decodes a text that is base64 and white space throughout; empty where it is not.
Bytes BareBase64(ByteView input) {
  std::string text;
  text.reserve(input.size());
  for (const char c : AsText(input)) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') text.push_back(c);
  }
  Bytes der(text.size() / 4 * 3);
  der.resize(DecodeBase64(text, der).value_or(0));
  OPENSSL_cleanse(text.data(), text.size());  // it may be a private key
  return der;
}

// A SEQUENCE whose second octet can't be text's, or whose length fits: "0" is 0x30, too.
bool LooksLikeDer(ByteView input) {
  if (input.size() < 2 || input[0] != der::kSequence) return false;
  return input[1] >= 0x80 || der::TakeOnly(input, der::kSequence).has_value();
}

}  // namespace

std::string_view NameOf(MaterialKind kind) noexcept {
  switch (kind) {
    case MaterialKind::kCertificate:
      return "certificate";
    case MaterialKind::kRequest:
      return "csr";
    case MaterialKind::kPublicKey:
      return "public_key";
    case MaterialKind::kPrivateKey:
      return "private_key";
  }
  return "";
}

KeyMaterial::KeyMaterial(const MaterialView& view)
    : kind_(view.kind),
      der_(view.der.begin(), view.der.end()),
      spki_offset_(static_cast<std::size_t>(view.spki.data() - view.der.data())),
      spki_size_(view.spki.size()) {}

Result<std::size_t> ForEachKeyMaterial(ByteView input, const MaterialVisitor& visit) {
  if (input.empty()) return Error{Code::kInputUnknown, "the input is empty"};
  if (LooksLikeDer(input)) return WalkDer(input, visit);
  if (std::optional<std::string> lines = Unfold(input)) {
    Result<std::size_t> count = WalkPem(AsBytes(*lines), visit);
    OPENSSL_cleanse(lines->data(), lines->size());
    return count;
  }
  if (HasPemBlock(input)) return WalkPem(input, visit);
  Bytes der = BareBase64(input);
  if (der.empty()) {
    return Error{Code::kInputUnknown, "neither PEM, DER, PKCS #7 nor base64 of one of them"};
  }
  Result<std::size_t> count = WalkDer(der, visit);
  OPENSSL_cleanse(der.data(), der.size());
  return count;
}

Result<std::vector<KeyMaterial>> ReadKeyMaterial(ByteView input) {
  std::vector<KeyMaterial> items;
  const Result<std::size_t> count = ForEachKeyMaterial(input, [&](const MaterialView& view) {
    items.emplace_back(view);
    return Ok();
  });
  if (!count) return count.error();
  return items;
}

}  // namespace cotter::formats
