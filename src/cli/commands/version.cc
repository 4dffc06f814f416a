// SPDX-License-Identifier: Apache-2.0
//
// cotter version: which cotter, which OpenSSL, how built. What a bug report needs.
#include <string>

#include <boost/json/value.hpp>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include "cli/arguments.h"
#include "cli/build_info.h"
#include "cli/option.h"
#include "cli/output.h"

namespace cotter::cli {
namespace {

Exit RunVersion(Call call) {
  const std::string built_with = OPENSSL_VERSION_STR;
  const std::string running = OpenSSL_version(OPENSSL_VERSION);
  if (call.arguments.Has("json")) {
    call.output.Json({{"version", kVersion},
                      {"openssl", {{"headers", built_with}, {"library", running}}},
                      {"build", {{"type", kBuildType}, {"compiler", kCompiler}}}});
    return Exit::kSatisfied;
  }
  call.output.Text("cotter " + std::string(kVersion) + "\nopenssl: " + running +
                   " (built with headers of " + built_with +
                   ")\nbuild: " + std::string(kBuildType) + ", " + std::string(kCompiler) + "\n");
  return Exit::kSatisfied;
}

constexpr Option kOptions[] = {kJsonOption};
constexpr OptionGroup kGroups[] = {{"Options", kOptions}};
constexpr Example kExamples[] = {
    {.line = "cotter version --json", .help = "the same, for a script or a bug report"}};
constexpr ExitNote kExits[] = {{Exit::kSatisfied, "always"}};

}  // namespace

extern const Command kVersionCommand{
    .name = "version",
    .summary = "print the versions of cotter and of its TLS library",
    .description =
        "The OpenSSL library is the one that is loaded now; the headers are those that "
        "cotter was built with.",
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunVersion,
};

}  // namespace cotter::cli
