// SPDX-License-Identifier: Apache-2.0
//
// KeyStore is a folder of keys: NAME.key, encrypted, 0600, and NAME.pub, its public half as
// metadata has it. drills.jsonl beside them records backups and restores. For one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "update/private_key.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::update {

// A key file has a few hundred bytes.
inline constexpr std::size_t kMaxKeyFile = std::size_t{16} << 10;

// NamedKey is a public key and what it is called.
struct NamedKey {
  std::string name;
  std::string keyid;
  JsonValue key;  // as metadata has it
};

// ReadPublicKey reads a .pub file, which is one key of metadata. kInputUnknown for a key that
// cotter would not verify with.
[[nodiscard]] Result<NamedKey> ReadPublicKey(const std::string& path);

class KeyStore {
 public:
  explicit KeyStore(std::string folder) : folder_(std::move(folder)) {}

  // Generate makes the key `name`, of letters, digits, "-", "_" and "." inside. A name that is
  // there already is kUsage: no key is ever written over.
  [[nodiscard]] Result<NamedKey> Generate(std::string_view name, KeyKind kind,
                                          std::string_view passphrase);

  // List is every public key, by name.
  [[nodiscard]] Result<std::vector<NamedKey>> List() const;

  // Find is the public key `name`; Open the private one.
  [[nodiscard]] Result<NamedKey> Find(std::string_view name) const;
  [[nodiscard]] Result<PrivateKey> Open(std::string_view name, std::string_view passphrase) const;

  // Backup copies the encrypted key to the new file `to` and proves that the copy opens and signs.
  // Restore puts the backup `from` back as `name`, which must not be there; Drill proves that
  // `from` could be, against the key that is there, and changes nothing. Each leaves a record.
  [[nodiscard]] Result<void> Backup(std::string_view name, const std::string& to,
                                    std::string_view passphrase, Time now);
  [[nodiscard]] Result<NamedKey> Restore(std::string_view name, const std::string& from,
                                         std::string_view passphrase, Time now);
  [[nodiscard]] Result<void> Drill(std::string_view name, const std::string& from,
                                   std::string_view passphrase, Time now);

 private:
  [[nodiscard]] std::string PathOf(std::string_view name, std::string_view ending) const;
  Result<NamedKey> Put(std::string_view name, const PrivateKey& key, std::string_view pem);
  Result<void> Record(std::string_view event, std::string_view name, std::string_view file,
                      std::string_view keyid, Time now) const;

  std::string folder_;
};

}  // namespace cotter::update
