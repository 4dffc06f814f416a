// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <utility>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "base/file.h"
#include "watch/observation.h"
#include <cotter/bytes.h>

namespace cotter::watch {
namespace {

constexpr std::string_view kMagic = "cotter-watch-1";
constexpr std::size_t kSignatureSize = 64;  // RFC 8032, 5.1.6
constexpr std::size_t kMaxKeyFile = std::size_t{16} << 10;
constexpr std::size_t kMaxHead = 256;

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using BioPtr = std::unique_ptr<BIO, FreeBio>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, FreeDigestContext>;

std::shared_ptr<EVP_PKEY> Own(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

// A passphrase is never asked for: there may be nobody to answer.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<std::string> ReadKeyFile(const std::string& path) {
  const Result<base::FileImage> image = base::ReadFile(path, kMaxKeyFile);
  if (!image) return image.error();
  return std::string(AsText(image->bytes()));
}

BioPtr Over(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<void> RequireEd25519(EVP_PKEY* key, const std::string& path) {
  if (EVP_PKEY_get_id(key) == EVP_PKEY_ED25519) return Ok();
  return Error{Code::kKeyUnsupported, path + ": expected an Ed25519 key"};
}

template <typename Number>
bool ReadNumber(std::string_view text, Number& into) {
  const char* const end = text.data() + text.size();
  const auto [stopped, failed] = std::from_chars(text.data(), end, into);
  // One spelling of a number: what is signed is what is meant.
  return failed == std::errc() && stopped == end && !text.empty() &&
         (text.size() == 1 || text.front() != '0') && text.front() != '-';
}

std::string Base64(ByteView bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(static_cast<unsigned char*>(static_cast<void*>(text.data())),
                                   bytes.data(), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

// SignatureOf reads the base64 of 64 bytes, in its one spelling.
std::optional<Bytes> SignatureOf(std::string_view text) {
  constexpr std::size_t kTextSize = 88;
  if (text.size() != kTextSize) return std::nullopt;
  std::array<unsigned char, kTextSize> bytes{};
  const int size =
      EVP_DecodeBlock(bytes.data(), AsBytes(text).data(), static_cast<int>(text.size()));
  // It counts the bytes of the padding too.
  if (size < static_cast<int>(kSignatureSize)) return std::nullopt;
  Bytes signature(bytes.begin(), bytes.begin() + kSignatureSize);
  if (Base64(signature) != text) return std::nullopt;
  return signature;
}

}  // namespace

Result<SigningKey> SigningKey::Read(const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) == 0 && (facts.st_mode & 077U) != 0) {
    return Error{Code::kFileUnreadable, path + ": others may read the key; chmod 600 it"};
  }
  const Result<std::string> pem = ReadKeyFile(path);
  if (!pem) return pem.error();
  bool is_encrypted = false;
  auto key = Own(PEM_read_bio_PrivateKey(Over(*pem).get(), nullptr, NoPassphrase, &is_encrypted));
  ERR_clear_error();
  if (is_encrypted) return Error{Code::kKeyEncrypted, path + ": the key is encrypted"};
  if (!key) return Error{Code::kInputUnknown, path + ": expected a private key in PEM"};
  if (Result<void> sound = RequireEd25519(key.get(), path); !sound) return sound.error();
  return SigningKey(std::move(key));
}

Result<Bytes> SigningKey::Sign(ByteView message) const {
  const DigestContextPtr context(EVP_MD_CTX_new());
  Bytes signature(kSignatureSize);
  std::size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    ERR_clear_error();
    return Error{Code::kInternal, "the key does not sign"};
  }
  return signature;
}

Result<CheckingKey> CheckingKey::Read(const std::string& path) {
  const Result<std::string> pem = ReadKeyFile(path);
  if (!pem) return pem.error();
  auto key = Own(PEM_read_bio_PUBKEY(Over(*pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!key) return Error{Code::kInputUnknown, path + ": expected a public key in PEM"};
  if (Result<void> sound = RequireEd25519(key.get(), path); !sound) return sound.error();
  return CheckingKey(std::move(key));
}

bool CheckingKey::Verifies(ByteView message, ByteView signature) const {
  const DigestContextPtr context(EVP_MD_CTX_new());
  const bool verified =
      context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) == 1;
  ERR_clear_error();
  return verified;
}

Result<std::string> Seal(std::string_view name, std::uint64_t sequence, Time time,
                         std::string_view json, const SigningKey& key) {
  // A space ends a name in the head.
  if (name.empty() || name.find_first_of(" \n") != std::string_view::npos) {
    return Error{Code::kUsage, "the name of a vantage point that reports has no spaces"};
  }
  std::string head(kMagic);
  head += " ";
  head += name;
  head += " " + std::to_string(sequence) + " " + std::to_string(time.unix_seconds);
  const Result<Bytes> signature = key.Sign(AsBytes(head + "\n" + std::string(json)));
  if (!signature) return signature.error();
  return head + " " + Base64(*signature) + "\n" + std::string(json);
}

Result<Envelope> OpenEnvelope(std::string_view text) {
  const Error malformed{Code::kFormatMalformed,
                        "expected 'cotter-watch-1 NAME SEQUENCE TIME SIGNATURE' and JSON"};
  const std::size_t end = text.substr(0, kMaxHead).find('\n');
  if (end == std::string_view::npos) return malformed;
  Envelope envelope;
  envelope.json = text.substr(end + 1);
  std::string_view head = text.substr(0, end);
  std::array<std::string_view, 5> words;
  for (std::string_view& word : words) {
    const std::size_t space = head.find(' ');
    word = head.substr(0, space);
    head = space == std::string_view::npos ? std::string_view{} : head.substr(space + 1);
  }
  std::optional<Bytes> signature = SignatureOf(words[4]);
  if (words[0] != kMagic || words[1].empty() || !ReadNumber(words[2], envelope.sequence) ||
      !ReadNumber(words[3], envelope.time.unix_seconds) || !head.empty() || !signature) {
    return malformed;
  }
  envelope.name = words[1];
  envelope.signature = *std::move(signature);
  envelope.signed_head = text.substr(0, end - words[4].size() - 1);
  return envelope;
}

bool IsSignedBy(const Envelope& envelope, const CheckingKey& key) {
  const std::string message = std::string(envelope.signed_head) + "\n" + std::string(envelope.json);
  return key.Verifies(AsBytes(message), envelope.signature);
}

}  // namespace cotter::watch
