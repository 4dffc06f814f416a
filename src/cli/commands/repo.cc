// SPDX-License-Identifier: Apache-2.0
//
// cotter repo: the repository that clients update from.
#include <string>

#include "cli/arguments.h"
#include "cli/connect_options.h"
#include "cli/option.h"
#include "cli/passphrase.h"
#include "cli/repo_actions.h"
#include "cli/token_key.h"

namespace cotter::cli {
namespace {

constexpr std::string_view kActions[] = {"init",    "add-key",  "remove-key", "publish",
                                         "promote", "rollback", "request",    "sign",
                                         "refresh", "status",   "verify"};

Exit RunRepo(Call call) {
  const std::string& action = call.arguments.positionals().front();
  if (action == "init") return InitRepository(call);
  if (action == "add-key" || action == "remove-key") return ChangeKeys(call);
  if (action == "publish") return PublishPolicy(call);
  if (action == "promote") return PromotePolicy(call);
  if (action == "rollback") return RollPolicyBack(call);
  if (action == "request") return WriteRequest(call);
  if (action == "status") return ShowStatus(call);
  if (action == "verify") return VerifyPublished(call);
  return SignPending(call);
}

constexpr Argument kArguments[] = {{.name = "ACTION", .help = "what to do", .choices = kActions},
                                   {.name = "WORD",
                                    .help = "what the action takes, as below",
                                    .count = Count::kAny,
                                    .complete = Complete::kFile}};

constexpr Action kActionLines[] = {
    {.line = "init", .help = "make a repository of the keys that the options of init name"},
    {.line = "publish POLICY", .help = "propose a policy, where nothing speaks against it"},
    {.line = "promote FROM TO", .help = "propose the policy of one environment for another"},
    {.line = "rollback ENVIRONMENT VERSION",
     .help = "propose an old policy again, under a higher version"},
    {.line = "sign NAME",
     .help = "sign all that waits for the key NAME; what has enough signatures is published"},
    {.line = "request ROLE", .help = "write what waits for a signer who is elsewhere"},
    {.line = "status", .help = "who has signed, who is missing, and until when roles hold"},
    {.line = "verify", .help = "follow what is published as a client would"},
    {.line = "refresh NAME", .help = "sign a new timestamp, and what else ends soon, from a timer"},
    {.line = "add-key ROLE FILE...",
     .help = "propose keys for a role, all or none; a role that is not there is made"},
    {.line = "remove-key ROLE KEYID", .help = "propose that a role loses a key"}};

constexpr Option kOptions[] = {
    {.name = "repo",
     .arg = "DIR",
     .help = "the repository (default repo); its public/ is what is uploaded",
     .complete = Complete::kDirectory},
    {.name = "keys",
     .arg = "DIR",
     .help = "sign, refresh: where the keys are (default keys)",
     .complete = Complete::kDirectory},
    {.name = "override",
     .arg = "REASON",
     .help = "publish although something speaks against it; the reason is kept in log.jsonl"},
    {.name = "delegate",
     .arg = "NAME",
     .help = "publish: the policy of a team that the environment's policy lists"},
    {.name = "target",
     .arg = "PATH",
     .help = "add-key: what a new delegated role may sign",
     .repeat = Repeat::kMany},
    {.name = "threshold",
     .arg = "N",
     .help = "add-key: how many have to sign for a new delegated role (default 1; emergency 2)"},
    {.name = "request",
     .arg = "FILE",
     .help = "sign: a request from elsewhere, in place of what waits here",
     .complete = Complete::kFile},
    {.name = "add",
     .arg = "FILE",
     .help = "sign: take a signature that was made elsewhere",
     .complete = Complete::kFile},
    {.name = "output",
     .letter = 'o',
     .arg = "FILE",
     .help = "request, sign --request: where it goes",
     .complete = Complete::kFile},
    kJsonOption};

constexpr Option kInitOptions[] = {
    {.name = "root-key",
     .arg = "FILE",
     .help = "a public key (NAME.pub) that may sign the root",
     .repeat = Repeat::kMany,
     .complete = Complete::kFile},
    {.name = "targets-key",
     .arg = "FILE",
     .help = "one that may sign policies",
     .repeat = Repeat::kMany,
     .complete = Complete::kFile},
    {.name = "online-key",
     .arg = "FILE",
     .help = "one that may sign snapshots and timestamps, from a timer",
     .repeat = Repeat::kMany,
     .complete = Complete::kFile},
    {.name = "snapshot-key",
     .arg = "FILE",
     .help = "one that may sign snapshots",
     .repeat = Repeat::kMany,
     .complete = Complete::kFile},
    {.name = "timestamp-key",
     .arg = "FILE",
     .help = "one that may sign timestamps",
     .repeat = Repeat::kMany,
     .complete = Complete::kFile},
    {.name = "emergency-key",
     .arg = "FILE",
     .help = "one that may sign emergency statements",
     .repeat = Repeat::kMany,
     .complete = Complete::kFile},
    {.name = "emergency-threshold", .arg = "N", .help = "how many have to (default 2)"},
    {.name = "root-threshold", .arg = "N", .help = "how many have to (default 1)"},
    {.name = "targets-threshold", .arg = "N", .help = "how many have to (default 1)"},
    {.name = "snapshot-threshold", .arg = "N", .help = "how many have to (default 1)"},
    {.name = "timestamp-threshold", .arg = "N", .help = "how many have to (default 1)"}};

constexpr OptionGroup kGroups[] = {{.title = "Options", .options = kOptions},
                                   {.title = "Options of init", .options = kInitOptions},
                                   kTokenGroup,
                                   kPassphraseGroup,
                                   kConnectGroup};

constexpr Example kExamples[] = {
    {.line = "cotter repo init --root-key a.pub --targets-key a.pub --online-key o.pub",
     .help = "a new repository; repeat a key option for each further signer"},
    {.line = "cotter repo publish policy.toml",
     .help = "lint, ask the servers, then wait for "
             "signatures"},
    {.line = "cotter repo sign alice", .help = "sign what waits for this key"},
    {.line = "cotter repo sign 'pkcs11:token=HSM;object=bob' --module hsm.so",
     .help = "by a key that cannot leave its token"},
    {.line = "cotter repo status", .help = "who has signed, and who is missing"},
    {.line = "cotter repo refresh online", .help = "a new timestamp, from a timer"},
    {.line = "cotter repo rollback production 41", .help = "old content under a higher version"}};

constexpr ExitNote kExits[] = {
    {.code = Exit::kSatisfied, .meaning = "done"},
    {.code = Exit::kViolated,
     .meaning = "something speaks against publishing, or what is published does not verify"},
    {.code = Exit::kUsage, .meaning = "the command line, a key or a file is not usable"},
    {.code = Exit::kUndecided, .meaning = "publishing: a server could not be asked"}};

}  // namespace

extern const Command kRepoCommand;
const Command kRepoCommand{
    .name = "repo",
    .summary = "publish signed policies that clients update from",
    .description =
        "A repository is a folder: public/ is uploaded as it is to any web server, pending/ is "
        "metadata that waits for signatures, log.jsonl what happened.\n\n"
        "What an action proposes waits in pending/ until as many have signed as have to, over days "
        "if need be, and is then published. A signer who is elsewhere gets the file that request "
        "writes, runs sign --request, and sends back a file for sign --add.\n\n"
        "publish refuses a policy in which lint finds errors, that a live server does not satisfy, "
        "that has no backup pin, that drops a pin in use, or that would take the rules of a team "
        "away. --override REASON takes the blame, and is recorded.\n\n"
        "Below targets stand delegated roles, with keys of their own: emergency, which 'cotter "
        "emergency' speaks for, and teams that the policy lists as [[delegate]], which publish "
        "with --delegate.",
    .arguments = kArguments,
    .actions = kActionLines,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunRepo};

}  // namespace cotter::cli
