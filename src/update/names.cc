// SPDX-License-Identifier: Apache-2.0
#include "update/names.h"

#include "base/sha256.h"

namespace cotter::update {
namespace {

// File systems take 255 bytes; WriteFileAtomically adds seven.
constexpr std::size_t kMaxFileName = 240;

constexpr std::string_view kUnreserved =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~";

std::string Quote(std::string_view text, std::string_view also) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string quoted;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos || also.find(c) != std::string_view::npos) {
      quoted += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      quoted += '%';
      quoted += kHex[byte >> 4];
      quoted += kHex[byte & 15];
    }
  }
  return quoted;
}

std::string WithSlash(std::string_view base) {
  std::string url(base);
  if (url.empty() || url.back() != '/') url += '/';
  return url;
}

}  // namespace

std::string QuoteName(std::string_view name) { return Quote(name, ""); }

std::string QuotePath(std::string_view path) { return Quote(path, "/!$&'()*+,;=:@"); }

std::string FileNameOf(std::string_view name, std::string_view ending) {
  std::string file = QuoteName(name);
  if (file == "." || file == ".." || file.size() + ending.size() > kMaxFileName) {
    file = EncodeHex(base::Sha256(AsBytes(name)).bytes);
  }
  return file += ending;
}

std::string MetadataUrl(std::string_view base, std::string_view role,
                        std::optional<std::int64_t> version) {
  std::string url = WithSlash(base);
  if (version) url += std::to_string(*version) + ".";
  return url + QuoteName(role) + ".json";
}

std::string TargetUrl(std::string_view base, std::string_view path, std::string_view hash) {
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  std::string url = WithSlash(base) + QuotePath(path.substr(0, name));
  if (!hash.empty()) url += std::string(hash) + ".";
  return url + QuotePath(path.substr(name));
}

}  // namespace cotter::update
