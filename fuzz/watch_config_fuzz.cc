// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes watch::ReadConfig: what is accepted has servers, unique names and sound times; what is
// refused says where.
#include <cstddef>
#include <cstdint>

#include "watch/config.h"

namespace {

cotter::Result<std::string> NoFile(const std::string& path, std::size_t /*limit*/) {
  if (path.ends_with("list")) return std::string("a.example.com\nb.example.com:8443\n");
  return cotter::Error{cotter::Code::kFileUnreadable, path};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = cotter::watch::ReadConfig(cotter::AsText({data, size}), "watch.toml", NoFile);
  if (!config) {
    COTTER_CHECK(config.error().message.starts_with("watch.toml"));
    return 0;
  }
  COTTER_CHECK(!config->policy.empty() && !config->state.empty() && !config->groups.empty());
  for (const auto& group : config->groups) {
    COTTER_CHECK(!group.hosts.empty() && group.interval.count() > 0 && group.jitter_percent <= 50);
  }
  for (const auto& rotation : config->rotations) COTTER_CHECK(rotation.from < rotation.until);
  for (std::size_t i = 1; i < config->sinks.size(); ++i) {
    COTTER_CHECK(config->sinks[i].name != config->sinks[i - 1].name);
  }
  return 0;
}
