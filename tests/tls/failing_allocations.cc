// SPDX-License-Identifier: Apache-2.0
#include "tests/tls/failing_allocations.h"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace cotter::test {

long& AllocationsLeft() noexcept {
  thread_local long left = -1;
  return left;
}

}  // namespace cotter::test

void* operator new(std::size_t size) {
  long& left = cotter::test::AllocationsLeft();
  if (left == 0) throw std::bad_alloc();
  if (left > 0) --left;
  constexpr std::size_t kUnit = alignof(std::max_align_t);
  void* const memory = std::aligned_alloc(kUnit, (size / kUnit + 1) * kUnit);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
