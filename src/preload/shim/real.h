// SPDX-License-Identifier: Apache-2.0
//
// The functions behind the hooks. A process may hold several copies of a TLS library, some of them
// invisible to dlsym(RTLD_NEXT) because they were loaded RTLD_LOCAL, so each caller gets the
// function that it would have got without us. Safe from any thread; nothing is allocated.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

struct link_map;

namespace cotter::preload {

// FindReal is the function `name` that code at `caller` would reach without us; null where there is
// none.
[[nodiscard]] void* FindReal(const char* name, const void* caller) noexcept;

// FindNext is the next `name` in the global scope: for libc, where other preload libraries take
// part.
[[nodiscard]] void* FindNext(const char* name) noexcept;

// ObjectOf is the program or the library that `address` is in; null where it is in none.
[[nodiscard]] const link_map* ObjectOf(const void* address) noexcept;

// IsOurs reports that `address` is code of this library. A function of libssl may end in a jump to
// another hooked one, which then seems to be called from the hook of the first.
[[nodiscard]] bool IsOurs(const void* address) noexcept;

// Trace remembers the function that this thread reached last through a hook.
class Trace {
 public:
  static void Set(const void* real) noexcept { last_ = real; }
  [[nodiscard]] static const void* Last() noexcept { return last_; }

 private:
  static inline __thread const void* last_ = nullptr;
};

// Real is the function behind one hook, remembered for each place that calls it. Places are few;
// those beyond the table are looked up each time.
template <typename Function>
class Real {
 public:
  explicit constexpr Real(const char* name) noexcept : name_(name) {}

  [[nodiscard]] Function* For(const void* caller) noexcept {
    Function* const real = IsOurs(caller)
                               ? reinterpret_cast<Function*>(FindReal(name_, Trace::Last()))
                               : Lookup(caller);
    Trace::Set(reinterpret_cast<const void*>(real));
    return real;
  }

 private:
  [[nodiscard]] Function* Lookup(const void* caller) noexcept {
    for (Site& site : sites_) {
      const void* const known = site.caller.load(std::memory_order_acquire);
      if (known == caller) return site.real;
      if (known == nullptr) return Remember(site, caller);
    }
    return reinterpret_cast<Function*>(FindReal(name_, caller));
  }

  struct Site {
    std::atomic<const void*> caller{nullptr};
    Function* real = nullptr;  // never changes once `caller` is set
  };

  Function* Remember(Site& site, const void* caller) noexcept {
    auto* const real = reinterpret_cast<Function*>(FindReal(name_, caller));
    const void* expected = nullptr;
    // Whoever marks the site first fills it; `this` is an address that calls nothing.
    if (site.caller.compare_exchange_strong(expected, this)) {
      site.real = real;
      site.caller.store(caller, std::memory_order_release);
    }
    return real;
  }

  const char* name_;
  std::array<Site, 16> sites_{};
};

// Next is the function behind a hook of libc.
template <typename Function>
class Next {
 public:
  explicit constexpr Next(const char* name) noexcept : name_(name) {}

  [[nodiscard]] Function* Get() noexcept {
    Function* real = real_.load(std::memory_order_acquire);
    if (real == nullptr) {
      real = reinterpret_cast<Function*>(FindNext(name_));
      real_.store(real, std::memory_order_release);
    }
    return real;
  }

 private:
  const char* name_;
  std::atomic<Function*> real_{nullptr};
};

}  // namespace cotter::preload
