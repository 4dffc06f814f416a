// SPDX-License-Identifier: Apache-2.0
//
// The hooks of exec and its relatives. They run between fork or vfork and the new program, on
// whatever stack the program has, so they keep to the stack and to system calls.
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>
#include <wordexp.h>

#include "preload/shim/child.h"
#include "preload/shim/export.h"
#include "preload/shim/real.h"

namespace cotter::preload {
namespace {

using Strings = char* const*;
using Execve = int(const char*, Strings, Strings);
using Fexecve = int(int, Strings, Strings);
using Execveat = int(int, const char*, Strings, Strings, int);
using Spawn = int(pid_t*, const char*, const posix_spawn_file_actions_t*, const posix_spawnattr_t*,
                  Strings, Strings);
using System = int(const char*);
using Popen = FILE*(const char*, const char*);
using WordExp = int(const char*, wordexp_t*, int);

constinit Next<Execve> next_execve("execve");
constinit Next<Execve> next_execvpe("execvpe");
constinit Next<Fexecve> next_fexecve("fexecve");
constinit Next<Execveat> next_execveat("execveat");
constinit Next<Spawn> next_spawn("posix_spawn");
constinit Next<Spawn> next_spawnp("posix_spawnp");
constinit Next<System> next_system("system");
constinit Next<Popen> next_popen("popen");
constinit Next<WordExp> next_wordexp("wordexp");

int RunPath(const char* path, Strings arguments, Strings environment) noexcept {
  const ChildEnvironment child(environment);
  if (!child.is_complete() || !MayRun(path)) return -1;
  return next_execve.Get()(path, arguments, child.get());
}

int RunFound(const char* file, Strings arguments, Strings environment) noexcept {
  const ChildEnvironment child(environment);
  if (!child.is_complete() || !MayRunFound(file)) return -1;
  return next_execvpe.Get()(file, arguments, child.get());
}

// ArgumentList is the words of execl and its relatives, which end with a null pointer.
class ArgumentList {
 public:
  // False where there are more words than anybody writes into a source file.
  [[nodiscard]] bool Read(const char* first, va_list& words) noexcept {
    std::size_t count = 0;
    for (const char* word = first;; word = va_arg(words, const char*)) {
      if (count == words_.size()) break;
      words_[count++] = word;
      if (word == nullptr) return true;
    }
    errno = E2BIG;
    return false;
  }
  [[nodiscard]] Strings get() const noexcept {
    // exec takes strings that it could write to, and does not.
    return static_cast<Strings>(static_cast<const void*>(words_.data()));
  }

 private:
  std::array<const char*, 1024> words_;
};

// A child that changes its folder first may find another program under a relative path.
bool IsSurprising(const char* path, const posix_spawn_file_actions_t* actions) noexcept {
  return actions != nullptr && path != nullptr && path[0] != '/' && ::access(path, X_OK) != 0;
}

}  // namespace

COTTER_HOOK int execve(const char* path, Strings arguments, Strings environment) {
  return RunPath(path, arguments, environment);
}

COTTER_HOOK int execv(const char* path, Strings arguments) {
  return RunPath(path, arguments, environ);
}

COTTER_HOOK int execvp(const char* file, Strings arguments) {
  return RunFound(file, arguments, environ);
}

COTTER_HOOK int execvpe(const char* file, Strings arguments, Strings environment) {
  return RunFound(file, arguments, environment);
}

COTTER_HOOK int execl(const char* path, const char* first, ...) {
  ArgumentList list;
  va_list words;
  va_start(words, first);
  const bool read = list.Read(first, words);
  va_end(words);
  return read ? RunPath(path, list.get(), environ) : -1;
}

COTTER_HOOK int execlp(const char* file, const char* first, ...) {
  ArgumentList list;
  va_list words;
  va_start(words, first);
  const bool read = list.Read(first, words);
  va_end(words);
  return read ? RunFound(file, list.get(), environ) : -1;
}

COTTER_HOOK int execle(const char* path, const char* first, ...) {
  ArgumentList list;
  va_list words;
  va_start(words, first);
  const bool read = list.Read(first, words);
  Strings const environment = read ? va_arg(words, Strings) : nullptr;
  va_end(words);
  return read ? RunPath(path, list.get(), environment) : -1;
}

COTTER_HOOK int fexecve(int file, Strings arguments, Strings environment) {
  const ChildEnvironment child(environment);
  if (!child.is_complete() || !MayRunFile(file)) return -1;
  return next_fexecve.Get()(file, arguments, child.get());
}

COTTER_HOOK int execveat(int folder, const char* path, Strings arguments, Strings environment,
                         int flags) {
  const ChildEnvironment child(environment);
  if (!child.is_complete()) return -1;
  const bool is_file = path[0] == '\0' && (flags & AT_EMPTY_PATH) != 0;
  const int file = is_file ? folder : ::openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const bool may = file < 0 || MayRunFile(file);
  if (!is_file && file >= 0) ::close(file);
  if (!may) {
    errno = EACCES;
    return -1;
  }
  return next_execveat.Get()(folder, path, arguments, child.get(), flags);
}

COTTER_HOOK int posix_spawn(pid_t* process, const char* path,
                            const posix_spawn_file_actions_t* actions,
                            const posix_spawnattr_t* attributes, Strings arguments,
                            Strings environment) {
  const ChildEnvironment child(environment);
  if (!child.is_complete()) return E2BIG;
  if (IsSurprising(path, actions) || !MayRun(path)) return EACCES;
  return next_spawn.Get()(process, path, actions, attributes, arguments, child.get());
}

COTTER_HOOK int posix_spawnp(pid_t* process, const char* file,
                             const posix_spawn_file_actions_t* actions,
                             const posix_spawnattr_t* attributes, Strings arguments,
                             Strings environment) {
  const ChildEnvironment child(environment);
  if (!child.is_complete()) return E2BIG;
  if (!MayRunFound(file)) return EACCES;
  return next_spawnp.Get()(process, file, actions, attributes, arguments, child.get());
}

// It runs a shell for "$(command)".
COTTER_HOOK int wordexp(const char* words, wordexp_t* expanded, int flags) {
  RestoreEnvironment();
  return next_wordexp.Get()(words, expanded, flags);
}

// The names of these two are those of the hooks, which run a shell as the program asked for.
COTTER_HOOK int RunShell(const char* command) __asm__("system");
COTTER_HOOK FILE* OpenShell(const char* command, const char* mode) __asm__("popen");

int RunShell(const char* command) {
  RestoreEnvironment();
  return next_system.Get()(command);
}

FILE* OpenShell(const char* command, const char* mode) {
  RestoreEnvironment();
  return next_popen.Get()(command, mode);
}

}  // namespace cotter::preload
