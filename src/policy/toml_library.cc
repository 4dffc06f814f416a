// SPDX-License-Identifier: Apache-2.0
//
// The one place where toml++ is compiled.
#define TOML_IMPLEMENTATION
#include "policy/toml.h"
