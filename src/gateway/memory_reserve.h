// SPDX-License-Identifier: Apache-2.0
//
// Memory that is set aside for when there is no other: `new` gives it up, so that what is being
// done can be finished, and the gateway then ends connections until it is whole again. (OpenSSL
// does not allocate by `new`; there a connection fails.) Where even this does not suffice `new`
// throws, and whoever handles an event gives up the connection that it was for. One object at a
// time; it is filled by the loop's thread, and given up by any.
#pragma once

namespace cotter::gateway {

class MemoryReserve {
 public:
  // Fills itself as far as there is memory.
  MemoryReserve() noexcept;
  MemoryReserve(const MemoryReserve&) = delete;
  MemoryReserve& operator=(const MemoryReserve&) = delete;
  ~MemoryReserve();

  // is_spent reports that some of it was given up.
  [[nodiscard]] bool is_spent() const noexcept;

  // Refill takes back what was given up; false where there is not as much.
  [[nodiscard]] bool Refill() noexcept;
};

}  // namespace cotter::gateway
