// SPDX-License-Identifier: Apache-2.0
//
// The one guard around every extern "C" body that can fail: no exception leaves, every failure has
// a status and, where the caller asks, an error.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "capi/handles.h"
#include <cotter/result.h>

namespace cotter::capi {

// StatusOf is the status of a failure with `code`.
[[nodiscard]] cotter_status StatusOf(Code code) noexcept;

// Fail writes `why` to `error`, where that is not null, and returns its status.
[[nodiscard]] cotter_status Fail(cotter_error** error, const Error& why) noexcept;

// FailUnexpectedly is Fail for an exception that is being handled.
[[nodiscard]] cotter_status FailUnexpectedly(cotter_error** error) noexcept;

// Guard runs `body`, which returns a Result<void>.
template <typename Body>
[[nodiscard]] cotter_status Guard(cotter_error** error, const Body& body) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    const Result<void> result = body();
    return result ? COTTER_STATUS_OK : Fail(error, result.error());
  } catch (...) {
    return FailUnexpectedly(error);
  }
}

// GuardNew is Guard for a body that makes a handle: it returns a Result<std::unique_ptr<Handle>>,
// and `*out` is null on failure.
template <typename Handle, typename Body>
[[nodiscard]] cotter_status GuardNew(Handle** out, cotter_error** error,
                                     const Body& body) noexcept {
  if (out != nullptr) *out = nullptr;
  return Guard(error, [&]() -> Result<void> {
    if (out == nullptr) return Error{Code::kUsage, "there is nowhere to put the result: NULL"};
    Result<std::unique_ptr<Handle>> made = body();
    if (!made) return std::move(made).error();
    *out = std::move(made).value().release();
    return Ok();
  });
}

// Free deletes a handle that GuardNew made.
template <typename Handle>
void Free(Handle* handle) noexcept {
  const std::unique_ptr<Handle> owner(handle);
}

// Missing is the error for a required argument that is NULL.
[[nodiscard]] Error Missing(std::string_view what);

// OrEmpty is a C string, or "" for NULL.
[[nodiscard]] inline const char* OrEmpty(const char* text) noexcept {
  return text == nullptr ? "" : text;
}

// User is a caller's pointer, released once when the last callback that needs it is gone.
[[nodiscard]] std::shared_ptr<void> HoldUser(void* user, void (*release)(void* user));

}  // namespace cotter::capi
