// SPDX-License-Identifier: Apache-2.0
//
// The append-only file of violations. S1-33.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/report/sample_event.h"
#include "tests/support/temp_dir.h"
#include <cotter/report.h>

namespace cotter::report {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

unsigned ModeOf(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
}

ViolationEvent WithRequest() {
  ViolationEvent event = SampleEvent("api.example.com");
  const std::vector<Header> headers = {{"Authorization", "Bearer top-secret"}, {"Accept", "*/*"}};
  event.request = MakeRequest("GET", "https://api.example.com/Patient/17?name=doe", headers);
  return event;
}

TEST(FileSink, AppendsALineForEachEventToAPrivateFile_S1_33) {
  const test::TempDir dir;
  const std::string path = dir.File("security.log");
  {
    const auto sink = OpenFileSink({.path = path}).value();
    sink->Tell(SampleEvent("a.example.com"));
    sink->Tell(SampleEvent("b.example.com"));
  }
  OpenFileSink({.path = path}).value()->Tell(SampleEvent("c.example.com"));
  ASSERT_THAT(Lines(path), SizeIs(3));
  EXPECT_THAT(Lines(path)[2], HasSubstr("\"host\":\"c.example.com\""));
  EXPECT_EQ(ModeOf(path), 0600U);
}

// Two programs with one file: O_APPEND keeps each line whole.
TEST(FileSink, SharesItsFileWithAnotherProcess_S1_33) {
  const test::TempDir dir;
  const std::string path = dir.File("security.log");
  const auto one = OpenFileSink({.path = path}).value();
  const auto other = OpenFileSink({.path = path}).value();
  for (int i = 0; i < 20; ++i) {
    one->Tell(SampleEvent("a.example.com"));
    other->Tell(SampleEvent("b.example.com"));
  }
  const auto lines = Lines(path);
  ASSERT_THAT(lines, SizeIs(40));
  for (const std::string& line : lines) {
    EXPECT_EQ(line.front(), '{');
    EXPECT_EQ(line.back(), '}');
  }
}

TEST(FileSink, WritesNoSecretAndNoPathUnlessAsked_S1_24) {
  const test::TempDir dir;
  OpenFileSink({.path = dir.File("a")}).value()->Tell(WithRequest());
  OpenFileSink({.path = dir.File("b"), .url = UrlDetail::kPath}).value()->Tell(WithRequest());
  const std::string quiet = Lines(dir.File("a")).at(0);
  EXPECT_THAT(quiet, HasSubstr("\"url\":\"https://api.example.com\""));
  EXPECT_THAT(quiet, Not(HasSubstr("Patient")));
  EXPECT_THAT(quiet, HasSubstr("\"Authorization\":\"[redacted]\""));
  const std::string full = Lines(dir.File("b")).at(0);
  EXPECT_THAT(full, HasSubstr("https://api.example.com/Patient/17?[redacted]"));
  for (const std::string& line : {quiet, full}) {
    EXPECT_THAT(line, Not(HasSubstr("top-secret")));
    EXPECT_THAT(line, Not(HasSubstr("doe")));
  }
}

TEST(FileSink, RotatesBeforeItGrowsOverItsBound_S1_33) {
  const test::TempDir dir;
  const std::string path = dir.File("security.log");
  const auto sink = OpenFileSink({.path = path, .max_bytes = 2000, .keep = 2}).value();
  for (int i = 0; i < 50; ++i) sink->Tell(SampleEvent("a.example.com"));
  for (const std::string& file : {path, path + ".1", path + ".2"}) {
    EXPECT_THAT(Lines(file), Not(IsEmpty())) << file;
    EXPECT_LE(std::filesystem::file_size(file), 2000U) << file;
    EXPECT_EQ(ModeOf(file), 0600U) << file;
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".3"));
}

TEST(FileSink, FollowsTheRotationOfAnotherProgram) {
  const test::TempDir dir;
  const std::string path = dir.File("security.log");
  const auto sink = OpenFileSink({.path = path}).value();
  sink->Tell(SampleEvent("a.example.com"));
  std::filesystem::rename(path, path + ".old");
  sink->Tell(SampleEvent("b.example.com"));
  EXPECT_THAT(Lines(path), SizeIs(1));
  EXPECT_THAT(Lines(path + ".old"), SizeIs(1));
}

TEST(FileSink, RefusesFilesThatOthersMayUseAndLinks) {
  const test::TempDir dir;
  const std::string open = dir.Write("open", "");
  ASSERT_EQ(chmod(open.c_str(), 0644), 0);
  EXPECT_FALSE(OpenFileSink({.path = open}));
  const std::string target = dir.Write("target", "");
  ASSERT_EQ(chmod(target.c_str(), 0600), 0);
  std::filesystem::create_symlink(target, dir.File("link"));
  EXPECT_FALSE(OpenFileSink({.path = dir.File("link")}));
  EXPECT_FALSE(OpenFileSink({.path = dir.path()}));
  EXPECT_FALSE(OpenFileSink({.path = dir.File("none/security.log")}));
}

// S1-35: that something could not be told is itself told.
TEST(FileSink, TellsThatItCouldNotWrite_S1_35) {
  const test::TempDir dir;
  std::filesystem::create_directory(dir.File("logs"));
  std::vector<std::string> failures;
  const auto sink =
      OpenFileSink(
          {.path = dir.File("logs/security.log"),
           .on_failure = [&failures](std::string_view line) { failures.emplace_back(line); }})
          .value();
  std::filesystem::remove_all(dir.File("logs"));
  sink->Tell(SampleEvent("a.example.com"));
  ASSERT_THAT(failures, SizeIs(1));
  EXPECT_THAT(failures[0], HasSubstr("event=violation_file_failed"));
}

}  // namespace
}  // namespace cotter::report
