// SPDX-License-Identifier: Apache-2.0
//
// A reader of ELF files, as far as it takes to know how a program is loaded and what it links: the
// program headers and the dynamic section. 64-bit little-endian files alone, which is what runs
// here. It allocates nothing, so that it may run between vfork and exec, and stays inside its
// input, whatever a header says. A view: it borrows the bytes. Safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <cotter/bytes.h>

namespace cotter::coverage {

// Real programs have about 12 program headers, 60 dynamic entries and 100 needed libraries.
inline constexpr std::size_t kMaxProgramHeaders = 256;
inline constexpr std::size_t kMaxDynamicEntries = 4096;

// Chromium, with everything linked in, has about 10,000 dynamic symbols.
inline constexpr std::size_t kMaxSymbols = 1'000'000;

class ElfImage {
 public:
  // Read looks at `file`. Nullopt where it is no ELF file of this machine's kind.
  [[nodiscard]] static std::optional<ElfImage> Read(ByteView file) noexcept;

  // is_dynamic reports that a dynamic linker loads the program, so that it can be preloaded into.
  [[nodiscard]] bool is_dynamic() const noexcept { return has_interpreter_; }

  // has_dynamic_section reports that there is one: a library, or a dynamic program.
  [[nodiscard]] bool has_dynamic_section() const noexcept { return dynamic_.size() != 0; }

  // is_go reports that the Go linker made it.
  [[nodiscard]] bool is_go() const noexcept { return is_go_; }

  // Needed is the name of the needed library number `index`; empty behind the last one.
  [[nodiscard]] std::string_view Needed(std::size_t index) const noexcept COTTER_LIFETIME_BOUND;

  // RunPath is DT_RUNPATH, or DT_RPATH where there is none; empty without either.
  [[nodiscard]] std::string_view RunPath() const noexcept COTTER_LIFETIME_BOUND;

  // Defines reports that `symbol` is defined and exported here.
  [[nodiscard]] bool Defines(std::string_view symbol) const noexcept;

 private:
  struct Segment {
    std::uint64_t offset = 0;
    std::uint64_t address = 0;
    std::uint64_t size = 0;
  };

  explicit ElfImage(ByteView file) noexcept : file_(file) {}

  [[nodiscard]] bool ReadSegments() noexcept;
  void ReadNotes(const Segment& segment) noexcept;
  void ReadDynamic() noexcept;
  [[nodiscard]] ByteView At(std::uint64_t address) const noexcept;
  [[nodiscard]] std::string_view Text(std::uint64_t offset) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> Dynamic(std::uint64_t tag,
                                                     std::size_t number) const noexcept;
  [[nodiscard]] std::size_t SymbolCount() const noexcept;

  ByteView file_;
  ByteView dynamic_;
  ByteView strings_;
  ByteView symbols_;
  bool has_interpreter_ = false;
  bool is_go_ = false;
};

}  // namespace cotter::coverage
