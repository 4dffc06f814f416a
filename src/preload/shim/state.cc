// SPDX-License-Identifier: Apache-2.0
#include "preload/shim/state.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include <climits>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/policy_image.h"
#include "preload/shim/names.h"

namespace cotter::preload {
namespace {

// An image of the largest policy (100,000 rules, a million pins) is about 60 MiB.
constexpr off_t kMaxImageSize = off_t{256} << 20;

using Text = std::array<char, PATH_MAX + 64>;

// All of this is plain memory that is zero at start and never destroyed: threads may still use it
// while the process ends.
Process process;
Text policy_entry;
Text options_entry;
Text audit_entry;
Text library_path;
Text judge_path;
struct stat error_stream;
bool has_error_stream = false;

pthread_once_t set_up = PTHREAD_ONCE_INIT;
pthread_mutex_t judge_mutex = PTHREAD_MUTEX_INITIALIZER;
std::atomic<const Judge*> judge{nullptr};
JudgeLinks links;           // written before `judge`
bool judge_failed = false;  // under judge_mutex

__thread int inside_depth = 0;

// Append writes `text` at `at` of `out`, terminated. False where it does not fit.
bool Append(Text& out, std::size_t& at, std::string_view text) noexcept {
  if (text.size() >= out.size() - at) return false;
  std::memcpy(out.data() + at, text.data(), text.size());
  at += text.size();
  out[at] = '\0';
  return true;
}

// Refuse ends the process before the program has done anything.
[[noreturn]] void Refuse(std::string_view why) noexcept {
  Text line{};
  std::size_t size = 0;
  (void)Append(line, size, "cotter: error: exec: ");
  (void)Append(line, size, why);
  Say({line.data(), size});
  ::_exit(kCannotEnforce);
}

// Keep makes "NAME=value" of a variable for the children, and returns the value in it.
const char* Keep(Text& entry, const char* name) noexcept {
  const char* const value = std::getenv(name);
  std::size_t size = 0;
  const bool fits = Append(entry, size, name) && Append(entry, size, "=") &&
                    Append(entry, size, value == nullptr ? "" : value);
  if (!fits) Refuse("a variable of the environment is too long");
  return entry.data() + std::strlen(name) + 1;
}

// HasOption finds a word in a list that commas separate.
bool HasOption(std::string_view list, std::string_view word) noexcept {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

// IsCompiled looks at the front of an image: cut files and files of another version are found here,
// before the program runs. The checksum is compared when the judge is loaded.
bool IsCompiled(const std::uint8_t* bytes, std::uint64_t size) noexcept {
  if (size < sizeof(image::Header)) return false;
  const auto header = image::Load<image::Header>(bytes);
  return header.magic == image::kMagic && header.size == size && image::Layout(header).end == size;
}

// MapPolicy maps the image that the parent made. Whoever could write to it could turn enforcement
// off, so a file of others, or one that others can write, is none.
void MapPolicy(const char* path) noexcept {
  if (path[0] == '\0') Refuse("no policy: COTTER_EXEC_POLICY is not set");
  const int file = ::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  struct stat facts {};
  if (file < 0 || ::fstat(file, &facts) != 0) Refuse("the compiled policy cannot be opened");
  const bool ours = facts.st_uid == 0 || facts.st_uid == ::geteuid();
  const bool sound = S_ISREG(facts.st_mode) && facts.st_size > 0 && facts.st_size <= kMaxImageSize;
  if (!ours || !sound || (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    Refuse("the compiled policy is not a file that only its owner can write");
  }
  const auto size = static_cast<std::size_t>(facts.st_size);
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  ::close(file);
  if (mapped == MAP_FAILED) Refuse("the compiled policy cannot be mapped");
  const auto* const bytes = static_cast<const std::uint8_t*>(mapped);
  if (!IsCompiled(bytes, size)) Refuse("the compiled policy is damaged, or of another version");
  process.settings.image = bytes;
  process.settings.image_size = size;
}

// FindOurselves notes where this library stands, and the judge beside it.
void FindOurselves() noexcept {
  Dl_info info{};
  if (::dladdr(&process, &info) == 0 || info.dli_fname == nullptr || info.dli_fname[0] != '/') {
    Refuse("this library must be loaded by its full path");
  }
  const std::string_view path = info.dli_fname;
  std::size_t size = 0;
  std::size_t judge_size = 0;
  const bool fits = Append(library_path, size, path) &&
                    Append(judge_path, judge_size, path.substr(0, path.rfind('/') + 1)) &&
                    Append(judge_path, judge_size, kJudgeName);
  if (!fits) Refuse("the path of this library is too long");
}

// A mutex that another thread held at a fork would stay locked in the child for ever.
void LockAll() noexcept {
  ::pthread_mutex_lock(&judge_mutex);
  LockNames();
}

void UnlockAll() noexcept {
  UnlockNames();
  ::pthread_mutex_unlock(&judge_mutex);
}

void SetUp() noexcept {
  has_error_stream = ::fstat(STDERR_FILENO, &error_stream) == 0;
  FindOurselves();
  const char* const policy = Keep(policy_entry, kPolicyVariable);
  const std::string_view options = Keep(options_entry, kOptionsVariable);
  process.settings.audit_path = Keep(audit_entry, kAuditVariable);
  process.settings.report_only = HasOption(options, kReportOnlyOption);
  process.settings.audit_events = HasOption(options, kAuditAllOption) ? AuditEvents::kAll
                                  : HasOption(options, kAuditUnlistedOption)
                                      ? AuditEvents::kUnlisted
                                      : AuditEvents::kViolations;
  process.allow_uncovered = HasOption(options, kAllowUncoveredOption);
  process.policy_entry = policy_entry.data();
  process.options_entry = options_entry.data();
  process.audit_entry = audit_entry.data();
  process.library = library_path.data();
  MapPolicy(policy);
  ::pthread_atfork(LockAll, UnlockAll, UnlockAll);
}

// The program's first instruction comes after this.
__attribute__((constructor)) void Start() noexcept { ::pthread_once(&set_up, SetUp); }

bool VisitNames(const sockaddr* address, NameVisitor visitor, void* data) {
  return VisitNamesOf(*address, visitor, data);
}

const Judge* OpenJudge() noexcept {
  static constexpr Services kServices = {
      .visit_names = VisitNames,
      .visit_connections = VisitConnections,
      .say =
          [](const char* line, std::size_t size) {
            Say({line, size});
          },
  };
  void* const library = ::dlopen(judge_path.data(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return nullptr;
  links = {.verify_cert = ::dlsym(library, "X509_verify_cert"),
           .ssl_read = ::dlsym(library, "SSL_read")};
  const auto entry = reinterpret_cast<EntryPoint>(::dlsym(library, kEntryPointName));
  return entry == nullptr ? nullptr : entry(&process.settings, &kServices);
}

}  // namespace

const Process& Here() noexcept {
  ::pthread_once(&set_up, SetUp);
  return process;
}

const JudgeLinks& LinksOfJudge() noexcept { return links; }

const Judge* LoadedJudge() noexcept { return judge.load(std::memory_order_acquire); }

const Judge* LoadJudge() noexcept {
  if (const Judge* const loaded = LoadedJudge()) return loaded;
  if (Inside::Now()) return nullptr;  // a constructor of what the judge needs
  (void)Here();
  const Inside inside;
  ::pthread_mutex_lock(&judge_mutex);
  if (LoadedJudge() == nullptr && !judge_failed) {
    const Judge* const opened = OpenJudge();
    judge_failed = opened == nullptr;
    judge.store(opened, std::memory_order_release);
    if (judge_failed) Say("cotter: error: exec: the judge cannot be loaded: TLS is refused");
  }
  ::pthread_mutex_unlock(&judge_mutex);
  return LoadedJudge();
}

void Say(std::string_view line) noexcept {
  // A program may have closed its standard error stream and opened something else in its place.
  struct stat now {};
  const bool same = has_error_stream && ::fstat(STDERR_FILENO, &now) == 0 &&
                    now.st_dev == error_stream.st_dev && now.st_ino == error_stream.st_ino;
  if (!same) return;
  Text whole{};
  const std::size_t size = std::min(line.size(), whole.size() - 1);
  std::memcpy(whole.data(), line.data(), size);
  whole[size] = '\n';
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, whole.data(), size + 1);
}

Inside::Inside() noexcept { ++inside_depth; }
Inside::~Inside() { --inside_depth; }
bool Inside::Now() noexcept { return inside_depth != 0; }

}  // namespace cotter::preload
