// SPDX-License-Identifier: Apache-2.0
//
// Between JavaScript's values and C++'s. On the thread of the environment.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/napi.h"
#include <cotter/cotter.h>

namespace cotter::node {

// Facts is a verdict, copied out of the library so that another thread may show it.
struct Facts {
  std::vector<std::pair<const char*, std::string>> texts;
  std::vector<std::pair<const char*, std::vector<std::string>>> lists;
  std::vector<std::pair<const char*, double>> numbers;
  std::vector<std::pair<const char*, bool>> flags;
};

[[nodiscard]] Facts CopyOf(const cotter_verdict* verdict);
[[nodiscard]] napi_value ToObject(napi_env env, const Facts& facts);

// Failure is an error of the library, copied.
struct Failure {
  std::string code;
  std::string message;
  bool retryable = false;
};

// TakeFailure copies and frees `error`.
[[nodiscard]] Failure TakeFailure(cotter_error* error);

// ToError is a JavaScript Error with `code` and `retryable`.
[[nodiscard]] napi_value ToError(napi_env env, const Failure& failure);

[[nodiscard]] napi_value ToText(napi_env env, std::string_view text);
[[nodiscard]] napi_value ToNumber(napi_env env, double number);
[[nodiscard]] napi_value ToFlag(napi_env env, bool flag);
void Set(napi_env env, napi_value object, const char* name, napi_value value);

// What is not of the kind that is asked for reads as empty, 0 or nothing: the JavaScript part of
// the package checks arguments.
[[nodiscard]] std::string TextOf(napi_env env, napi_value value);
[[nodiscard]] std::vector<std::string> TextsOf(napi_env env, napi_value value);
[[nodiscard]] double NumberOf(napi_env env, napi_value value);

// BytesOf is the content of a Buffer.
[[nodiscard]] std::string BytesOf(napi_env env, napi_value value);

// ArgumentsOf is the arguments of a call, undefined ones added up to `count`.
[[nodiscard]] std::vector<napi_value> ArgumentsOf(napi_env env, napi_callback_info info,
                                                  std::size_t count);

}  // namespace cotter::node
