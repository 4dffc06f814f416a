// SPDX-License-Identifier: Apache-2.0
//
// Allocations of C++ that fail when a test wants them to, in the thread of the test. OpenSSL's own
// are left alone.
#pragma once

namespace cotter::test {

// AllocationsLeft is how many allocations of this thread succeed before one fails, and all after
// it; negative: none fails.
long& AllocationsLeft() noexcept;

}  // namespace cotter::test
