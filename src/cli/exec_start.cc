// SPDX-License-Identifier: Apache-2.0
#include "cli/exec_start.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <climits>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coverage/program.h"
#include "preload/interface.h"

namespace cotter::cli {
namespace {

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

// FullPath is `path` without links and dots; empty where there is no such file.
std::string FullPath(const std::string& path) {
  std::array<char, PATH_MAX> full{};
  return ::realpath(path.c_str(), full.data()) == nullptr ? std::string()
                                                          : std::string(full.data());
}

}  // namespace

std::string OptionsOf(const ExecRequest& request) {
  std::string options;
  const auto add = [&options](std::string_view word) {
    options.append(options.empty() ? "" : ",").append(word);
  };
  if (request.report_only) add(preload::kReportOnlyOption);
  if (request.allow_uncovered) add(preload::kAllowUncoveredOption);
  if (request.audit_events == "unlisted") add(preload::kAuditUnlistedOption);
  if (request.audit_events == "all") add(preload::kAuditAllOption);
  return options;
}

std::string FindPart(std::string_view name) {
  const std::string program = FullPath("/proc/self/exe");
  const std::string folder = program.substr(0, program.rfind('/') + 1);
  std::string part = FullPath(folder + std::string(name));
  return part.empty() ? FullPath(folder + "../lib/cotter/" + std::string(name)) : part;
}

Result<std::string> FindPreload() {
  std::string path = FindPart(preload::kPreloadName);
  if (path.empty()) {
    return Error{Code::kFileUnreadable, std::string(preload::kPreloadName) + ": not found beside " +
                                            FullPath("/proc/self/exe") +
                                            ", nor in ../lib/cotter: install cotter as a whole"};
  }
  // The dynamic linker takes both for the end of a name.
  if (path.find_first_of(": ") != std::string::npos) {
    return Error{Code::kFileUnreadable,
                 path + ": the dynamic linker takes no path with a space or a colon"};
  }
  return path;
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
  std::string full = FullPath(path);
  if (full.empty()) return Error{Code::kFileUnreadable, path + ": " + std::strerror(errno)};
  return full;
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

bool MayRun(const std::string& program) {
  // What cannot be executed at all may be tried: exec will say so.
  return ::access(program.c_str(), X_OK) != 0 ||
         coverage::IsCovered(coverage::LookAtProgram(program.c_str()).kind);
}

int Become(const std::string& program, const std::vector<std::string>& words,
           const ExecSettings& settings) {
  std::vector<std::string> arguments = words;
  std::vector<std::string> environment = EnvironmentOf(settings);
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> environment_pointers = Pointers(environment);
  ::execve(program.c_str(), argument_pointers.data(), environment_pointers.data());
  if (errno != ENOEXEC) return errno;
  // A script without "#!": what a shell would do with it.
  arguments.insert(arguments.begin(), "/bin/sh");
  arguments[1] = program;
  const std::vector<char*> shell = Pointers(arguments);
  ::execve("/bin/sh", shell.data(), environment_pointers.data());
  return errno;
}

}  // namespace cotter::cli
