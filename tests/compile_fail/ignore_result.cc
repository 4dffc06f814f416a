// SPDX-License-Identifier: Apache-2.0
//
// A failure cannot be overlooked: whoever drops a Result is told by the compiler.
#include <cotter/result.h>

namespace cotter {

Result<int> Fallible();

int Use() {
#ifdef COTTER_BAD_LINE
  // expect: ignoring returned value
  Fallible();
  return 0;
#else
  return Fallible().has_value() ? 1 : 0;
#endif
}

}  // namespace cotter
