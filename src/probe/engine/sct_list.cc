// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/sct_list.h"

namespace cotter::probe {

std::size_t CountScts(ByteView list) noexcept {
  const auto size_at_front = [](ByteView bytes) {
    return std::size_t{bytes[0]} << 8 | std::size_t{bytes[1]};
  };
  if (list.size() < 2 || size_at_front(list) != list.size() - 2) return 0;
  list = list.subspan(2);
  std::size_t count = 0;
  while (!list.empty()) {
    if (list.size() < 2) return 0;
    const std::size_t size = size_at_front(list);
    if (size == 0 || size > list.size() - 2) return 0;
    list = list.subspan(2 + size);
    ++count;
  }
  return count;
}

}  // namespace cotter::probe
