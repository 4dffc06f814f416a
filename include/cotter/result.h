// SPDX-License-Identifier: Apache-2.0
//
// Result<T> is how cotter's functions fail on input and I/O: either a value or one Error. It is
// named and shaped like std::expected, so that it can become an alias when C++23 is the base. A
// Result is as thread-safe as its T.
//
// Decisions are not errors: see verdict in <cotter/evaluate.h>.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <cotter/code.h>

// COTTER_CHECK ends the process when `condition` is false. It guards against bugs in the program,
// never against input.
#define COTTER_CHECK(condition) (static_cast<bool>(condition) ? void(0) : std::abort())

namespace cotter {

// Error says what went wrong. `code` is stable and has a page in `cotter explain`; `message` is for
// people: lower case, no full stop, says what was expected and where; it is not stable and must not
// be parsed.
struct Error {
  Code code = Code::kInternal;
  std::string message;
};

// Result holds a T or an Error. Reading the side that is not there ends the process (COTTER_CHECK).
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  // Implicit on purpose: `return value;` and `return Error{...};` both read naturally.
  // NOLINTBEGIN(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  [[nodiscard]] T& value() & {
    COTTER_CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const& {
    COTTER_CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& value() && {
    COTTER_CHECK(has_value());
    return std::move(*std::get_if<0>(&state_));
  }
  [[nodiscard]] T& operator*() & { return value(); }
  [[nodiscard]] const T& operator*() const& { return value(); }
  [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }
  [[nodiscard]] T* operator->() { return &value(); }
  [[nodiscard]] const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& {
    COTTER_CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }
  [[nodiscard]] Error&& error() && {
    COTTER_CHECK(!has_value());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

// Result<void> is success or one Error. `Ok()` makes the success.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): as above
  Result(Error error) : error_(std::move(error)), ok_(false) {}

  [[nodiscard]] bool has_value() const noexcept { return ok_; }
  explicit operator bool() const noexcept { return ok_; }

  [[nodiscard]] const Error& error() const& {
    COTTER_CHECK(!ok_);
    return error_;
  }
  [[nodiscard]] Error&& error() && {
    COTTER_CHECK(!ok_);
    return std::move(error_);
  }

 private:
  Error error_;
  bool ok_ = true;
};

// Ok is the success of a Result<void>.
[[nodiscard]] inline Result<void> Ok() { return {}; }

}  // namespace cotter
