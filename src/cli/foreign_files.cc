// SPDX-License-Identifier: Apache-2.0
#include "cli/foreign_files.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <system_error>

namespace cotter::cli {
namespace {

namespace fs = std::filesystem;

Result<std::vector<std::string>> FilesOf(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code status;
    if (!entry->is_regular_file(status)) continue;
    if (names.size() == kMaxForeignFiles) {
      return Error{Code::kFileTooLarge,
                   folder + ": expected at most " + std::to_string(kMaxForeignFiles) + " files"};
    }
    names.push_back(entry->path().string());
  }
  if (error) return Error{Code::kFileUnreadable, folder + ": " + error.message()};
  std::ranges::sort(names);
  return names;
}

}  // namespace

Result<ForeignFiles> ForeignFiles::Read(std::span<const std::string> paths) {
  ForeignFiles files;
  std::size_t left = formats::kMaxForeignFile;
  for (const std::string& path : paths) {
    std::vector<std::string> names = {path};
    std::error_code error;
    if (path != "-" && fs::is_directory(path, error)) {
      Result<std::vector<std::string>> found = FilesOf(path);
      if (!found) return found.error();
      names = *std::move(found);
    }
    for (std::string& name : names) {
      Result<base::FileImage> image = base::ReadFile(name, left);
      if (!image) return image.error();
      left -= image->bytes().size();
      files.files_.push_back({std::move(name), *std::move(image)});
    }
  }
  return files;
}

std::vector<formats::InputFile> ForeignFiles::views(std::string_view host) const {
  std::vector<formats::InputFile> views;
  for (const File& file : files_) views.push_back({file.name, file.image.bytes(), host});
  return views;
}

}  // namespace cotter::cli
