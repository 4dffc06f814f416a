// SPDX-License-Identifier: Apache-2.0
//
// The front of cotter. It does what `cotter exec` does where nothing is left to find out: the
// policy is compiled, the program is covered, the command line is the plain one. Everything else it
// hands on as it is, to cotter-main, which also knows what to say when something is wrong.
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <unistd.h>

#include "cli/exec_start.h"
#include "cli/exec_stored.h"

namespace cotter::cli {
namespace {

// Reader reads the options of `cotter exec` that stand before the program.
class Reader {
 public:
  explicit Reader(std::span<char* const> words) : words_(words) {}

  // Run is what is asked; nullopt for whatever is not plain.
  std::optional<ExecRequest> Run() {
    while (next_ < words_.size() && words_[next_][0] == '-') {
      const std::string_view word = words_[next_++];
      if (word == "--") break;
      if (!Option(word)) return std::nullopt;
    }
    for (char* const word : words_.subspan(next_)) request_.words.emplace_back(word);
    const bool events_known = !request_.audit_events || *request_.audit_events == "violations" ||
                              *request_.audit_events == "unlisted" ||
                              *request_.audit_events == "all";
    if (!request_.policy || request_.words.empty() || !events_known) return std::nullopt;
    if (request_.audit_events && !request_.audit) return std::nullopt;
    return request_;
  }

 private:
  bool Option(std::string_view word) {
    if (word == "-p" || word == "--policy") return Value(request_.policy);
    if (word == "--audit") return Value(request_.audit);
    if (word == "--audit-events") return Value(request_.audit_events);
    if (word == "--report-only") return request_.report_only = true;
    if (word == "--allow-uncovered") return request_.allow_uncovered = true;
    return Joined(word, "--policy=", request_.policy) || Joined(word, "--audit=", request_.audit) ||
           Joined(word, "--audit-events=", request_.audit_events);
  }

  bool Value(std::optional<std::string>& value) {
    return next_ < words_.size() && words_[next_][0] != '-' && Set(value, words_[next_++]);
  }

  static bool Joined(std::string_view word, std::string_view prefix,
                     std::optional<std::string>& value) {
    return word.starts_with(prefix) && Set(value, word.substr(prefix.size()));
  }

  static bool Set(std::optional<std::string>& value, std::string_view text) {
    if (value || text.empty() || text == "-") return false;
    value = text;
    return true;
  }

  std::span<char* const> words_;
  std::size_t next_ = 0;
  ExecRequest request_;
};

// Start becomes the program. It returns where that is not to be, and nothing has happened.
void Start(const ExecRequest& request) {
  const std::string folder = StoreFolder();
  const std::optional<std::string> name = StoredName(*request.policy);
  const Result<std::string> library = FindPreload();
  if (folder.empty() || !name || !library || !IsStored(folder + "/" + *name)) return;
  const std::string program = FindProgram(request.words.front());
  if (program.empty() || (!request.allow_uncovered && !MayRun(program))) return;
  ExecSettings settings{.library = *library,
                        .policy = folder + "/" + *name,
                        .options = OptionsOf(request),
                        .audit = {}};
  if (request.audit) {
    const Result<std::string> audit = PrepareAudit(*request.audit);
    if (!audit) return;
    settings.audit = *audit;
  }
  (void)Become(program, request.words, settings);
}

int Run(std::span<char*> words) {
  if (words.size() > 1 && std::strcmp(words[1], "exec") == 0) {
    if (const std::optional<ExecRequest> request = Reader(words.subspan(2)).Run()) Start(*request);
  }
  const std::string main_program = FindPart(kMainProgram);
  if (!main_program.empty()) ::execv(main_program.c_str(), words.data());
  std::fprintf(stderr,
               "cotter: error: %s: not found beside the program, nor in ../lib/cotter: "
               "install cotter as a whole\n",
               kMainProgram);
  return 125;
}

}  // namespace
}  // namespace cotter::cli

int main(int argc, char** argv) { return cotter::cli::Run({argv, static_cast<std::size_t>(argc)}); }
