// SPDX-License-Identifier: Apache-2.0
#include "base/late_library.h"

#include <dlfcn.h>

namespace cotter::base {

LateLibrary::LateLibrary(const char* soname) noexcept
    : handle_(::dlopen(soname, RTLD_NOW | RTLD_LOCAL)) {}

void* LateLibrary::Symbol(const char* name) const noexcept {
  return handle_ == nullptr ? nullptr : ::dlsym(handle_, name);
}

}  // namespace cotter::base
