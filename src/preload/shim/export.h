// SPDX-License-Identifier: Apache-2.0
//
// The mark of a hook: the only symbols that the preload library exports. hooks.map lists them
// again, so that a forgotten mark or line is an error of the linker or of a test.
#pragma once

#define COTTER_HOOK extern "C" __attribute__((visibility("default")))

// COTTER_CALLER is where the current hook will return to: code of the library that called it.
#define COTTER_CALLER __builtin_return_address(0)
