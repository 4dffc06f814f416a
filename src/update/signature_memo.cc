// SPDX-License-Identifier: Apache-2.0
#include "update/signature_memo.h"

#include <string>

#include "base/sha256.h"
#include "update/verify.h"

namespace cotter::update {
namespace {

// The files of one repository, a few versions of each; then it begins anew.
constexpr std::size_t kMostVerified = 256;

// QuestionOf is a hash of all that the answer depends on. Each part has its length in front, so
// that no two questions are one text.
Digest QuestionOf(const Envelope& file, const RoleKeys& role, const KeySet& keys) {
  std::string text;
  const auto add = [&text](std::string_view part) {
    text.append(std::to_string(part.size())).append(":").append(part);
  };
  add(std::to_string(role.threshold));
  add(std::to_string(role.keyids.size()));
  for (const std::string& keyid : role.keyids) {
    add(keyid);
    const auto key = keys.find(keyid);
    add(key == keys.end() ? "" : AsText(key->second.identity().bytes));
  }
  add(file.signed_bytes);
  for (const Signature& signature : file.signatures) {
    add(signature.keyid);
    add(signature.hex);
  }
  return base::Sha256(AsBytes(text));
}

}  // namespace

Result<void> SignatureMemo::Verify(const Envelope& file, const RoleKeys& role, const KeySet& keys) {
  const Digest question = QuestionOf(file, role, keys);
  if (verified_.count(question) != 0) return Ok();
  Result<void> good = VerifySignatures(file, role, keys);
  if (good) {
    if (verified_.size() >= kMostVerified) verified_.clear();
    verified_.insert(question);
  }
  return good;
}

}  // namespace cotter::update
