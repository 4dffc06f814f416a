// SPDX-License-Identifier: Apache-2.0
#include "update/token.h"

namespace cotter::update {
namespace {

constexpr std::string_view kScheme = "pkcs11:";

int HexOf(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Decode takes percent signs (RFC 3986, 2.1) out of `text`; false for one that is none.
bool Decode(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexOf(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexOf(text[i + 2]) : -1;
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

Error Bad(std::string why) { return Error{Code::kUsage, "pkcs11: URI: " + std::move(why)}; }

Result<void> Take(std::string_view name, std::string value, TokenUri& uri) {
  if (name == "token") {
    uri.token = std::move(value);
  } else if (name == "object") {
    uri.object = std::move(value);
  } else if (name == "module-path") {
    uri.module = std::move(value);
  } else if (name == "pin-value" || name == "pin-source") {
    return Bad(
        "a PIN is not taken from the command line; it is asked for, or comes from "
        "--passphrase-fd or --passphrase-credential");
  } else if (name != "type" || value != "private") {
    return Bad("\"" + std::string(name) + "\" is none of token, object and module-path");
  }
  return Ok();
}

}  // namespace

bool IsTokenUri(std::string_view text) noexcept {
  return text.substr(0, kScheme.size()) == kScheme;
}

Result<TokenUri> ParseTokenUri(std::string_view text) {
  if (!IsTokenUri(text)) return Bad("expected pkcs11:token=LABEL;object=NAME");
  std::string_view rest = text.substr(kScheme.size());
  TokenUri uri;
  while (!rest.empty()) {
    // The query's attributes come behind "?" and are parted by "&".
    const std::size_t end = rest.find_first_of(";?&");
    const std::string_view one = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::size_t equals = one.find('=');
    std::string value;
    if (equals == std::string_view::npos || !Decode(one.substr(equals + 1), value)) {
      return Bad("expected NAME=VALUE, percent-encoded");
    }
    if (Result<void> taken = Take(one.substr(0, equals), std::move(value), uri); !taken) {
      return taken.error();
    }
  }
  if (uri.token.empty()) return Bad("expected the token's label, token=LABEL");
  return uri;
}

}  // namespace cotter::update
