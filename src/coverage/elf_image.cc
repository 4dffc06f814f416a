// SPDX-License-Identifier: Apache-2.0
#include "coverage/elf_image.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <elf.h>

namespace cotter::coverage {
namespace {

static_assert(std::endian::native == std::endian::little, "headers are read as they stand");

// The Go linker names its note so, with the terminator.
constexpr std::string_view kGoNote("Go\0\0", 4);
constexpr std::uint32_t kGoBuildId = 4;  // the note's type

// A note section is a few hundred bytes.
constexpr std::size_t kMaxNotes = 64;

// Inside is the `size` bytes at `offset`, or none where they are not all there.
ByteView Inside(ByteView bytes, std::uint64_t offset, std::uint64_t size) noexcept {
  if (offset > bytes.size() || size > bytes.size() - offset) return {};
  return bytes.subspan(offset, size);
}

// TextOf is AsText without the library of the room core, which the preload library does not have.
std::string_view TextOf(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <typename T>
std::optional<T> Load(ByteView bytes, std::uint64_t offset) noexcept {
  const ByteView at = Inside(bytes, offset, sizeof(T));
  if (at.empty()) return std::nullopt;
  T value;
  std::memcpy(&value, at.data(), sizeof value);
  return value;
}

constexpr std::uint64_t RoundUp(std::uint64_t size) noexcept {
  return (size + 3) & ~std::uint64_t{3};
}

}  // namespace

std::optional<ElfImage> ElfImage::Read(ByteView file) noexcept {
  const std::optional<Elf64_Ehdr> header = Load<Elf64_Ehdr>(file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  const bool known = header->e_ident[EI_CLASS] == ELFCLASS64 &&
                     header->e_ident[EI_DATA] == ELFDATA2LSB &&
                     (header->e_type == ET_EXEC || header->e_type == ET_DYN);
  if (!known) return std::nullopt;
  ElfImage image(file);
  if (!image.ReadSegments()) return std::nullopt;
  image.ReadDynamic();
  return image;
}

bool ElfImage::ReadSegments() noexcept {
  const std::optional<Elf64_Ehdr> header = Load<Elf64_Ehdr>(file_, 0);
  if (header->e_phnum == 0 || header->e_phnum > kMaxProgramHeaders ||
      header->e_phentsize != sizeof(Elf64_Phdr)) {
    return false;
  }
  for (std::size_t i = 0; i < header->e_phnum; ++i) {
    const auto segment = Load<Elf64_Phdr>(file_, header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) return false;
    if (segment->p_type == PT_INTERP) has_interpreter_ = true;
    if (segment->p_type == PT_DYNAMIC) {
      dynamic_ = Inside(file_, segment->p_offset, segment->p_filesz);
    }
    if (segment->p_type == PT_NOTE) {
      ReadNotes({.offset = segment->p_offset, .address = 0, .size = segment->p_filesz});
    }
  }
  return true;
}

void ElfImage::ReadNotes(const Segment& segment) noexcept {
  const ByteView notes = Inside(file_, segment.offset, segment.size);
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < kMaxNotes; ++i) {
    const std::optional<Elf64_Nhdr> note = Load<Elf64_Nhdr>(notes, at);
    if (!note) return;
    const ByteView name = Inside(notes, at + sizeof(Elf64_Nhdr), note->n_namesz);
    is_go_ = is_go_ || (note->n_type == kGoBuildId && TextOf(name) == kGoNote);
    at += sizeof(Elf64_Nhdr) + RoundUp(note->n_namesz) + RoundUp(note->n_descsz);
  }
}

// At is the bytes from a virtual address to the end of its segment.
ByteView ElfImage::At(std::uint64_t address) const noexcept {
  const std::optional<Elf64_Ehdr> header = Load<Elf64_Ehdr>(file_, 0);
  for (std::size_t i = 0; i < header->e_phnum; ++i) {
    const auto segment = Load<Elf64_Phdr>(file_, header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment || segment->p_type != PT_LOAD || address < segment->p_vaddr) continue;
    const std::uint64_t into = address - segment->p_vaddr;
    if (into >= segment->p_filesz) continue;
    return Inside(Inside(file_, segment->p_offset, segment->p_filesz), into,
                  segment->p_filesz - into);
  }
  return {};
}

void ElfImage::ReadDynamic() noexcept {
  const std::optional<std::uint64_t> strings = Dynamic(DT_STRTAB, 0);
  const std::optional<std::uint64_t> size = Dynamic(DT_STRSZ, 0);
  if (strings && size) {
    const ByteView all = At(*strings);
    strings_ = all.first(std::min<std::uint64_t>(*size, all.size()));
  }
  if (const std::optional<std::uint64_t> symbols = Dynamic(DT_SYMTAB, 0)) symbols_ = At(*symbols);
}

// Dynamic is the value of the dynamic entry with `tag` that has `number` such ones before it.
std::optional<std::uint64_t> ElfImage::Dynamic(std::uint64_t tag,
                                               std::size_t number) const noexcept {
  for (std::size_t i = 0; i < kMaxDynamicEntries; ++i) {
    const auto entry = Load<Elf64_Dyn>(dynamic_, i * sizeof(Elf64_Dyn));
    if (!entry || entry->d_tag == DT_NULL) return std::nullopt;
    if (static_cast<std::uint64_t>(entry->d_tag) != tag) continue;
    if (number-- == 0) return entry->d_un.d_val;
  }
  return std::nullopt;
}

// Text is the terminated string at `offset` of the string table; empty where it is not there.
std::string_view ElfImage::Text(std::uint64_t offset) const noexcept {
  if (offset >= strings_.size()) return {};
  const std::string_view rest = TextOf(strings_.subspan(offset));
  const std::size_t end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

std::string_view ElfImage::Needed(std::size_t index) const noexcept {
  const std::optional<std::uint64_t> offset = Dynamic(DT_NEEDED, index);
  return offset ? Text(*offset) : std::string_view();
}

std::string_view ElfImage::RunPath() const noexcept {
  if (const auto path = Dynamic(DT_RUNPATH, 0)) return Text(*path);
  const std::optional<std::uint64_t> path = Dynamic(DT_RPATH, 0);
  return path ? Text(*path) : std::string_view();
}

// SymbolCount is how many symbols there may be: the table has no size of its own, but the string
// table follows it in every file that a linker made.
std::size_t ElfImage::SymbolCount() const noexcept {
  std::size_t bytes = symbols_.size();
  if (strings_.data() > symbols_.data()) {
    bytes = std::min(bytes, static_cast<std::size_t>(strings_.data() - symbols_.data()));
  }
  return std::min(bytes / sizeof(Elf64_Sym), kMaxSymbols);
}

bool ElfImage::Defines(std::string_view symbol) const noexcept {
  const std::size_t count = symbols_.empty() ? 0 : SymbolCount();
  for (std::size_t i = 0; i < count; ++i) {
    const auto entry = Load<Elf64_Sym>(symbols_, i * sizeof(Elf64_Sym));
    if (!entry) return false;
    if (entry->st_shndx == SHN_UNDEF || entry->st_value == 0) continue;
    if (Text(entry->st_name) == symbol) return true;
  }
  return false;
}

}  // namespace cotter::coverage
