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

// Both forms, so that one allocator gives what the one below takes back: sanitizers mind.
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  long& left = cotter::test::AllocationsLeft();
  if (left == 0) return nullptr;
  if (left > 0) --left;
  constexpr std::size_t kUnit = alignof(std::max_align_t);
  return std::aligned_alloc(kUnit, (size / kUnit + 1) * kUnit);
}
void* operator new(std::size_t size) {
  void* const memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
