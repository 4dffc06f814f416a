// SPDX-License-Identifier: Apache-2.0
#include "preload/shim/child.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

#include "coverage/program.h"
#include "preload/shim/state.h"

namespace cotter::preload {
namespace {

using coverage::Kind;
using coverage::ProgramLook;

constexpr std::string_view kPreload = "LD_PRELOAD=";

// Where execvp looks without PATH.
constexpr const char* kDefaultPath = "/bin:/usr/bin";

// Line is a text of bounded length.
class Line {
 public:
  Line& operator<<(std::string_view text) noexcept {
    const std::size_t size = std::min(text.size(), text_.size() - size_);
    std::memcpy(text_.data() + size_, text.data(), size);
    size_ += size;
    return *this;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 1024> text_;
  std::size_t size_ = 0;
};

bool IsOurs(std::string_view entry) noexcept {
  const auto names = {kPolicyVariable, kOptionsVariable, kAuditVariable};
  return std::ranges::any_of(names, [entry](std::string_view name) {
    return entry.starts_with(name) && entry.substr(name.size()).starts_with('=');
  });
}

// Decide is the answer for a program that was looked at.
bool Decide(const ProgramLook& look, std::string_view name) noexcept {
  const Process& here = Here();
  if (here.allow_uncovered) return true;
  if (!coverage::IsCovered(look.kind)) {
    Say((Line() << "cotter: error: exec: " << name << " is not run: " << Describe(look.kind)
                << "; --allow-uncovered runs it without enforcement")
            .view());
  } else if (::access(here.library, R_OK) != 0) {
    // The dynamic linker would go on without it.
    Say((Line() << "cotter: error: exec: " << name << " is not run: " << here.library
                << " cannot be read here (another root directory, or another user)")
            .view());
  } else {
    return true;
  }
  errno = EACCES;
  return false;
}

// IsExecutable is what execvp asks of a candidate.
bool IsExecutable(const char* path) noexcept {
  struct stat facts {};
  return ::stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && ::access(path, X_OK) == 0;
}

}  // namespace

bool ChildEnvironment::Add(const char* entry) noexcept {
  if (count_ + 1 >= entries_.size()) return false;
  entries_[count_++] = entry;
  entries_[count_] = nullptr;
  return true;
}

// AddPreload adds LD_PRELOAD with this library in front.
bool ChildEnvironment::AddPreload(std::string_view others) noexcept {
  const std::string_view library = Here().library;
  if (others == library) others = {};
  if (others.starts_with(library) && others.substr(library.size()).starts_with(':')) {
    others.remove_prefix(library.size() + 1);
  }
  if (kPreload.size() + library.size() + others.size() + 2 > preload_.size()) return false;
  char* at = std::ranges::copy(kPreload, preload_.data()).out;
  at = std::ranges::copy(library, at).out;
  if (!others.empty()) *at++ = ':';
  *std::ranges::copy(others, at).out = '\0';
  return Add(preload_.data());
}

ChildEnvironment::ChildEnvironment(char* const* program) noexcept {
  std::string_view others;
  bool fits = true;
  entries_[0] = nullptr;
  for (; program != nullptr && *program != nullptr; ++program) {
    const std::string_view entry = *program;
    if (entry.starts_with(kPreload)) {
      others = entry.substr(kPreload.size());
    } else if (!IsOurs(entry)) {
      fits = fits && Add(*program);
    }
  }
  const Process& here = Here();
  complete_ = fits && Add(here.policy_entry) && Add(here.options_entry) && Add(here.audit_entry) &&
              AddPreload(others);
  if (!complete_) errno = E2BIG;
}

bool MayRun(const char* path) noexcept {
  if (path == nullptr || !IsExecutable(path)) return true;
  return Decide(coverage::LookAtProgram(path), path);
}

bool MayRunFile(int file) noexcept {
  ProgramLook look = coverage::LookAtFile(file);
  if (look.kind == Kind::kScript) {
    const ProgramLook script = look;
    look = coverage::LookAtProgram(script.detail);
  }
  return Decide(look, "a program without a name");
}

bool MayRunFound(const char* file) noexcept {
  if (file == nullptr || std::strchr(file, '/') != nullptr) return MayRun(file);
  const char* const variable = std::getenv("PATH");
  std::string_view path = variable == nullptr ? kDefaultPath : variable;
  std::array<char, PATH_MAX> candidate;
  const std::string_view name = file;
  while (true) {
    const std::string_view folder = path.substr(0, path.find(':'));
    if (folder.size() + name.size() + 2 <= candidate.size()) {
      char* at = std::ranges::copy(folder, candidate.data()).out;
      if (!folder.empty()) *at++ = '/';
      *std::ranges::copy(name, at).out = '\0';
      if (IsExecutable(candidate.data())) return MayRun(candidate.data());
    }
    if (folder.size() == path.size()) return true;
    path.remove_prefix(folder.size() + 1);
  }
}

void RestoreEnvironment() noexcept {
  const ChildEnvironment wanted(environ);
  if (!wanted.is_complete()) return;
  for (char* const* entry = wanted.get(); *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!IsOurs(text) && !text.starts_with(kPreload)) continue;
    std::array<char, 32> name{};
    std::ranges::copy(text.substr(0, text.find('=')), name.begin());
    const char* const value = *entry + text.find('=') + 1;
    const char* const now = std::getenv(name.data());
    if (now == nullptr || std::string_view(now) != value) ::setenv(name.data(), value, 1);
  }
}

}  // namespace cotter::preload
