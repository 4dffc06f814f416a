// SPDX-License-Identifier: Apache-2.0
#include "formats/pasted.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <openssl/crypto.h>

#include "formats/pem.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::size_t kNone = std::string_view::npos;

// FromUtf16 is the ASCII of a text in UTF-16 with its byte order mark; empty where it is no such
// text, or has anything else in it.
std::string FromUtf16(ByteView input) {
  if (input.size() < 4 || input.size() % 2 != 0) return {};
  const bool little = input[0] == 0xFF && input[1] == 0xFE;
  const bool big = input[0] == 0xFE && input[1] == 0xFF;
  if (!little && !big) return {};
  std::string text;
  text.reserve(input.size() / 2);
  for (std::size_t i = 2; i < input.size(); i += 2) {
    const std::uint8_t low = input[little ? i : i + 1];
    const std::uint8_t high = input[little ? i + 1 : i];
    if (high != 0 || low > 0x7E) {
      OPENSSL_cleanse(text.data(), text.size());
      return {};
    }
    text.push_back(static_cast<char>(low));
  }
  return text;
}

// LabelAt is the label of the BEGIN or END whose mark ends at `at`; empty where there is none.
std::string_view LabelAt(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at, PemReader::kMaxLabel + kDashes.size());
  const std::size_t dashes = rest.find(kDashes);
  if (dashes == kNone) return {};
  const std::string_view label = rest.substr(0, dashes);
  const bool plain = std::ranges::all_of(label, [](char c) {
    return c == ' ' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '#';
  });
  return plain ? label : std::string_view();
}

// IsFolded reports whether a BEGIN has something else on its line, as none of a PEM file has.
bool IsFolded(std::string_view text) {
  for (std::size_t at = text.find(kBegin); at != kNone; at = text.find(kBegin, at + 1)) {
    const std::string_view label = LabelAt(text, at + kBegin.size());
    if (label.empty()) continue;
    const std::size_t end = at + kBegin.size() + label.size() + kDashes.size();
    const std::size_t next = std::min(text.find_first_not_of(" \t\r", end), text.size());
    if (next < text.size() && text[next] != '\n') return true;
  }
  return !HasPemBlock(AsBytes(text)) && text.find(kBegin) != kNone;
}

// AppendBody appends what of `body` is base64; false where it holds something else: headers, a
// cipher's among them, do not survive.
bool AppendBody(std::string_view body, std::string& out) {
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    const bool escape = c == '\\' && i + 1 < body.size();
    if (escape && (body[i + 1] == 'n' || body[i + 1] == 'r' || body[i + 1] == 't')) {
      ++i;
    } else if (escape && body[i + 1] == '/') {  // as PHP writes JSON
      out.push_back('/');
      ++i;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '+' || c == '/' || c == '=') {
      out.push_back(c);
    } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '>') {
      return false;
    }
  }
  return true;
}

// Relined is each block of `text` on lines of its own; empty where one of them is none.
std::string Relined(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8 + 64);  // never moved: it may hold a private key
  for (std::size_t at = text.find(kBegin); at != kNone; at = text.find(kBegin, at)) {
    const std::string_view label = LabelAt(text, at + kBegin.size());
    const std::size_t body = at + kBegin.size() + label.size() + kDashes.size();
    const std::size_t end = label.empty() ? kNone : text.find(kEnd, body);
    const bool whole = end != kNone && LabelAt(text, end + kEnd.size()) == label;
    out.append(kBegin).append(label).append(kDashes).append("\n");
    if (!whole || !AppendBody(text.substr(body, end - body), out)) {
      OPENSSL_cleanse(out.data(), out.size());
      return {};
    }
    out.append("\n").append(kEnd).append(label).append(kDashes).append("\n");
    at = end + kEnd.size();
  }
  return out;
}

}  // namespace

std::optional<std::string> Unfold(ByteView input) {
  std::string narrow = FromUtf16(input);
  const std::string_view text = narrow.empty() ? AsText(input) : std::string_view(narrow);
  std::string lines;
  if (IsFolded(text)) {
    lines = Relined(text);
    OPENSSL_cleanse(narrow.data(), narrow.size());
  } else {
    lines = std::move(narrow);
  }
  if (lines.empty()) return std::nullopt;
  return lines;
}

}  // namespace cotter::formats
