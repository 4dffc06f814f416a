// SPDX-License-Identifier: Apache-2.0
//
// What a repository's people call its keys. Metadata names keys by their hash alone; the names are
// of the .pub files that were added, for people, and decide nothing.
#include <utility>

#include "base/file.h"
#include "update/repository.h"

namespace cotter::update {
namespace {

constexpr std::size_t kMaxNamesFile = std::size_t{1} << 20;

JsonObject ReadNames(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, kMaxNamesFile);
  if (!file) return {};
  const Result<JsonValue> names = ParseJson(AsText(file->bytes()));
  return names && names->object() != nullptr ? *names->object() : JsonObject();
}

}  // namespace

Result<void> Repository::Remember(std::span<const NamedKey> keys) const {
  const std::string path = path_ + "/names.json";
  JsonObject names = ReadNames(path);
  for (const NamedKey& key : keys) names.Set(key.keyid, {key.name});
  return base::WriteFileAtomically(path, AsBytes(WriteJson({std::move(names)}) + "\n"));
}

std::map<std::string, std::string> Repository::KeyNames() const {
  std::map<std::string, std::string> names;
  const JsonObject read = ReadNames(path_ + "/names.json");
  for (const JsonMember& member : read.members()) {
    if (member.value.text() != nullptr) names.emplace(member.key, *member.value.text());
  }
  return names;
}

}  // namespace cotter::update
