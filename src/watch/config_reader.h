// SPDX-License-Identifier: Apache-2.0
//
// What the files that read the configuration share. For the config*.cc of this room.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/table_reader.h"
#include "watch/config.h"

namespace cotter::watch {

// ConfigReader carries what every table needs.
struct ConfigReader {
  std::string file;
  FileReader read;
  policy::ReadLog log{policy::Errors::kFirst};

  // PathOf is `path`, seen from the configuration's folder.
  [[nodiscard]] std::string PathOf(const std::string& path) const;
};

inline constexpr policy::Word<Severity> kSeverityWords[] = {{"warning", Severity::kWarning},
                                                            {"critical", Severity::kCritical}};

// A week: what is looked at less often is not watched.
inline constexpr std::int64_t kLongestSeconds = 7 * 86'400;

void ReadSeconds(policy::TableReader& table, std::string_view key, std::int64_t least,
                 std::chrono::seconds& into);

using policy::ReadNumber;

// ReadName reads a name that ends up in labels and messages: 1 to 64 printable ASCII characters.
[[nodiscard]] std::string ReadName(policy::TableReader& table, std::string_view key,
                                   std::string fallback);

// UrlKeys are the keys of a URL: in the configuration, or the file that it is the first line of,
// because the URLs of many services are secrets. Static storage.
struct UrlKeys {
  std::string_view plain;
  std::string_view in_file;
};

// ReadUrl reads a URL. It is http or https, and http only to this machine unless
// `insecure_cleartext` is set.
[[nodiscard]] std::string ReadUrl(policy::TableReader& table, UrlKeys keys, ConfigReader& reader,
                                  bool insecure_cleartext);

// ReadSecret is the first line of the file that `key` names; empty where the key is absent.
[[nodiscard]] std::string ReadSecret(policy::TableReader& table, std::string_view key,
                                     ConfigReader& reader);

// ReadTrust reads `system_roots` and `files`.
void ReadTrust(policy::TableReader& table, const ConfigReader& reader, tls::TrustOptions& trust);

// ReadSinks reads every [[sink]].
void ReadSink(policy::Value value, ConfigReader& reader, WatchConfig& config);

// ReadGroup reads one [[group]].
void ReadGroup(policy::Value value, ConfigReader& reader, WatchConfig& config);

}  // namespace cotter::watch
