// SPDX-License-Identifier: Apache-2.0
#include "update/verify.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include <openssl/evp.h>

#include "base/sha256.h"

namespace cotter::update {
namespace {

std::string Sha512Hex(std::string_view content) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  COTTER_CHECK(
      EVP_Digest(content.data(), content.size(), digest.data(), &size, EVP_sha512(), nullptr) == 1);
  return EncodeHex(ByteView(digest.data(), size));
}

bool SameHex(std::string_view a, std::string_view b) {
  const std::optional<Bytes> first = DecodeHex(a);
  return first && first == DecodeHex(b);
}

// Signers counts the different keys of `role` that signed `file`, up to `enough`.
std::size_t Signers(const Envelope& file, const RoleKeys& role, const KeySet& keys,
                    std::size_t enough) {
  std::set<Digest> signers;
  for (const Signature& signature : file.signatures) {
    if (signers.size() >= enough) break;
    const auto key = keys.find(signature.keyid);
    const bool of_role =
        std::find(role.keyids.begin(), role.keyids.end(), signature.keyid) != role.keyids.end();
    if (!of_role || key == keys.end() || signers.count(key->second.identity()) != 0) continue;
    const std::optional<Bytes> bytes = DecodeHex(signature.hex);
    if (bytes && key->second.Verifies(AsBytes(file.signed_bytes), *bytes)) {
      signers.insert(key->second.identity());
    }
  }
  return signers.size();
}

}  // namespace

Result<void> VerifySignatures(const Envelope& file, const RoleKeys& role, const KeySet& keys) {
  const std::size_t signers = Signers(file, role, keys, role.threshold);
  if (signers >= role.threshold) return Ok();
  return Error{Code::kSignatureThreshold, "signed by " + std::to_string(signers) +
                                              " of the keys that may, where " +
                                              std::to_string(role.threshold) + " have to"};
}

std::size_t CountSigners(const Envelope& file, const RoleKeys& role, const KeySet& keys) {
  return Signers(file, role, keys, role.keyids.size());
}

Result<void> VerifyContent(std::string_view content, const FileInfo& info) {
  const auto refuse = [](std::string why) {
    return Error{Code::kMetadataMismatch, std::move(why)};
  };
  if (info.length && static_cast<std::uint64_t>(*info.length) != content.size()) {
    return refuse("it has " + std::to_string(content.size()) + " bytes, not the " +
                  std::to_string(*info.length) + " that are signed");
  }
  bool known = info.hashes.empty();
  for (const Hash& hash : info.hashes) {
    const bool sha256 = hash.algorithm == "sha256";
    if (!sha256 && hash.algorithm != "sha512") continue;
    known = true;
    const std::string actual =
        sha256 ? EncodeHex(base::Sha256(AsBytes(content)).bytes) : Sha512Hex(content);
    if (!SameHex(actual, hash.hex))
      return refuse("its " + hash.algorithm + " is not the signed one");
  }
  if (!known) return refuse("it has no hash of a known kind");
  return Ok();
}

}  // namespace cotter::update
