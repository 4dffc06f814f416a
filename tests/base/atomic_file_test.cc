// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace cotter::base {
namespace {

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(AtomicFile, AppearsWholeOrNotAtAll) {
  const test::TempDir folder;
  const std::string path = folder.Write("file", "before");
  {
    Result<AtomicFile> dropped = AtomicFile::Open(path);
    ASSERT_TRUE(dropped);
    ASSERT_TRUE(dropped->Write(AsBytes("half")));
  }
  EXPECT_EQ(Content(path), "before");
  Result<AtomicFile> file = AtomicFile::Open(path);
  ASSERT_TRUE(file->Write(AsBytes("new, ")));
  EXPECT_EQ(Content(path), "before");
  ASSERT_TRUE(file->Write(AsBytes("and whole")));
  ASSERT_TRUE(file->Commit());
  EXPECT_EQ(Content(path), "new, and whole");
  const std::filesystem::directory_iterator entries(folder.path());
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST(AtomicFile, SaysWhereItCannotStand) {
  const test::TempDir folder;
  EXPECT_EQ(AtomicFile::Open(folder.File("none/file")).error().code, Code::kFileUnreadable);
  std::filesystem::create_directory(folder.File("folder"));
  Result<AtomicFile> file = AtomicFile::Open(folder.File("folder"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->Commit().error().code, Code::kFileUnreadable);
}

}  // namespace
}  // namespace cotter::base
