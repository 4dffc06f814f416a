// SPDX-License-Identifier: Apache-2.0
//
// What kind of program a file is, as far as one look at it tells: can a library be preloaded into
// it, and does it bring a TLS implementation of its own that no hook reaches. Used before every
// exec below `cotter exec`, between vfork and exec among others, so it allocates nothing. Safe from
// any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cotter::coverage {

// Kind is why a program is covered or not.
enum class Kind : std::uint8_t {
  kDynamic,        // loaded by the dynamic linker, and nothing speaks against it
  kScript,         // a text: its interpreter counts
  kUnreadable,     // it cannot be read, so nothing is known of it
  kUnknownFormat,  // no ELF file of this machine, and no script
  kSetId,          // it runs with other rights than its caller's: preloading is switched off
  kStatic,         // no dynamic linker: nothing can be preloaded
  kGo,             // Go's own TLS
  kJava,           // the Java machine's own TLS
  kStaticOpenssl,  // it carries OpenSSL in itself
  kOwnTls,         // it needs a TLS library that cotter does not know how to hook
};

// ProgramLook is what a look at one file found.
struct ProgramLook {
  Kind kind = Kind::kUnreadable;
  char detail[256] = {};  // the interpreter of a script, or the library; terminated, may be empty
};

// IsCovered reports whether a program of `kind` is covered; of a script, whether it may be.
[[nodiscard]] constexpr bool IsCovered(Kind kind) noexcept {
  return kind == Kind::kDynamic || kind == Kind::kScript;
}

// NameOf is the stable name of `kind` ("static_openssl"); Describe is one line on it. Static
// storage.
[[nodiscard]] std::string_view NameOf(Kind kind) noexcept;
[[nodiscard]] std::string_view Describe(Kind kind) noexcept;

// LookAt looks at the file at `path`, which is terminated.
[[nodiscard]] ProgramLook LookAt(const char* path) noexcept;

// LookAtFile looks at an open file.
[[nodiscard]] ProgramLook LookAtFile(int file) noexcept;

// LookAtProgram follows a script to its interpreter, and that one's, as the kernel does.
[[nodiscard]] ProgramLook LookAtProgram(const char* path) noexcept;

// IsForeignTls reports that the library `soname` is a TLS implementation that no hook reaches.
[[nodiscard]] bool IsForeignTls(std::string_view soname) noexcept;

}  // namespace cotter::coverage
