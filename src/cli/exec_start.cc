// SPDX-License-Identifier: Apache-2.0
#include "cli/exec_start.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "cli/report.h"
#include "preload/interface.h"

namespace cotter::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPreloadVariable = "LD_PRELOAD";
constexpr std::string_view kDefaultPath = "/bin:/usr/bin";

bool IsExecutable(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

// Replace sets one variable in a list of "NAME=value", and is its old value.
std::string Replace(std::vector<std::string>& entries, std::string_view name,
                    const std::string& value) {
  std::string old;
  const std::string prefix = std::string(name) + "=";
  std::erase_if(entries, [&](const std::string& entry) {
    if (!entry.starts_with(prefix)) return false;
    old = entry.substr(prefix.size());
    return true;
  });
  entries.push_back(prefix + value);
  return old;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<std::string> FindPreload() {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  const fs::path folder = program.parent_path();
  for (const fs::path& candidate :
       {folder / preload::kPreloadName, folder / ".." / "lib" / "cotter" / preload::kPreloadName}) {
    const fs::path path = fs::canonical(candidate, failed);
    if (failed) continue;
    // The dynamic linker takes both for the end of a name.
    if (path.string().find_first_of(": ") != std::string::npos) {
      return Error{Code::kFileUnreadable,
                   path.string() + ": the dynamic linker takes no path with a space or a colon"};
    }
    return path.string();
  }
  return Error{Code::kFileUnreadable, std::string(preload::kPreloadName) + ": not found beside " +
                                          program.string() +
                                          ", nor in ../lib/cotter: install cotter as a whole"};
}

std::string FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* const variable = std::getenv("PATH");
  std::string_view path = variable == nullptr ? kDefaultPath : variable;
  while (true) {
    const std::string_view folder = path.substr(0, path.find(':'));
    const std::string candidate = folder.empty() ? "./" + name : std::string(folder) + "/" + name;
    if (IsExecutable(candidate)) return candidate;
    if (folder.size() == path.size()) return {};
    path.remove_prefix(folder.size() + 1);
  }
}

Result<std::string> PrepareAudit(const std::string& path) {
  const int file =
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat facts {};
  const bool usable = file >= 0 && ::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
  const int error = file >= 0 ? EINVAL : errno;
  if (file >= 0) ::close(file);
  if (!usable) {
    return Error{Code::kFileUnreadable,
                 path + ": the audit file cannot be appended to: " + std::strerror(error)};
  }
  std::error_code failed;
  const fs::path full = fs::canonical(path, failed);
  if (failed) return Error{Code::kFileUnreadable, path + ": " + failed.message()};
  return full.string();
}

std::vector<std::string> EnvironmentOf(const ExecSettings& settings) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  Replace(entries, preload::kPolicyVariable, settings.policy);
  Replace(entries, preload::kOptionsVariable, settings.options);
  Replace(entries, preload::kAuditVariable, settings.audit);
  const std::string others = Replace(entries, kPreloadVariable, settings.library);
  const bool mentioned =
      (":" + others + ":").find(":" + settings.library + ":") != std::string::npos;
  if (!others.empty() && !mentioned) entries.back() += ":" + others;
  return entries;
}

Exit Become(const std::string& program, const std::vector<std::string>& words,
            const ExecSettings& settings) {
  std::vector<std::string> arguments = words;
  std::vector<std::string> environment = EnvironmentOf(settings);
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> environment_pointers = Pointers(environment);
  // Ignored signals stay ignored behind exec; this one was our own doing.
  std::signal(SIGPIPE, SIG_DFL);
  ::execve(program.c_str(), argument_pointers.data(), environment_pointers.data());
  int error = errno;
  if (error == ENOEXEC) {
    // A script without "#!": what a shell would do with it.
    arguments.insert(arguments.begin(), "/bin/sh");
    arguments[1] = program;
    const std::vector<char*> shell = Pointers(arguments);
    ::execve("/bin/sh", shell.data(), environment_pointers.data());
    error = errno;
  }
  ReportError("exec: " + program + ": " + std::strerror(error));
  return error == ENOENT || error == ENOTDIR ? kExecNotFound : kExecRefused;
}

}  // namespace cotter::cli
