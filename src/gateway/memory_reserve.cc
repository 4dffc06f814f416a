// SPDX-License-Identifier: Apache-2.0
#include "gateway/memory_reserve.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <new>

#include "gateway/buffer.h"

namespace cotter::gateway {
namespace {

// What one handler of the loop may need, many times over: 2 MiB. Blocks, because those are what the
// heap has most of once connections ended.
constexpr std::size_t kPieces = 64;

constinit std::array<std::atomic<Block*>, kPieces> pieces{};
constinit std::atomic<bool> spent{false};
constinit thread_local bool is_filling = false;

// GiveUp is what `new` calls when there is no memory, until there is or this throws.
void GiveUp() {
  if (is_filling) throw std::bad_alloc();
  spent.store(true, std::memory_order_relaxed);
  for (std::atomic<Block*>& piece : pieces) {
    const std::unique_ptr<Block> given(piece.exchange(nullptr));
    if (given) return;
  }
  throw std::bad_alloc();
}

}  // namespace

MemoryReserve::MemoryReserve() noexcept {
  std::set_new_handler(GiveUp);
  (void)Refill();
}

MemoryReserve::~MemoryReserve() {
  std::set_new_handler(nullptr);
  for (std::atomic<Block*>& piece : pieces) {
    const std::unique_ptr<Block> given(piece.exchange(nullptr));
  }
}

bool MemoryReserve::is_spent() const noexcept { return spent.load(std::memory_order_relaxed); }

bool MemoryReserve::Refill() noexcept {
  bool whole = true;
  is_filling = true;
  try {
    for (std::atomic<Block*>& piece : pieces) {
      if (piece.load() != nullptr) continue;
      piece.store(std::make_unique_for_overwrite<Block>().release());
    }
    spent.store(false, std::memory_order_relaxed);
  } catch (const std::bad_alloc&) {
    whole = false;
  }
  is_filling = false;
  return whole;
}

}  // namespace cotter::gateway
