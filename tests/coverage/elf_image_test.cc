// SPDX-License-Identifier: Apache-2.0
#include "coverage/elf_image.h"

#include <algorithm>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/support/process.h"

namespace cotter::coverage {
namespace {

using testing::Contains;
using testing::HasSubstr;

base::FileImage Read(const std::string& path) {
  Result<base::FileImage> file = base::ReadFile(path);
  EXPECT_TRUE(file) << path;
  return *std::move(file);
}

std::vector<std::string> NeededOf(const ElfImage& image) {
  std::vector<std::string> needed;
  for (std::size_t i = 0; !image.Needed(i).empty(); ++i) needed.emplace_back(image.Needed(i));
  return needed;
}

// LookAtAll asks everything; it must come back, whatever the bytes say.
void LookAtAll(ByteView bytes) {
  const std::optional<ElfImage> image = ElfImage::Read(bytes);
  if (!image) return;
  std::size_t size = image->RunPath().size();
  for (std::size_t i = 0; i < kMaxDynamicEntries; ++i) {
    const std::string_view needed = image->Needed(i);
    if (needed.empty()) break;
    size += needed.size();
  }
  EXPECT_LE(size, bytes.size() * kMaxDynamicEntries);
  EXPECT_FALSE(image->Defines("a symbol that nobody defines"));
}

TEST(ElfImage, SaysWhatReadelfSays) {
  const std::string path = "/usr/lib/x86_64-linux-gnu/libssl.so.3";
  const base::FileImage file = Read(path);
  const std::optional<ElfImage> image = ElfImage::Read(file.bytes());
  ASSERT_TRUE(image);
  EXPECT_FALSE(image->is_dynamic());
  EXPECT_TRUE(image->has_dynamic_section());
  EXPECT_FALSE(image->is_go());
  EXPECT_TRUE(image->Defines("SSL_connect"));
  EXPECT_FALSE(image->Defines("X509_verify_cert"));  // it is only used there
  const std::string said = test::Run({"readelf", "-d", path}).out;
  for (const std::string& needed : NeededOf(*image)) {
    EXPECT_THAT(said, HasSubstr("Shared library: [" + needed + "]"));
  }
  EXPECT_THAT(NeededOf(*image), Contains("libcrypto.so.3"));
}

TEST(ElfImage, TellsDynamicProgramsFromStaticOnes) {
  const base::FileImage shell = Read("/bin/sh");
  const base::FileImage linker = Read("/sbin/ldconfig");
  EXPECT_TRUE(ElfImage::Read(shell.bytes())->is_dynamic());
  EXPECT_FALSE(ElfImage::Read(linker.bytes())->is_dynamic());
}

TEST(ElfImage, RefusesWhatIsNoElfFile) {
  EXPECT_FALSE(ElfImage::Read({}));
  EXPECT_FALSE(ElfImage::Read(AsBytes("#!/bin/sh\n")));
  EXPECT_FALSE(ElfImage::Read(AsBytes("\177ELF")));
}

TEST(ElfImage, StaysInsideItsInputWhateverTheHeadersSay) {
  const base::FileImage file = Read("/bin/sh");
  const Bytes whole(file.bytes().begin(), file.bytes().end());
  std::mt19937 random(1);
  for (std::size_t size = 0; size < whole.size(); size += 1 + size / 8) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    LookAtAll(cut);
  }
  for (int i = 0; i < 300; ++i) {
    Bytes changed = whole;
    // The headers, and the dynamic section, which stands near the end.
    for (int j = 0; j < 4; ++j) {
      changed[random() % 1024] = static_cast<std::uint8_t>(random());
      changed[changed.size() - 1 - random() % 12000] = static_cast<std::uint8_t>(random());
    }
    LookAtAll(changed);
  }
}

}  // namespace
}  // namespace cotter::coverage
