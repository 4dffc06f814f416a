// SPDX-License-Identifier: Apache-2.0
#include "cli/token_key.h"

#include <utility>

#include "cli/arguments.h"
#include "cli/passphrase.h"
#include "update/public_key.h"

namespace cotter::cli {
namespace {

update::KeyStore StoreOf(Call call) {
  return update::KeyStore(std::string(call.arguments.Value("keys").value_or("keys")));
}

// ObjectOf is the key's label in `uri`, which has to name one.
Result<std::string> ObjectOf(const std::string& uri) {
  Result<update::TokenUri> parsed = update::ParseTokenUri(uri);
  if (!parsed) return parsed.error();
  if (!parsed->object.empty()) return std::move(parsed->object);
  return Error{Code::kUsage, "pkcs11: URI: expected the key's label, object=NAME"};
}

}  // namespace

Result<update::Token> OpenToken(Call call, const std::string& uri) {
  const Result<update::TokenUri> parsed = update::ParseTokenUri(uri);
  if (!parsed) return parsed.error();
  const std::string module(call.arguments.Value("module").value_or(parsed->module));
  const Result<Passphrase> pin =
      ReadPassphrase(call.arguments, Purpose::kOpen, "the PIN of token " + parsed->token);
  if (!pin) return pin.error();
  return update::Token::Open(module, parsed->token, pin->text());
}

Result<update::PrivateKey> OpenSigningKey(Call call, const std::string& name) {
  if (!update::IsTokenUri(name)) {
    const Result<Passphrase> passphrase = ReadPassphrase(call.arguments, Purpose::kOpen, name);
    if (!passphrase) return passphrase.error();
    return StoreOf(call).Open(name, passphrase->text());
  }
  const Result<std::string> object = ObjectOf(name);
  if (!object) return object.error();
  const Result<update::Token> token = OpenToken(call, name);
  return token ? token->Find(*object) : token.error();
}

Result<update::NamedKey> FindPublicKey(Call call, const std::string& name) {
  if (!update::IsTokenUri(name)) return StoreOf(call).Find(name);
  const Result<std::string> object = ObjectOf(name);
  if (!object) return object.error();
  const Result<update::PrivateKey> key = OpenSigningKey(call, name);
  if (!key) return key.error();
  return update::NamedKey{*object, update::KeyId(key->Public()), key->Public()};
}

}  // namespace cotter::cli
