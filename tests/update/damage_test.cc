// SPDX-License-Identifier: Apache-2.0
//
// Every byte of every metadata file, changed and cut: what is signed is either the same or refused.
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"
#include "tests/update/memory_repository.h"
#include "update/client.h"
#include "update/verify.h"

namespace cotter::update {
namespace {

using test::MemoryRepository;
using test::TempDir;

constexpr const char* kFiles[] = {"2.root.json", "timestamp.json", "2.snapshot.json",
                                  "1.targets.json"};

ClientOptions Options() { return {"memory://metadata", "memory://targets", true}; }

// Refreshed runs a client over `repository` in a new directory.
Result<void> Refreshed(MemoryRepository& repository, std::string* signed_bytes = nullptr) {
  const TempDir folder;
  if (Result<void> done = Client::Init(folder.path(), repository.files["1.root.json"]); !done) {
    return done;
  }
  Result<Client> client = Client::Open(folder.path(), repository, Options());
  if (!client) return client.error();
  if (Result<void> done = client->Refresh(test::kTestTime); !done) return done;
  if (signed_bytes != nullptr) {
    *signed_bytes = client->root().signed_bytes + client->timestamp()->signed_bytes +
                    client->snapshot()->signed_bytes + client->targets()->signed_bytes;
  }
  return Ok();
}

TEST(DamagedMetadata, TheDataIsGood) {
  MemoryRepository repository;
  const Result<void> done = Refreshed(repository);
  EXPECT_TRUE(done) << done.error().message;
}

// Whole runs of a client are too slow for every byte; ExpectEveryByteIsSigned walks all of them.
TEST(DamagedMetadata, NoClientTakesAChangedFileForWhatWasSigned_S3_13) {
  constexpr std::size_t kStride = 41;
  MemoryRepository repository;
  std::string good;
  ASSERT_TRUE(Refreshed(repository, &good));
  for (const char* name : kFiles) {
    const std::string whole = repository.files[name];
    for (std::size_t i = 0; i < whole.size(); i += kStride) {
      std::string now;
      repository.files[name][i] = static_cast<char>(whole[i] ^ (1 << (i % 8)));
      if (Refreshed(repository, &now)) {
        EXPECT_EQ(now, good) << name << " at " << i;
      }
      repository.files[name] = whole.substr(0, i);
      EXPECT_FALSE(Refreshed(repository)) << name << " cut to " << i;
      repository.files[name] = whole;
    }
  }
}

template <typename Read>
void ExpectEveryByteIsSigned(const std::string& whole, Read read, const RoleKeys& role,
                             const KeySet& keys) {
  const auto good = read(whole);
  ASSERT_TRUE(good && VerifySignatures(*good, role, keys));
  std::string changed = whole;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    changed[i] = static_cast<char>(whole[i] ^ (1 << (i % 8)));
    const auto now = read(changed);
    if (now && VerifySignatures(*now, role, keys)) {
      EXPECT_EQ(now->signed_bytes, good->signed_bytes) << "byte " << i;
    } else {
      ++refused;
    }
    changed[i] = whole[i];
    const std::string_view cut = std::string_view(whole).substr(0, i);
    EXPECT_TRUE(!read(cut) || i >= whole.find_last_of('}')) << "cut to " << i;
  }
  // What is left is a letter of a hexadecimal signature in the other case.
  EXPECT_GT(refused, whole.size() * 3 / 4);
}

TEST(DamagedMetadata, EveryByteOfWhatIsSignedCounts_S3_13) {
  MemoryRepository repository;
  const Result<Root> root = ReadRoot(repository.files["2.root.json"]);
  ASSERT_TRUE(root);
  ExpectEveryByteIsSigned(repository.files["2.root.json"], ReadRoot, root->root, root->keys);
  ExpectEveryByteIsSigned(repository.files["timestamp.json"], ReadTimestamp, root->timestamp,
                          root->keys);
  ExpectEveryByteIsSigned(repository.files["2.snapshot.json"], ReadSnapshot, root->snapshot,
                          root->keys);
  ExpectEveryByteIsSigned(repository.files["1.targets.json"], ReadTargets, root->targets,
                          root->keys);
}

// A client's own files are read as if a stranger had written them: whatever is in them, a refresh
// ends with what the repository has or with an error, and never takes less.
TEST(DamagedMetadata, DamagedFilesOfTheClientAreNotTrusted) {
  MemoryRepository repository;
  std::string good;
  ASSERT_TRUE(Refreshed(repository, &good));
  const TempDir folder;
  ASSERT_TRUE(Client::Init(folder.path(), repository.files["1.root.json"]));
  for (const char* role : {"root", "timestamp", "snapshot", "targets"}) {
    std::string whole;
    for (std::size_t i = 0; i == 0 || i < whole.size(); i += 53) {
      Result<Client> client = Client::Open(folder.path(), repository, Options());
      ASSERT_TRUE(client) << client.error().message;
      ASSERT_TRUE(client->Refresh(test::kTestTime));
      const std::string name = folder.File(std::string(role) + ".json");
      whole = test::ReadTestFile(name);
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
      folder.Write(std::string(role) + ".json", i % 2 == 0 ? changed : whole.substr(0, i));
      {
        const Client closed = std::move(*client);  // gives the lock back
      }
      Result<Client> again = Client::Open(folder.path(), repository, Options());
      if (!again) {
        EXPECT_EQ(again.error().code, Code::kUpdateStateInvalid);
        folder.Write("root.json", repository.files["1.root.json"]);
        continue;
      }
      ASSERT_TRUE(again->Refresh(test::kTestTime)) << role << " at " << i;
      EXPECT_EQ(again->targets()->raw, repository.files["1.targets.json"]);
    }
  }
}

}  // namespace
}  // namespace cotter::update
