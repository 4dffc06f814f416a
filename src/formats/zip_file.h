// SPDX-License-Identifier: Apache-2.0
//
// App packages (APK, IPA) are ZIP files: their entries by name, read one at a time and bounded, by
// libzip, which is loaded when the first one is opened, so that no other command pays for it.
// Nothing is ever written to disk, so an entry's path is only a name. Not thread-safe; borrows the
// bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/exchange.h"
#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::formats {

// Real packages have up to 50,000 entries.
inline constexpr std::size_t kMaxZipEntries = 200'000;

// What is read out of a package is a configuration: it unpacks to no more than this.
inline constexpr std::size_t kMaxZipEntry = std::size_t{16} << 20;

// And all that is read of one package to no more than this: the layouts of large apps have 10 MB.
inline constexpr std::size_t kMaxZipTotal = std::size_t{64} << 20;

// IsZip reports whether `bytes` begin as a ZIP file does.
[[nodiscard]] bool IsZip(ByteView bytes) noexcept;

// ZipFile is an open package.
class ZipFile {
 public:
  // Open reads the directory. Fails with kFormatMalformed: not a sound ZIP, too many entries, an
  // entry twice, a name that climbs out ("../", an absolute path).
  [[nodiscard]] static Result<ZipFile> Open(const InputFile& file);

  ZipFile(ZipFile&&) noexcept;
  ZipFile& operator=(ZipFile&&) noexcept;
  ~ZipFile();

  // names is every entry's, in the order of the directory.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

  // Read unpacks entry `index`. Fails with kFormatMalformed, and with kFileTooLarge beyond
  // kMaxZipEntry, or where all calls come beyond kMaxZipTotal, whatever the directory claims.
  [[nodiscard]] Result<Bytes> Read(std::size_t index) const;

 private:
  struct State;
  explicit ZipFile(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
  std::vector<std::string> names_;
};

}  // namespace cotter::formats
