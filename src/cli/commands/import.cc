// SPDX-License-Identifier: Apache-2.0
//
// cotter import: another program's pinning configuration becomes a policy.
#include <algorithm>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/file.h"
#include "base/idna.h"
#include "cli/arguments.h"
#include "cli/foreign_files.h"
#include "cli/losses.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/report.h"
#include "formats/exchange.h"
#include "policy/policy_text.h"

namespace cotter::cli {
namespace {

policy::PolicyComments CommentsOf(const formats::ImportedPolicy& imported,
                                  const std::string& source) {
  policy::PolicyComments comments;
  comments.head = {"Made by cotter import from " + source + " (" + std::string(imported.format) +
                   "). Give every rule an owner, and every pin its place and use."};
  comments.hosts.resize(imported.policy.hosts.size());
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < comments.hosts.size(); ++i) {
    places.emplace(imported.policy.hosts[i].pattern.ToString(), i);
  }
  for (const formats::Loss& loss : imported.losses) {
    const auto place = places.find(loss.rule);
    (place == places.end() ? comments.head : comments.hosts[place->second])
        .push_back(LossText(loss));
  }
  return comments;
}

// More are no help to anyone, and a file can have a million.
constexpr std::size_t kMaxTold = 50;

Exit TellBroken(std::span<const Error> broken) {
  for (const Error& error : broken.first(std::min(broken.size(), kMaxTold) - 1)) {
    ReportError(error.message);
  }
  ReportError("", broken[std::min(broken.size(), kMaxTold) - 1]);
  if (broken.size() > kMaxTold) {
    ReportHint("the file has " + std::to_string(broken.size() - kMaxTold) + " more such mistakes");
  }
  return Exit::kUsage;
}

Exit RunImport(Call call) {
  const Result<ForeignFiles> files = ForeignFiles::Read(call.arguments.positionals());
  if (!files) {
    ReportError("", files.error());
    return Exit::kUsage;
  }
  const formats::Format* format = nullptr;
  if (const auto name = call.arguments.Value("from")) {
    format = formats::FindFormat(*name);
    if (format == nullptr) return UnknownFormat("import", *name, FormatUse::kRead);
  }
  const auto host = call.arguments.Value("host");
  if (const Result<HostName> name = HostName::Parse(host.value_or("x"), &base::Idna()); !name) {
    ReportError("import: --host", name.error());
    return Exit::kUsage;
  }
  const Result<formats::ImportedPolicy> imported =
      formats::ImportLeniently(files->views(host.value_or("")), format);
  if (!imported) {
    ReportError("", imported.error());
    return Exit::kUsage;
  }
  if (const auto broken = formats::Broken(*imported); !broken.empty()) return TellBroken(broken);
  if (!call.arguments.Has("json")) ReportLosses(imported->losses);
  if (const Exit refused = RefuseLosses(call, imported->losses); refused != Exit::kSatisfied) {
    return refused;
  }
  const std::string text = policy::WritePolicy(
      imported->policy, CommentsOf(*imported, call.arguments.positionals().front()));
  return Deliver(call, imported->format, text, imported->losses, {});
}

constexpr Argument kArguments[] = {
    {.name = "FILE",
     .help = "the configuration, or a folder of its files; - is standard input",
     .count = Count::kOneOrMore,
     .complete = Complete::kFile}};

constexpr Option kOptions[] = {
    {.name = "from", .arg = "FORMAT", .help = "what the file is, where it is not to be guessed"},
    {.name = "host",
     .arg = "NAME",
     .help = "hpkp, curl: the host that the pins are for, where the file does not say",
     .complete = Complete::kHost},
    {.name = "output",
     .letter = 'o',
     .arg = "FILE",
     .help = "write the policy there, whole or not at all",
     .complete = Complete::kFile},
    {.name = "strict", .help = "write nothing where the policy would enforce less than the file"},
    kJsonOption};

constexpr OptionGroup kGroups[] = {{.title = "Options", .options = kOptions}};

constexpr Example kExamples[] = {
    {.line = "cotter import app/src/main/res/xml/network_security_config.xml -o policy.toml",
     .help = "an Android app's pins become a policy"},
    {.line = "cotter import app-release.apk", .help = "the same from the built app"},
    {.line = "cotter import --host api.example.com headers.txt",
     .help = "the Public-Key-Pins header of a server that still sends one, saved by curl -sI"},
    {.line = "cotter import --from okhttp ApiClient.kt", .help = "pins out of Kotlin or Java"}};

constexpr ExitNote kExits[] = {
    {.code = Exit::kSatisfied, .meaning = "the policy is written"},
    {.code = Exit::kViolated, .meaning = "--strict: enforcement would be lost; nothing is written"},
    {.code = Exit::kUsage, .meaning = "the file cannot be read as a pinning configuration"}};

}  // namespace

extern const Command kImportCommand;
const Command kImportCommand{
    .name = "import",
    .summary = "make a policy of another program's pinning configuration",
    .description =
        "Reads what other stacks pin by and writes the policy that says the same, as TOML: Android "
        "network security configurations (XML, or in an APK), iOS NSPinnedDomains and TrustKit "
        "(property lists, or in an IPA), OkHttp in Kotlin and Java, curl configurations, Envoy, "
        "TLSA records, HPKP headers (as sent, or as nginx, Apache and HAProxy are told to), "
        "tls-client and JSON maps, the preload lists of Chromium and "
        "Firefox, folders of certificates, and what cotter exported for Go, Node, Python, Dart and "
        "Swift.\n\n"
        "What the policy cannot say, or what the file says without effect, is told on standard "
        "error and in comments of the policy.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunImport};

}  // namespace cotter::cli
