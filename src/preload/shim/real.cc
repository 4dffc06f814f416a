// SPDX-License-Identifier: Apache-2.0
#include "preload/shim/real.h"

#include <cstdint>

#include <dlfcn.h>
#include <link.h>

// Where this library begins and ends in memory; made by the linker.
extern "C" __attribute__((visibility("hidden"))) const char __ehdr_start;
extern "C" __attribute__((visibility("hidden"))) const char _end;

namespace cotter::preload {
namespace {

// Where a function is looked for last: a caller may have found the library by name, at run time.
constexpr std::array<const char*, 3> kLibraries = {"libssl.so.3", "libcrypto.so.3",
                                                   "libgnutls.so.30"};

// FindIn is `name` in a library that is already loaded, or in what it needs.
void* FindIn(const char* library, const char* name) noexcept {
  void* const handle = ::dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return nullptr;
  void* const found = ::dlsym(handle, name);
  ::dlclose(handle);
  return IsOurs(found) ? nullptr : found;
}

}  // namespace

void* FindReal(const char* name, const void* caller) noexcept {
  const link_map* const map = ObjectOf(caller);
  // The program itself has no name here: what it sees is the global scope.
  if (map != nullptr && map->l_name != nullptr && map->l_name[0] != '\0') {
    if (void* const real = FindIn(map->l_name, name)) return real;
  }
  if (void* const real = FindNext(name)) return real;
  for (const char* const library : kLibraries) {
    if (void* const real = FindIn(library, name)) return real;
  }
  return nullptr;
}

const link_map* ObjectOf(const void* address) noexcept {
  // dladdr would say the same, and walk through a table of symbols for it.
  dl_find_object found{};
  void* const at = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(address));
  return ::_dl_find_object(at, &found) == 0 ? found.dlfo_link_map : nullptr;
}

bool IsOurs(const void* address) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  return at >= reinterpret_cast<std::uintptr_t>(&__ehdr_start) &&
         at < reinterpret_cast<std::uintptr_t>(&_end);
}

void* FindNext(const char* name) noexcept { return ::dlsym(RTLD_NEXT, name); }

}  // namespace cotter::preload
