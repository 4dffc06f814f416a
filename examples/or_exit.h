// SPDX-License-Identifier: Apache-2.0
//
// How the examples deal with what goes wrong: they say it, and end.
#pragma once

#include <cstdlib>
#include <iostream>
#include <string_view>
#include <utility>

#include <cotter/result.h>

[[noreturn]] inline void Exit(std::string_view message) {
  std::cerr << message << "\n";
  std::exit(1);
}

template <typename Value>
Value OrExit(cotter::Result<Value> result) {
  if (!result) Exit(result.error().message);
  return std::move(*result);
}

inline void OrExit(const cotter::Result<void>& result) {
  if (!result) Exit(result.error().message);
}
