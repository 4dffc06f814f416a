// SPDX-License-Identifier: Apache-2.0
#include "coverage/program.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "coverage/elf_image.h"

namespace cotter::coverage {
namespace {

// The kernel reads this much of a script's first line.
constexpr std::size_t kMaxFirstLine = 256;

// The kernel follows so many scripts that are each other's interpreters.
constexpr int kMaxInterpreters = 5;

// The largest program known, Chromium with symbols, is some GiB; a mapping costs nothing by itself.
constexpr off_t kMaxProgramSize = off_t{16} << 30;

// TLS libraries of Debian beside OpenSSL 3 and GnuTLS, by the beginning of their sonames.
constexpr std::array<std::string_view, 8> kForeignTls = {
    "libnss3.so", "libmbedtls.so", "libwolfssl.so", "libbearssl.so",
    "libtls.so",  "libaxtls.so",   "librustls.so",  "libssl.so.1"};

// Mapping is a file in memory.
class Mapping {
 public:
  Mapping(int file, std::size_t size) noexcept
      : address_(::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0)), size_(size) {}
  ~Mapping() {
    if (address_ != MAP_FAILED) ::munmap(address_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  [[nodiscard]] ByteView bytes() const noexcept {
    if (address_ == MAP_FAILED) return {};
    return {static_cast<const std::uint8_t*>(address_), size_};
  }

 private:
  void* address_;
  std::size_t size_;
};

void SetDetail(ProgramLook& look, std::string_view text) noexcept {
  const std::size_t size = std::min(text.size(), sizeof look.detail - 1);
  std::memcpy(look.detail, text.data(), size);
  look.detail[size] = '\0';
}

// GainsRights reports that the kernel would run `file` with other rights than ours, and the dynamic
// linker then ignores what is to be preloaded. So it does where our own rights are mixed already.
bool GainsRights(int file, const struct stat& facts) noexcept {
  if (::getuid() != ::geteuid() || ::getgid() != ::getegid()) return true;
  if ((facts.st_mode & S_ISUID) != 0 && facts.st_uid != ::getuid()) return true;
  const bool set_group = (facts.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
  if (set_group && facts.st_gid != ::getgid()) return true;
  return ::getuid() != 0 && ::fgetxattr(file, "security.capability", nullptr, 0) > 0;
}

// ReadScript takes the interpreter from "#!INTERPRETER [ARGUMENT]".
ProgramLook ReadScript(std::string_view line) noexcept {
  ProgramLook look;
  line = line.substr(2, line.find('\n') - 2);
  const std::size_t begin = line.find_first_not_of(" \t");
  look.kind = begin == std::string_view::npos ? Kind::kUnknownFormat : Kind::kScript;
  if (look.kind == Kind::kScript) {
    line.remove_prefix(begin);
    SetDetail(look, line.substr(0, line.find_first_of(" \t\r")));
  }
  return look;
}

// IsText guesses whether a file without "#!" is one that shells run: no zero byte in its first
// line.
bool IsText(std::string_view front) noexcept {
  return !front.empty() && front.substr(0, front.find('\n')).find('\0') == std::string_view::npos;
}

ProgramLook LookAtElf(const ElfImage& image) noexcept {
  ProgramLook look;
  if (image.is_go()) {
    look.kind = Kind::kGo;
    return look;
  }
  if (!image.is_dynamic()) {
    look.kind = Kind::kStatic;
    return look;
  }
  for (std::size_t i = 0; i < kMaxDynamicEntries; ++i) {
    const std::string_view needed = image.Needed(i);
    if (needed.empty()) break;
    const bool java = needed.starts_with("libjli.so") || needed.starts_with("libjvm.so");
    if (!java && !IsForeignTls(needed)) continue;
    look.kind = java ? Kind::kJava : Kind::kOwnTls;
    SetDetail(look, needed);
    return look;
  }
  look.kind = image.Defines("SSL_connect") || image.Defines("SSL_do_handshake")
                  ? Kind::kStaticOpenssl
                  : Kind::kDynamic;
  return look;
}

}  // namespace

std::string_view NameOf(Kind kind) noexcept {
  switch (kind) {
    case Kind::kDynamic:
      return "dynamic";
    case Kind::kScript:
      return "script";
    case Kind::kUnreadable:
      return "unreadable";
    case Kind::kUnknownFormat:
      return "unknown_format";
    case Kind::kSetId:
      return "setuid";
    case Kind::kStatic:
      return "static";
    case Kind::kGo:
      return "go";
    case Kind::kJava:
      return "java";
    case Kind::kStaticOpenssl:
      return "static_openssl";
    case Kind::kOwnTls:
      return "own_tls";
  }
  return {};
}

std::string_view Describe(Kind kind) noexcept {
  switch (kind) {
    case Kind::kDynamic:
      return "loaded by the dynamic linker";
    case Kind::kScript:
      return "a script, whose interpreter counts";
    case Kind::kUnreadable:
      return "it cannot be read, so nothing is known of it";
    case Kind::kUnknownFormat:
      return "no program of this machine and no script";
    case Kind::kSetId:
      return "it runs with other rights than its caller's, and preloading is switched off for it";
    case Kind::kStatic:
      return "it is statically linked, so nothing can be put into it";
    case Kind::kGo:
      return "it is a Go program, with a TLS library of its own";
    case Kind::kJava:
      return "it is a Java machine, with a TLS library of its own";
    case Kind::kStaticOpenssl:
      return "it carries OpenSSL in itself, so no call of it can be hooked";
    case Kind::kOwnTls:
      return "it needs a TLS library that cotter does not hook";
  }
  return {};
}

bool IsForeignTls(std::string_view soname) noexcept {
  return std::ranges::any_of(
      kForeignTls, [soname](std::string_view known) { return soname.starts_with(known); });
}

ProgramLook LookAtFile(int file) noexcept {
  ProgramLook look;
  struct stat facts {};
  if (::fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size > kMaxProgramSize) {
    return look;
  }
  if (GainsRights(file, facts)) {
    look.kind = Kind::kSetId;
    return look;
  }
  std::array<char, kMaxFirstLine> front{};
  const ssize_t count = ::pread(file, front.data(), front.size(), 0);
  if (count < 0) return look;
  const std::string_view line(front.data(), static_cast<std::size_t>(count));
  if (line.starts_with("#!")) return ReadScript(line);
  const Mapping mapping(file, static_cast<std::size_t>(facts.st_size));
  if (const std::optional<ElfImage> image = ElfImage::Read(mapping.bytes())) {
    return LookAtElf(*image);
  }
  look.kind = Kind::kUnknownFormat;
  if (!line.starts_with("\177ELF") && IsText(line)) {
    look.kind = Kind::kScript;  // shells run such a text themselves
    SetDetail(look, "/bin/sh");
  }
  return look;
}

ProgramLook LookAt(const char* path) noexcept {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file < 0) return {};
  const ProgramLook look = LookAtFile(file);
  ::close(file);
  return look;
}

ProgramLook LookAtProgram(const char* path) noexcept {
  ProgramLook look = LookAt(path);
  for (int i = 0; i < kMaxInterpreters && look.kind == Kind::kScript; ++i) {
    const ProgramLook script = look;
    look = LookAt(script.detail);
  }
  return look;
}

}  // namespace cotter::coverage
