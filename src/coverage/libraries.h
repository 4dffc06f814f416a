// SPDX-License-Identifier: Apache-2.0
//
// The libraries that a program is linked with, and what they say of its TLS. For the doctor: it
// reads files and takes its time. Safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cotter::coverage {

// Libraries that are followed: LibreOffice, which links most, has about 200.
inline constexpr std::size_t kMaxLibraries = 1000;

// LinkedTls is what a program and its libraries have of TLS.
struct LinkedTls {
  bool openssl = false;  // libssl.so.3
  bool gnutls = false;   // libgnutls.so.30

  // What no hook reaches, one sentence each: a library of another TLS implementation, a library
  // that carries OpenSSL in itself, or the traces of one in the program.
  std::vector<std::string> unreachable;

  // Libraries that were not found; what they need is unknown.
  std::vector<std::string> missing;
};

// LookAtLibraries follows what the program at `path`, an ELF file, needs, as the dynamic linker
// does: its run path, LD_LIBRARY_PATH, the folders of /etc/ld.so.conf and the default ones. What a
// program loads later by itself is not seen.
[[nodiscard]] LinkedTls LookAtLibraries(const std::string& path);

}  // namespace cotter::coverage
