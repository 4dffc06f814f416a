// SPDX-License-Identifier: Apache-2.0
//
// What metadata and targets are called in URLs and on disk. Names come from metadata, so every
// one is made harmless. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cotter::update {

// QuoteName is `name` with every byte but letters, digits and "_.-~" as %XX: one part of a path,
// whatever it was.
[[nodiscard]] std::string QuoteName(std::string_view name);

// QuotePath is the target path `path` for a URL: what RFC 3986 lets a path have is left as it is.
[[nodiscard]] std::string QuotePath(std::string_view path);

// FileNameOf is a file's name for `name` with `ending`: quoted, or the hash of a name too long.
[[nodiscard]] std::string FileNameOf(std::string_view name, std::string_view ending);

// MetadataUrl is the URL of the metadata file of `role`, with its version in front where one is
// given.
[[nodiscard]] std::string MetadataUrl(std::string_view base, std::string_view role,
                                      std::optional<std::int64_t> version);

// TargetUrl is the URL of the target `path`, with `hash` in front of its file name where that is
// not empty.
[[nodiscard]] std::string TargetUrl(std::string_view base, std::string_view path,
                                    std::string_view hash);

}  // namespace cotter::update
