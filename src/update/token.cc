// SPDX-License-Identifier: Apache-2.0
#include "update/token.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <p11-kit/pkcs11.h>
#include <type_traits>
#include <utility>

#include <openssl/ec.h>
#include <openssl/x509.h>

#include "base/late_library.h"
#include "base/sha256.h"
#include "update/openssl_ptr.h"
#include "update/public_key.h"

namespace cotter::update {
namespace {

constexpr std::size_t kMaxSlots = 64;     // a machine has a few
constexpr std::size_t kMaxObjects = 512;  // keys that are looked at in one token
constexpr std::size_t kMaxLabel = 255;

// The object identifier of P-256 in DER (RFC 5480, 2.1.1.1), and the SubjectPublicKeyInfo of a key
// of that curve up to its point, which has 65 bytes.
constexpr std::array<std::uint8_t, 10> kP256 = {0x06, 0x08, 0x2A, 0x86, 0x48,
                                                0xCE, 0x3D, 0x03, 0x01, 0x07};
constexpr std::array<std::uint8_t, 26> kSpkiHead = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
    0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
constexpr std::size_t kPointSize = 65;
constexpr std::size_t kSignatureSize = 64;

using SignaturePtr = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;

Error Failed(std::string why) { return Error{Code::kTokenFailed, std::move(why)}; }

std::string NameOfCode(CK_RV code) {
  switch (code) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
      return "the PIN is not the token's; it locks itself after some wrong ones";
    case CKR_PIN_LOCKED:
      return "the PIN is locked; the token's officer unlocks it";
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_DEVICE_REMOVED:
      return "the token is not there any more";
    case CKR_MECHANISM_INVALID:
      return "the token does not know P-256";
    case CKR_TOKEN_WRITE_PROTECTED:
    case CKR_SESSION_READ_ONLY:
      return "the token cannot be written";
    default:
      break;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "code 0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[(code >> shift) & 15U];
  return text;
}

// Trimmed is a label as tokens keep it: padded with blanks.
template <std::size_t N>
std::string Trimmed(const unsigned char (&padded)[N]) {
  std::string text(padded, padded + N);
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

// PointOf takes a point as tokens give it: in an OCTET STRING, or bare.
std::optional<Bytes> PointOf(const Bytes& value) {
  const bool wrapped = value.size() == kPointSize + 2 && value[0] == 0x04 && value[1] == kPointSize;
  if (!wrapped && value.size() != kPointSize) return std::nullopt;
  Bytes point(value.end() - kPointSize, value.end());
  if (point.front() != 0x04) return std::nullopt;  // not compressed
  return point;
}

std::shared_ptr<EVP_PKEY> KeyOf(const Bytes& point) {
  Bytes der(kSpkiHead.begin(), kSpkiHead.end());
  der.insert(der.end(), point.begin(), point.end());
  const unsigned char* at = der.data();
  return {d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())), EVP_PKEY_free};
}

// DerOf is the signature r, s as X.509 and update metadata have it.
Result<Bytes> DerOf(const std::array<std::uint8_t, kSignatureSize>& raw) {
  constexpr int kHalf = 32;
  const SignaturePtr signature(ECDSA_SIG_new());
  BIGNUM* const r = BN_bin2bn(raw.data(), kHalf, nullptr);
  BIGNUM* const s = BN_bin2bn(raw.data() + kHalf, kHalf, nullptr);
  if (signature == nullptr || r == nullptr || s == nullptr ||
      ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return Error{Code::kInternal, "libcrypto cannot hold a signature"};
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  const OpensslBytesPtr owner(der);
  if (size <= 0) return Error{Code::kInternal, "libcrypto cannot write a signature"};
  return Bytes(der, der + size);
}

// The interface takes even what it only reads as not const, and borrows it.
CK_ATTRIBUTE Attribute(CK_ATTRIBUTE_TYPE type, void* value, std::size_t size) {
  return {type, value, static_cast<CK_ULONG>(size)};
}

template <typename T>
CK_ATTRIBUTE Attribute(CK_ATTRIBUTE_TYPE type, T& value) {
  return Attribute(type, &value, sizeof value);
}

}  // namespace

// Session is a logged-in session. Its module stays loaded; the session ends with the object.
class Token::Session {
 public:
  explicit Session(CK_FUNCTION_LIST* functions) : functions_(functions) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    if (open_) functions_->C_CloseSession(handle_);
  }

  Result<void> Start(CK_SLOT_ID slot, std::string_view pin) {
    CK_RV code = functions_->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr,
                                           nullptr, &handle_);
    if (code != CKR_OK) return Failed("no session can be opened: " + NameOfCode(code));
    open_ = true;
    Bytes bytes(pin.begin(), pin.end());
    code = functions_->C_Login(handle_, CKU_USER, bytes.data(), bytes.size());
    OPENSSL_cleanse(bytes.data(), bytes.size());
    if (code == CKR_OK || code == CKR_USER_ALREADY_LOGGED_IN) return Ok();
    return Failed("the token does not let anybody in: " + NameOfCode(code));
  }

  // Objects is those of `kind` that are P-256 keys, with the label `label` or, where that is empty,
  // with any.
  Result<std::vector<CK_OBJECT_HANDLE>> Objects(CK_OBJECT_CLASS kind, std::string label) const {
    CK_KEY_TYPE type = CKK_EC;
    std::array<CK_ATTRIBUTE, 3> wanted = {Attribute(CKA_CLASS, kind), Attribute(CKA_KEY_TYPE, type),
                                          Attribute(CKA_LABEL, label.data(), label.size())};
    CK_RV code = functions_->C_FindObjectsInit(handle_, wanted.data(), label.empty() ? 2 : 3);
    std::vector<CK_OBJECT_HANDLE> found(kMaxObjects);
    CK_ULONG count = 0;
    if (code == CKR_OK) {
      code = functions_->C_FindObjects(handle_, found.data(), found.size(), &count);
      functions_->C_FindObjectsFinal(handle_);
    }
    if (code != CKR_OK) return Failed("the token's keys cannot be read: " + NameOfCode(code));
    found.resize(std::min<std::size_t>(count, found.size()));
    std::erase_if(found, [this](CK_OBJECT_HANDLE object) {
      const std::optional<Bytes> curve = Value(object, CKA_EC_PARAMS);
      return !curve || !std::equal(curve->begin(), curve->end(), kP256.begin(), kP256.end());
    });
    return found;
  }

  [[nodiscard]] std::optional<Bytes> Value(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
    Bytes value(512);  // points and labels are shorter
    CK_ATTRIBUTE attribute = Attribute(type, value.data(), value.size());
    if (functions_->C_GetAttributeValue(handle_, object, &attribute, 1) != CKR_OK ||
        attribute.ulValueLen > value.size()) {
      return std::nullopt;
    }
    value.resize(attribute.ulValueLen);
    return value;
  }

  Result<void> Generate(std::string label) const {
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    auto curve = kP256;
    Digest id = base::Sha256(AsBytes(label));
    std::array<CK_ATTRIBUTE, 5> half = {Attribute(CKA_TOKEN, yes), Attribute(CKA_VERIFY, yes),
                                        Attribute(CKA_EC_PARAMS, curve.data(), curve.size()),
                                        Attribute(CKA_LABEL, label.data(), label.size()),
                                        Attribute(CKA_ID, id.bytes.data(), id.bytes.size())};
    std::array<CK_ATTRIBUTE, 7> key = {Attribute(CKA_TOKEN, yes),
                                       Attribute(CKA_PRIVATE, yes),
                                       Attribute(CKA_SENSITIVE, yes),
                                       Attribute(CKA_EXTRACTABLE, no),
                                       Attribute(CKA_SIGN, yes),
                                       Attribute(CKA_LABEL, label.data(), label.size()),
                                       Attribute(CKA_ID, id.bytes.data(), id.bytes.size())};
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE made_half = 0;
    CK_OBJECT_HANDLE made_key = 0;
    const CK_RV code = functions_->C_GenerateKeyPair(handle_, &mechanism, half.data(), half.size(),
                                                     key.data(), key.size(), &made_half, &made_key);
    if (code != CKR_OK) return Failed("no key can be made: " + NameOfCode(code));
    return Ok();
  }

  Result<Bytes> Sign(CK_OBJECT_HANDLE key, ByteView message) const {
    Digest digest = base::Sha256(message);
    CK_MECHANISM mechanism = {CKM_ECDSA, nullptr, 0};
    CK_RV code = functions_->C_SignInit(handle_, &mechanism, key);
    std::array<std::uint8_t, kSignatureSize> raw{};
    CK_ULONG size = raw.size();
    if (code == CKR_OK) {
      code =
          functions_->C_Sign(handle_, digest.bytes.data(), digest.bytes.size(), raw.data(), &size);
    }
    if (code != CKR_OK) return Failed("the token does not sign: " + NameOfCode(code));
    if (size != raw.size()) return Failed("the token's signature is none of P-256");
    return DerOf(raw);
  }

 private:
  CK_FUNCTION_LIST* functions_;
  CK_SESSION_HANDLE handle_ = 0;
  bool open_ = false;
};

Result<Token> Token::Open(const std::string& module, const std::string& label,
                          std::string_view pin) {
  if (module.empty()) {
    return Error{Code::kUsage, "no module is named; --module FILE is the token's library"};
  }
  const base::LateLibrary library(module.c_str());
  std::remove_pointer_t<CK_C_GetFunctionList>* found = nullptr;
  if (!library.loaded()) return Failed(module + ": the library cannot be loaded");
  if (!library.Find("C_GetFunctionList", found)) {
    return Failed(module + ": the library is no PKCS #11 module");
  }
  CK_FUNCTION_LIST* functions = nullptr;
  CK_RV code = found(&functions);
  if (code == CKR_OK) code = functions->C_Initialize(nullptr);
  if (code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    return Failed(module + ": the module does not start: " + NameOfCode(code));
  }
  std::array<CK_SLOT_ID, kMaxSlots> slots{};
  CK_ULONG count = slots.size();
  code = functions->C_GetSlotList(CK_TRUE, slots.data(), &count);
  if (code != CKR_OK) return Failed(module + ": its tokens cannot be listed: " + NameOfCode(code));
  std::string others;
  for (CK_ULONG i = 0; i < count; ++i) {
    CK_TOKEN_INFO info{};
    if (functions->C_GetTokenInfo(slots[i], &info) != CKR_OK) continue;
    const std::string name = Trimmed(info.label);
    if (name != label) {
      if (!name.empty()) others += (others.empty() ? "" : ", ") + name;
      continue;
    }
    auto session = std::make_shared<Session>(functions);
    if (Result<void> started = session->Start(slots[i], pin); !started) return started.error();
    return Token(std::move(session));
  }
  return Failed("there is no token " + label + (others.empty() ? "" : "; there is " + others));
}

Result<NamedKey> Token::Generate(const std::string& label) {
  if (label.empty() || label.size() > kMaxLabel) {
    return Error{Code::kUsage, "expected a key's name, object=NAME"};
  }
  const Result<std::vector<CK_OBJECT_HANDLE>> there = session_->Objects(CKO_PRIVATE_KEY, label);
  if (!there) return there.error();
  if (!there->empty()) return Error{Code::kUsage, "the token has a key " + label + " already"};
  if (Result<void> made = session_->Generate(label); !made) return made.error();
  const Result<PrivateKey> key = Find(label);
  if (!key) return key.error();
  // A key that was made and does not sign is better known today.
  const Result<Bytes> proof = key->Sign(AsBytes("cotter: this key is whole"));
  if (!proof) return proof.error();
  return NamedKey{label, KeyId(key->Public()), key->Public()};
}

Result<std::vector<NamedKey>> Token::List() const {
  const Result<std::vector<CK_OBJECT_HANDLE>> objects = session_->Objects(CKO_PRIVATE_KEY, {});
  if (!objects) return objects.error();
  std::vector<NamedKey> keys;
  for (const CK_OBJECT_HANDLE object : *objects) {
    const std::optional<Bytes> label = session_->Value(object, CKA_LABEL);
    if (!label) continue;
    const std::string name(label->begin(), label->end());
    const Result<PrivateKey> key = Find(name);
    if (key) keys.push_back({name, KeyId(key->Public()), key->Public()});
  }
  std::sort(keys.begin(), keys.end(),
            [](const NamedKey& a, const NamedKey& b) { return a.name < b.name; });
  return keys;
}

Result<PrivateKey> Token::Find(const std::string& label) const {
  const Result<std::vector<CK_OBJECT_HANDLE>> keys = session_->Objects(CKO_PRIVATE_KEY, label);
  if (!keys) return keys.error();
  const Result<std::vector<CK_OBJECT_HANDLE>> halves = session_->Objects(CKO_PUBLIC_KEY, label);
  if (!halves) return halves.error();
  if (keys->size() != 1 || halves->size() != 1) {
    return Failed(keys->empty() ? "the token has no P-256 key " + label
                                : "the token has not exactly one key pair " + label);
  }
  const std::optional<Bytes> value = session_->Value(halves->front(), CKA_EC_POINT);
  const std::optional<Bytes> point = value ? PointOf(*value) : std::nullopt;
  std::shared_ptr<EVP_PKEY> half = point ? KeyOf(*point) : nullptr;
  if (half == nullptr) return Failed("the public half of " + label + " cannot be read");
  return PrivateKey::InToken(std::move(half),
                             [session = session_, key = keys->front()](ByteView message) {
                               return session->Sign(key, message);
                             });
}

}  // namespace cotter::update
