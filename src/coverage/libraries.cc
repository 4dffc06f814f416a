// SPDX-License-Identifier: Apache-2.0
#include "coverage/libraries.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <string_view>

#include <elf.h>
#include <system_error>

#include "base/file.h"
#include "coverage/elf_image.h"
#include "coverage/program.h"

namespace cotter::coverage {
namespace {

namespace fs = std::filesystem;

// Programs and libraries larger than this are not read; Debian's largest, libLLVM, has 120 MB.
constexpr std::size_t kMaxFileSize = std::size_t{1} << 30;

// ld.so.conf files are a few lines, and include each other once.
constexpr std::size_t kMaxConfSize = std::size_t{64} << 10;

constexpr std::array<std::string_view, 6> kDefaultFolders = {"/lib/x86_64-linux-gnu",
                                                             "/usr/lib/x86_64-linux-gnu",
                                                             "/lib64",
                                                             "/usr/lib64",
                                                             "/lib",
                                                             "/usr/lib"};

// Trace is a text that a TLS implementation leaves in what it is linked into.
struct Trace {
  std::string_view text;
  std::string_view name;
};
constexpr std::array<Trace, 5> kTraces = {{{"BoringSSL", "BoringSSL"},
                                           {"rustls", "rustls"},
                                           {"OpenSSL 3.", "OpenSSL"},
                                           {"OpenSSL 1.", "OpenSSL"},
                                           {"mbed TLS", "Mbed TLS"}}};

// AppendList appends the parts of a list that colons separate.
void AppendList(std::vector<std::string>& folders, std::string_view list,
                const std::string& origin) {
  while (!list.empty()) {
    std::string folder(list.substr(0, list.find(':')));
    list.remove_prefix(std::min(folder.size() + 1, list.size()));
    for (const std::string_view name : {"$ORIGIN", "${ORIGIN}"}) {
      if (const std::size_t at = folder.find(name); at != std::string::npos) {
        folder.replace(at, name.size(), origin);
      }
    }
    if (!folder.empty()) folders.push_back(std::move(folder));
  }
}

// AppendConf appends the folders that a file of ld.so.conf names.
void AppendConf(std::vector<std::string>& folders, const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, kMaxConfSize);
  if (!file) return;
  std::string_view text = AsText(file->bytes());
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with('/')) folders.emplace_back(line.substr(0, line.find_first_of(" \t#")));
  }
}

std::vector<std::string> SystemFolders() {
  std::vector<std::string> folders;
  if (const char* const list = std::getenv("LD_LIBRARY_PATH")) AppendList(folders, list, {});
  std::error_code failed;
  for (fs::directory_iterator entry("/etc/ld.so.conf.d", failed), end; !failed && entry != end;
       entry.increment(failed)) {
    AppendConf(folders, entry->path().string());
  }
  folders.insert(folders.end(), kDefaultFolders.begin(), kDefaultFolders.end());
  return folders;
}

// IsOfThisMachine tells a library from its namesake of another word size.
bool IsOfThisMachine(const std::string& path) {
  std::array<char, EI_NIDENT> front{};
  std::ifstream file(path, std::ios::binary);
  file.read(front.data(), front.size());
  return std::string_view(front.data(), SELFMAG) == ELFMAG && front[EI_CLASS] == ELFCLASS64;
}

std::string Find(std::string_view soname, const std::vector<std::string>& own,
                 const std::vector<std::string>& system) {
  std::error_code failed;
  if (soname.find('/') != std::string_view::npos) return std::string(soname);
  for (const std::vector<std::string>* folders : {&own, &system}) {
    for (const std::string& folder : *folders) {
      const std::string path = folder + "/" + std::string(soname);
      if (fs::is_regular_file(path, failed) && IsOfThisMachine(path)) return path;
    }
  }
  return {};
}

bool Contains(std::string_view text, std::string_view wanted) {
  return std::search(text.begin(), text.end(),
                     std::boyer_moore_horspool_searcher(wanted.begin(), wanted.end())) !=
         text.end();
}

// LookForTraces looks for a TLS implementation that was linked into the program without a name.
void LookForTraces(std::string_view program, LinkedTls& linked) {
  for (const Trace& trace : kTraces) {
    const bool linked_openssl = trace.name == "OpenSSL" && linked.openssl;
    if (linked_openssl || !Contains(program, trace.text)) continue;
    linked.unreachable.push_back("the program has traces of " + std::string(trace.name) +
                                 " in itself");
    return;
  }
}

// Walk follows libraries, each once.
class Walk {
 public:
  explicit Walk(LinkedTls& linked) : linked_(linked), system_(SystemFolders()) {}

  void Run(const std::string& program) {
    waiting_.push_back(program);
    for (std::size_t count = 0; !waiting_.empty() && count < kMaxLibraries; ++count) {
      const std::string path = waiting_.front();
      waiting_.pop_front();
      Visit(path, path == program);
    }
  }

 private:
  void Visit(const std::string& path, bool is_program) {
    const Result<base::FileImage> file = base::ReadFile(path, kMaxFileSize);
    const std::optional<ElfImage> image = file ? ElfImage::Read(file->bytes()) : std::nullopt;
    if (!image) {
      linked_.missing.push_back(path);
      return;
    }
    std::vector<std::string> own;
    AppendList(own, image->RunPath(), fs::path(path).parent_path().string());
    for (std::size_t i = 0; i < kMaxDynamicEntries; ++i) {
      const std::string_view needed = image->Needed(i);
      if (needed.empty()) break;
      if (seen_.emplace(needed).second) Meet(std::string(needed), own);
    }
    const bool is_openssl = path.find("/libssl.so.3") != std::string::npos;
    if (!is_program && !is_openssl && image->Defines("SSL_connect")) {
      linked_.unreachable.push_back("the library " + path + " carries OpenSSL in itself");
    }
    if (is_program) LookForTraces(AsText(file->bytes()), linked_);
  }

  void Meet(const std::string& soname, const std::vector<std::string>& own) {
    linked_.openssl = linked_.openssl || soname == "libssl.so.3";
    linked_.gnutls = linked_.gnutls || soname == "libgnutls.so.30";
    if (IsForeignTls(soname)) {
      linked_.unreachable.push_back("the library " + soname + " is not one that cotter hooks");
    }
    std::string path = Find(soname, own, system_);
    if (path.empty()) {
      linked_.missing.push_back(soname);
    } else {
      waiting_.push_back(std::move(path));
    }
  }

  LinkedTls& linked_;
  std::vector<std::string> system_;
  std::set<std::string> seen_;
  std::deque<std::string> waiting_;
};

}  // namespace

LinkedTls LookAtLibraries(const std::string& path) {
  LinkedTls linked;
  Walk(linked).Run(path);
  return linked;
}

}  // namespace cotter::coverage
