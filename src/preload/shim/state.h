// SPDX-License-Identifier: Apache-2.0
//
// What a process below `cotter exec` knows: its settings, the mapped policy, and the judge once it
// is loaded. Set up before main; a process whose policy cannot be used ends there. Safe from any
// thread, and after fork. Nothing is allocated and nothing throws.
#pragma once

#include <cstddef>
#include <string_view>

#include "preload/interface.h"

namespace cotter::preload {

// Process is what was found at start. Immutable afterwards.
struct Process {
  Settings settings;
  bool allow_uncovered;

  // What children get in their environment, each "NAME=value".
  const char* policy_entry;
  const char* options_entry;
  const char* audit_entry;
  const char* library;  // the path of this library, for LD_PRELOAD
};

// Here is this process. The first call sets it up.
[[nodiscard]] const Process& Here() noexcept;

// LoadJudge is the judge, loaded by the first call; null where it cannot be, which is a refusal.
[[nodiscard]] const Judge* LoadJudge() noexcept;

// LoadedJudge is the judge if it is loaded already.
[[nodiscard]] const Judge* LoadedJudge() noexcept;

// JudgeLinks is the functions of OpenSSL that the judge itself is linked with: a connection of
// another OpenSSL cannot be judged. Meaningful once the judge is loaded.
struct JudgeLinks {
  const void* verify_cert;
  const void* ssl_read;
};
[[nodiscard]] const JudgeLinks& LinksOfJudge() noexcept;

// Say is Services::say. Adds the line break.
void Say(std::string_view line) noexcept;

// Inside is alive while this thread is in the judge, whose own calls must not be hooked.
class Inside {
 public:
  Inside() noexcept;
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  [[nodiscard]] static bool Now() noexcept;
};

}  // namespace cotter::preload
