// SPDX-License-Identifier: Apache-2.0
#include "formats/zip_file.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <zip.h>

#include "base/late_library.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

// Library is what is used of libzip.
struct Library {
  decltype(&zip_error_init) error_init = nullptr;
  decltype(&zip_source_buffer_create) source_create = nullptr;
  decltype(&zip_source_free) source_free = nullptr;
  decltype(&zip_open_from_source) open = nullptr;
  decltype(&zip_discard) discard = nullptr;
  decltype(&zip_get_num_entries) count = nullptr;
  decltype(&zip_get_name) name = nullptr;
  decltype(&zip_fopen_index) file_open = nullptr;
  decltype(&zip_fread) file_read = nullptr;
  decltype(&zip_fclose) file_close = nullptr;
  bool complete = false;

  Library() {
    const base::LateLibrary library("libzip.so.4");
    complete = library.loaded() && library.Find("zip_error_init", error_init) &&
               library.Find("zip_source_buffer_create", source_create) &&
               library.Find("zip_source_free", source_free) &&
               library.Find("zip_open_from_source", open) && library.Find("zip_discard", discard) &&
               library.Find("zip_get_num_entries", count) && library.Find("zip_get_name", name) &&
               library.Find("zip_fopen_index", file_open) && library.Find("zip_fread", file_read) &&
               library.Find("zip_fclose", file_close);
  }
};

const Library& Zip() {
  static const Library library;
  return library;
}

bool ClimbsOut(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\\') != std::string_view::npos) return true;
  return name == ".." || name.starts_with("../") || name.ends_with("/..") ||
         name.find("/../") != std::string_view::npos;
}

Error Broken(const std::string& file, const std::string& what) {
  return {Code::kFormatMalformed, file + ": " + what};
}

}  // namespace

struct ZipFile::State {
  explicit State(std::string name) : file(std::move(name)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (archive != nullptr) Zip().discard(archive);
  }

  std::string file;
  zip_t* archive = nullptr;
  std::size_t unpacked = 0;
};

ZipFile::ZipFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZipFile::ZipFile(ZipFile&&) noexcept = default;
ZipFile& ZipFile::operator=(ZipFile&&) noexcept = default;
ZipFile::~ZipFile() = default;

bool IsZip(ByteView bytes) noexcept { return AsText(bytes).starts_with("PK\x03\x04"); }

Result<ZipFile> ZipFile::Open(const InputFile& file) {
  const std::string name(file.name);
  if (!Zip().complete) return Broken(name, "libzip, which reads packages, is not installed");
  zip_error_t error;
  Zip().error_init(&error);
  zip_source_t* source = Zip().source_create(file.bytes.data(), file.bytes.size(), 0, &error);
  if (source == nullptr) return Broken(name, "cannot be read as a ZIP file");
  auto state = std::make_unique<State>(name);
  state->archive = Zip().open(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  if (state->archive == nullptr) {
    Zip().source_free(source);
    return Broken(name, "not a sound ZIP file");
  }
  const zip_int64_t count = Zip().count(state->archive, 0);
  if (count < 0 || static_cast<std::size_t>(count) > kMaxZipEntries) {
    return Broken(name, "expected at most " + std::to_string(kMaxZipEntries) + " entries");
  }
  ZipFile zip(std::move(state));
  std::unordered_set<std::string> seen;
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* entry =
        Zip().name(zip.state_->archive, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
    if (entry == nullptr || ClimbsOut(entry)) {
      return Broken(name, "entry " + std::to_string(i + 1) +
                              ": a name that leads out: " + Quoted(entry == nullptr ? "" : entry));
    }
    if (!seen.insert(entry).second) {
      return Broken(name,
                    "entry " + std::to_string(i + 1) + ": " + Quoted(entry) + " is there twice");
    }
    zip.names_.emplace_back(entry);
  }
  return zip;
}

Result<Bytes> ZipFile::Read(std::size_t index) const {
  const std::string where = state_->file + "!" + names_[index];
  zip_file_t* file = Zip().file_open(state_->archive, index, 0);
  if (file == nullptr) return Broken(where, "cannot be unpacked (encrypted, or damaged)");
  Bytes bytes;
  zip_int64_t got = 0;
  do {
    constexpr std::size_t kStep = std::size_t{64} << 10;
    const std::size_t size = bytes.size();
    bytes.resize(size + kStep);
    got = Zip().file_read(file, bytes.data() + size, kStep);
    bytes.resize(size + static_cast<std::size_t>(std::max<zip_int64_t>(got, 0)));
  } while (got > 0 && bytes.size() <= kMaxZipEntry);
  Zip().file_close(file);
  if (got < 0) return Broken(where, "cannot be unpacked: it is damaged");
  if (bytes.size() > kMaxZipEntry) {
    return Error{Code::kFileTooLarge,
                 where + ": unpacks to more than " + std::to_string(kMaxZipEntry) + " bytes"};
  }
  state_->unpacked += bytes.size();
  if (state_->unpacked > kMaxZipTotal) {
    return Error{Code::kFileTooLarge, where +
                                          ": with what stands before it, it unpacks to more than " +
                                          std::to_string(kMaxZipTotal) + " bytes"};
  }
  return bytes;
}

}  // namespace cotter::formats
