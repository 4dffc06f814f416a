// SPDX-License-Identifier: Apache-2.0
//
// cotter policy: show, compare, change and compile policies.
#include <string>

#include "cli/arguments.h"
#include "cli/connect_options.h"
#include "cli/option.h"
#include "cli/policy_actions.h"

namespace cotter::cli {
namespace {

constexpr std::string_view kActions[] = {"show",        "diff",       "add",
                                         "replace-pin", "remove-pin", "compile"};
constexpr std::string_view kPlaces[] = {"any", "leaf", "ca"};
constexpr std::string_view kUses[] = {"active", "backup", "next", "retiring", "revoked"};

Exit RunPolicy(Call call) {
  const std::string& action = call.arguments.positionals().front();
  if (action == "show") return ShowPolicy(call);
  if (action == "diff") return DiffPolicies(call);
  if (action == "compile") return CompilePolicy(call);
  return ChangePolicy(call);
}

constexpr Argument kArguments[] = {{.name = "ACTION", .help = "what to do", .choices = kActions},
                                   {.name = "WORD",
                                    .help = "what the action takes, as below",
                                    .count = Count::kAny,
                                    .complete = Complete::kFile}};

constexpr Action kActionLines[] = {
    {.line = "show [HOST[:PORT]]", .help = "which rule applies, and why none of the others"},
    {.line = "diff OLD NEW", .help = "what changes for connections, and who would be locked out"},
    {.line = "add HOST", .help = "add pins: --from-server, --from-cert, --from-csr or --pin"},
    {.line = "replace-pin HOST", .help = "put another key in the place of one: --pin, --with"},
    {.line = "remove-pin HOST", .help = "take a pin out: --pin"},
    {.line = "compile", .help = "write the form that programs start from at once: --output"}};

constexpr Option kOptions[] = {{.name = "policy",
                                .letter = 'p',
                                .arg = "FILE",
                                .help = "the policy (default policy.toml)",
                                .complete = Complete::kFile},
                               {.name = "output",
                                .letter = 'o',
                                .arg = "FILE",
                                .help = "compile: where the compiled policy goes",
                                .complete = Complete::kFile},
                               kJsonOption};

constexpr Option kChangeOptions[] = {
    {.name = "from-server", .help = "add the keys that HOST serves, on a path that verifies"},
    {.name = "from-cert",
     .arg = "FILE",
     .help = "add the key of the first certificate in FILE",
     .complete = Complete::kFile},
    {.name = "from-csr",
     .arg = "FILE",
     .help = "add the key of a certificate request",
     .complete = Complete::kFile},
    {.name = "pin", .arg = "PIN", .help = "the pin to add, to replace or to remove"},
    {.name = "with", .arg = "PIN", .help = "replace-pin: the new pin"},
    {.name = "place", .arg = "PLACE", .help = "add: where the pin may match", .choices = kPlaces},
    {.name = "use", .arg = "USE", .help = "add: what the pin is for", .choices = kUses},
    {.name = "label", .arg = "TEXT", .help = "add: words for people"},
    {.name = "reason", .arg = "TEXT", .help = "write down why, in updated, reason and history"},
    {.name = "by", .arg = "WHO", .help = "who says so, in history"}};

constexpr OptionGroup kGroups[] = {{.title = "Options", .options = kOptions},
                                   {.title = "Options of changes", .options = kChangeOptions},
                                   kConnectGroup};

constexpr Example kExamples[] = {
    {.line = "cotter policy show api.example.com", .help = "which rule applies, and why"},
    {.line = "cotter policy diff old.toml new.toml", .help = "who would be locked out"},
    {.line = "cotter policy add api.example.com --from-csr backup.csr --use backup",
     .help = "a backup pin, comments and order of the file untouched"},
    {.line = "cotter policy compile -o policy.cache", .help = "what programs start from at once"}};

constexpr ExitNote kExits[] = {
    {.code = Exit::kSatisfied, .meaning = "done; diff: nobody would be locked out"},
    {.code = Exit::kViolated,
     .meaning = "diff: somebody would be; add: the server does not verify"},
    {.code = Exit::kUsage, .meaning = "the command line or a policy is not usable"}};

}  // namespace

std::string PolicyPathOf(Call call) {
  return std::string(call.arguments.Value("policy").value_or("policy.toml"));
}

extern const Command kPolicyCommand;
const Command kPolicyCommand{
    .name = "policy",
    .summary = "show, compare, change and compile a policy",
    .description =
        "Without HOST, show lists the policy, and with --json prints it as the canonical JSON that "
        "machines sign.\n\n"
        "add, replace-pin and remove-pin edit the file in place, comments and order untouched: the "
        "text is parsed again and must mean what was asked for before the file is replaced.",
    .arguments = kArguments,
    .actions = kActionLines,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunPolicy};

}  // namespace cotter::cli
