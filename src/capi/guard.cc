// SPDX-License-Identifier: Apache-2.0
#include "capi/guard.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>

namespace cotter::capi {
namespace {

// What a server is refused for. Everything else that fails may go right another time, or was never
// going to.
constexpr std::array kRefusals = {
    Code::kPinMismatch,
    Code::kRevoked,
    Code::kUnlistedRefused,
    Code::kPortRefused,
    Code::kSearchBound,
    Code::kPolicyExpired,
    Code::kLocalAnchorRefused,
    Code::kNoVerifiedPath,
    Code::kPkiError,
    Code::kCertExpired,
    Code::kCertNotYetValid,
    Code::kHostMismatch,
    Code::kIssuerUnknown,
    Code::kSelfSigned,
    Code::kSignatureInvalid,
    Code::kCaInvalid,
    Code::kPathLengthExceeded,
    Code::kNameConstraint,
    Code::kPurposeInvalid,
    Code::kKeyTooWeak,
    Code::kUnknownCriticalExtension,
    Code::kProfileViolation,
    Code::kChainTooLong,
};

// OutOfMemory is the error where there is no memory for one. It is never freed.
cotter_error& OutOfMemory() noexcept {
  static cotter_error error{"internal", "", false};
  return error;
}

}  // namespace

cotter_status StatusOf(Code code) noexcept {
  if (code == Code::kInternal) return COTTER_STATUS_INTERNAL;
  const bool refused = std::find(kRefusals.begin(), kRefusals.end(), code) != kRefusals.end();
  return refused ? COTTER_STATUS_REFUSED : COTTER_STATUS_FAILED;
}

cotter_status Fail(cotter_error** error, const Error& why) noexcept {
  if (error == nullptr) return StatusOf(why.code);
  try {
    *error = std::make_unique<cotter_error>(
                 cotter_error{std::string(NameOf(why.code)), why.message, client::IsRetryable(why)})
                 .release();
  } catch (...) {
    *error = &OutOfMemory();
    return COTTER_STATUS_INTERNAL;
  }
  return StatusOf(why.code);
}

cotter_status FailUnexpectedly(cotter_error** error) noexcept {
  try {
    try {
      throw;
    } catch (const std::exception& exception) {
      return Fail(error, Error{Code::kInternal, exception.what()});
    } catch (...) {
      return Fail(error, Error{Code::kInternal, "an exception of an unknown kind"});
    }
  } catch (...) {
    // No memory for the message.
    if (error != nullptr) *error = &OutOfMemory();
    return COTTER_STATUS_INTERNAL;
  }
}

Error Missing(std::string_view what) {
  return Error{Code::kUsage, std::string(what) + " is required, and was NULL"};
}

std::shared_ptr<void> HoldUser(void* user, void (*release)(void* user)) {
  return {user, [release](void* held) {
            if (release != nullptr) release(held);
          }};
}

}  // namespace cotter::capi

using namespace cotter::capi;

const char* cotter_error_code(const cotter_error* error) {
  return error == nullptr ? nullptr : error->code.c_str();
}

const char* cotter_error_message(const cotter_error* error) {
  return error == nullptr ? nullptr : error->message.c_str();
}

int32_t cotter_error_retryable(const cotter_error* error) {
  return error != nullptr && error->retryable ? 1 : 0;
}

void cotter_error_free(cotter_error* error) {
  if (error != &OutOfMemory()) Free(error);
}
