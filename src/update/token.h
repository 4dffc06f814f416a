// SPDX-License-Identifier: Apache-2.0
//
// Keys that stay inside a token (PKCS #11 2.40): hardware, or SoftHSM. The token's module is loaded
// by its path when it is first needed. Only P-256 keys: every token has them. For one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "update/key_store.h"
#include "update/private_key.h"
#include <cotter/result.h>

namespace cotter::update {

// TokenUri is a URI of RFC 7512, as far as cotter uses it: "pkcs11:token=T;object=NAME".
struct TokenUri {
  std::string token;   // the token's label
  std::string object;  // the key's label; empty for the token as a whole
  std::string module;  // the attribute module-path; empty for none
};

// IsTokenUri reports whether `text` begins with "pkcs11:".
[[nodiscard]] bool IsTokenUri(std::string_view text) noexcept;

// ParseTokenUri reads one. kUsage for anything else, for a URI without a token, and for one that
// has a PIN in it or says where one is: other processes see command lines.
[[nodiscard]] Result<TokenUri> ParseTokenUri(std::string_view text);

class Token {
 public:
  // Open loads `module`, looks for the token with the label `label`, and logs in with `pin`. kUsage
  // for no module; all else that fails is kTokenFailed and says what was missing. The PIN is in no
  // message.
  [[nodiscard]] static Result<Token> Open(const std::string& module, const std::string& label,
                                          std::string_view pin);

  // Generate makes a P-256 key that cannot be taken out of the token. kUsage where one has the
  // label; kTokenFailed.
  [[nodiscard]] Result<NamedKey> Generate(const std::string& label);

  // List is the P-256 keys of the token, by label. kTokenFailed.
  [[nodiscard]] Result<std::vector<NamedKey>> List() const;

  // Find is the private key with the label `label`, which signs inside the token. It keeps the
  // session open that this object has. kTokenFailed.
  [[nodiscard]] Result<PrivateKey> Find(const std::string& label) const;

 private:
  class Session;
  explicit Token(std::shared_ptr<Session> session) : session_(std::move(session)) {}

  std::shared_ptr<Session> session_;
};

}  // namespace cotter::update
