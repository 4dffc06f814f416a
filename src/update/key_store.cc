// SPDX-License-Identifier: Apache-2.0
#include "update/key_store.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <system_error>

#include "base/file.h"
#include "update/public_key.h"

namespace cotter::update {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr unsigned kPrivateMode = 0600;

// A record is appended by writing the whole file again, so that none is ever half there.
constexpr std::size_t kMaxRecords = std::size_t{4} << 20;

Result<void> CheckName(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  if (!name.empty() && name.size() <= kMaxName && name.front() != '.' && name.front() != '-' &&
      name.find_first_not_of(kAllowed) == std::string_view::npos) {
    return Ok();
  }
  return Error{Code::kUsage, "a key's name has letters, digits, \"-\", \"_\" and \".\""};
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Result<PrivateKey> OpenFile(const std::string& path, std::string_view passphrase) {
  const Result<base::FileImage> file = base::ReadFile(path, kMaxKeyFile);
  if (!file) return file.error();
  Result<PrivateKey> key = PrivateKey::Read(AsText(file->bytes()), passphrase);
  if (!key) return Error{key.error().code, path + ": " + key.error().message};
  return key;
}

// Proves that a private key signs what its public half verifies.
Result<void> Prove(const PrivateKey& key) {
  constexpr std::string_view kMessage = "cotter: this key is whole";
  const Result<Bytes> signature = key.Sign(AsBytes(kMessage));
  if (!signature) return signature.error();
  const std::optional<PublicKey> half = PublicKey::Read(key.Public());
  if (half && half->Verifies(AsBytes(kMessage), *signature)) return Ok();
  return Error{Code::kInternal, "the key does not sign"};
}

}  // namespace

Result<NamedKey> ReadPublicKey(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, kMaxKeyFile);
  if (!file) return file.error();
  Result<JsonValue> key = ParseJson(AsText(file->bytes()));
  if (!key) return Error{key.error().code, path + ": " + key.error().message};
  if (!PublicKey::Read(*key)) {
    return Error{Code::kInputUnknown, path + ": expected a public key as update metadata has it"};
  }
  NamedKey named;
  named.name = std::filesystem::path(path).stem().string();
  named.keyid = KeyId(*key);
  named.key = *std::move(key);
  return named;
}

std::string KeyStore::PathOf(std::string_view name, std::string_view ending) const {
  return folder_ + "/" + std::string(name) + std::string(ending);
}

Result<NamedKey> KeyStore::Generate(std::string_view name, KeyKind kind,
                                    std::string_view passphrase) {
  const Result<PrivateKey> key = PrivateKey::Generate(kind);
  if (!key) return key.error();
  const Result<std::string> pem = key->Encrypt(passphrase);
  if (!pem) return pem.error();
  return Put(name, *key, *pem);
}

Result<NamedKey> KeyStore::Put(std::string_view name, const PrivateKey& key, std::string_view pem) {
  if (Result<void> good = CheckName(name); !good) return good.error();
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) return Error{Code::kFileUnreadable, folder_ + ": " + error.message()};
  for (const std::string_view ending : {".key", ".pub"}) {
    if (Exists(PathOf(name, ending))) {
      return Error{Code::kUsage, PathOf(name, ending) + " is there already"};
    }
  }
  const std::string half = WriteJson(key.Public()) + "\n";
  if (Result<void> done =
          base::WriteFileAtomically(PathOf(name, ".key"), AsBytes(pem), kPrivateMode);
      !done) {
    return done.error();
  }
  if (Result<void> done = base::WriteFileAtomically(PathOf(name, ".pub"), AsBytes(half)); !done) {
    return done.error();
  }
  return Find(name);
}

Result<std::vector<NamedKey>> KeyStore::List() const {
  std::vector<NamedKey> keys;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() != ".pub") continue;
    Result<NamedKey> key = ReadPublicKey(at->path().string());
    if (!key) return key.error();
    keys.push_back(*std::move(key));
  }
  if (error == std::errc::no_such_file_or_directory) {
    return Error{Code::kFileUnreadable,
                 folder_ + ": there are no keys here; cotter key generate makes one"};
  }
  if (error) return Error{Code::kFileUnreadable, folder_ + ": " + error.message()};
  std::sort(keys.begin(), keys.end(),
            [](const NamedKey& a, const NamedKey& b) { return a.name < b.name; });
  return keys;
}

Result<NamedKey> KeyStore::Find(std::string_view name) const {
  if (Result<void> good = CheckName(name); !good) return good.error();
  return ReadPublicKey(PathOf(name, ".pub"));
}

Result<PrivateKey> KeyStore::Open(std::string_view name, std::string_view passphrase) const {
  if (Result<void> good = CheckName(name); !good) return good.error();
  return OpenFile(PathOf(name, ".key"), passphrase);
}

Result<void> KeyStore::Backup(std::string_view name, const std::string& to,
                              std::string_view passphrase, Time now) {
  const Result<NamedKey> key = Find(name);
  if (!key) return key.error();
  if (Exists(to)) return Error{Code::kUsage, to + " is there already"};
  const Result<base::FileImage> file = base::ReadFile(PathOf(name, ".key"), kMaxKeyFile);
  if (!file) return file.error();
  if (Result<void> done = base::WriteFileAtomically(to, file->bytes(), kPrivateMode); !done) {
    return done;
  }
  const Result<PrivateKey> copy = OpenFile(to, passphrase);
  if (!copy) return copy.error();
  if (Result<void> good = Prove(*copy); !good) return good;
  return Record("backup", name, to, key->keyid, now);
}

Result<NamedKey> KeyStore::Restore(std::string_view name, const std::string& from,
                                   std::string_view passphrase, Time now) {
  const Result<PrivateKey> key = OpenFile(from, passphrase);
  if (!key) return key.error();
  if (Result<void> good = Prove(*key); !good) return good.error();
  const Result<base::FileImage> file = base::ReadFile(from, kMaxKeyFile);
  if (!file) return file.error();
  Result<NamedKey> put = Put(name, *key, AsText(file->bytes()));
  if (!put) return put;
  if (Result<void> kept = Record("restore", name, from, put->keyid, now); !kept) {
    return kept.error();
  }
  return put;
}

Result<void> KeyStore::Drill(std::string_view name, const std::string& from,
                             std::string_view passphrase, Time now) {
  const Result<NamedKey> expected = Find(name);
  if (!expected) return expected.error();
  const Result<PrivateKey> key = OpenFile(from, passphrase);
  if (!key) return key.error();
  if (Result<void> good = Prove(*key); !good) return good;
  if (KeyId(key->Public()) != expected->keyid) {
    return Error{Code::kMetadataMismatch,
                 from + " is the backup of another key than " + std::string(name)};
  }
  return Record("restore_drill", name, from, expected->keyid, now);
}

Result<void> KeyStore::Record(std::string_view event, std::string_view name, std::string_view file,
                              std::string_view keyid, Time now) const {
  const std::string path = PathOf("drills", ".jsonl");
  std::string records;
  if (Exists(path)) {
    const Result<base::FileImage> before = base::ReadFile(path, kMaxRecords);
    if (!before) return before.error();
    records = AsText(before->bytes());
  }
  records += WriteJson({JsonObject{{"time", {FormatTime(now)}},
                                   {"event", {std::string(event)}},
                                   {"key", {std::string(name)}},
                                   {"file", {std::string(file)}},
                                   {"keyid", {std::string(keyid)}}}}) +
             "\n";
  return base::WriteFileAtomically(path, AsBytes(records), kPrivateMode);
}

}  // namespace cotter::update
