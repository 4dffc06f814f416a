// SPDX-License-Identifier: Apache-2.0
//
// cotter export: a policy becomes another program's pinning configuration.
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "base/file.h"
#include "base/idna.h"
#include "base/sha256.h"
#include "cli/arguments.h"
#include "cli/losses.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/policy_input.h"
#include "cli/report.h"
#include "formats/exchange.h"
#include "formats/key_material.h"
#include "policy/policy_file.h"

namespace cotter::cli {
namespace {

// ParseRelease reads "3.13.1" or "4.3" as MAJOR * 1000 + MINOR.
Result<std::uint32_t> ParseRelease(std::string_view text) {
  std::uint32_t parts[2] = {0, 0};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::uint32_t& part : parts) {
    const auto [next, error] = std::from_chars(at, end, part);
    if (error != std::errc{} || part > 999) break;
    at = next;
    if (&part == &parts[1]) return parts[0] * 1000 + parts[1];
    if (at == end || *at != '.') break;
    ++at;
  }
  return Error{Code::kUsage, "--okhttp-version: expected a version such as 4.12.0"};
}

Result<std::vector<Bytes>> ReadCertificates(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path);
  if (!file) return file.error();
  std::vector<Bytes> certificates;
  const auto visit = [&](const formats::MaterialView& item) -> Result<void> {
    if (item.kind == formats::MaterialKind::kCertificate) {
      certificates.emplace_back(item.der.begin(), item.der.end());
    }
    return Ok();
  };
  const Result<std::size_t> read = formats::ForEachKeyMaterial(file->bytes(), visit);
  if (!read) return Error{read.error().code, path + ": " + read.error().message};
  return certificates;
}

Result<formats::ExportOptions> ReadOptions(const Arguments& arguments) {
  formats::ExportOptions options;
  if (arguments.Has("debug-build")) options.build = formats::Build::kInsecureDebug;
  if (arguments.Has("dead-standard")) options.dead_standard = formats::DeadStandard::kWrite;
  if (const auto language = arguments.Value("language")) options.language = *language;
  if (const auto host = arguments.Value("host")) {
    Result<HostName> name = HostName::Parse(*host, &base::Idna());
    if (!name) return name.error();
    options.host = *std::move(name);
  }
  if (const auto version = arguments.Value("okhttp-version")) {
    const Result<std::uint32_t> release = ParseRelease(*version);
    if (!release) return release.error();
    options.okhttp_version = *release;
  }
  if (const auto path = arguments.Value("certificates")) {
    Result<std::vector<Bytes>> certificates = ReadCertificates(std::string(*path));
    if (!certificates) return certificates.error();
    options.certificates = *std::move(certificates);
  }
  return options;
}

Exit Fail(const Error& error) {
  ReportError("export", error);
  return Exit::kUsage;
}

std::optional<std::string> PolicyPath(const Arguments& arguments) {
  const auto option = arguments.Value("policy");
  const auto words = arguments.positionals();
  if (option.has_value() != words.empty()) return std::nullopt;
  return option ? std::string(*option) : words.front();
}

Exit RunExport(Call call) {
  const auto name = call.arguments.Value("to");
  const auto path = PolicyPath(call.arguments);
  if (!name || !path) {
    ReportError(name ? "export: one policy is needed" : "export: --to FORMAT is missing");
    ReportHint("cotter export --to android policy.toml");
    return Exit::kUsage;
  }
  const formats::Format* format = formats::FindFormat(*name);
  if (format == nullptr) return UnknownFormat("export", *name, FormatUse::kWrite);
  Result<formats::ExportOptions> options = ReadOptions(call.arguments);
  if (!options) return Fail(options.error());
  const Result<base::FileImage> file = base::ReadFile(*path, policy::kMaxPolicyFileSize);
  if (!file) return Fail(file.error());
  const Result<Policy> policy = policy::ReadPolicy(AsText(file->bytes()), *path);
  if (!policy) return Fail(policy.error());
  options->policy_digest = EncodeHex(base::Sha256(file->bytes()).bytes);
  const Result<formats::Exported> exported = formats::Export(*policy, *format, *options);
  if (!exported) {
    const bool whole = FindFault(*policy).has_value();
    return Fail(whole ? AboutPolicy(exported.error(), *policy, std::string(*path))
                      : exported.error());
  }
  if (!call.arguments.Has("json")) ReportLosses(exported->losses);
  if (const Exit refused = RefuseLosses(call, exported->losses); refused != Exit::kSatisfied) {
    return refused;
  }
  return Deliver(call, format->name, exported->text, exported->losses,
                 {{"policy",
                   {{"name", policy->name},
                    {"version", policy->version},
                    {"sha256", options->policy_digest}}}});
}

constexpr Argument kArguments[] = {{.name = "POLICY",
                                    .help = "the policy file",
                                    .count = Count::kOptional,
                                    .complete = Complete::kFile}};

constexpr Option kOptions[] = {
    {.name = "to",
     .arg = "FORMAT",
     .help = "android ios swift trustkit okhttp dart go tls-client curl envoy node python tlsa "
             "hpkp json"},
    {.name = "policy",
     .arg = "FILE",
     .help = "the policy file, in place of POLICY",
     .complete = Complete::kFile},
    {.name = "output",
     .letter = 'o',
     .arg = "FILE",
     .help = "write there, whole or not at all, in place of standard output",
     .complete = Complete::kFile},
    {.name = "host",
     .arg = "NAME",
     .help = "export what rules this host alone",
     .complete = Complete::kHost},
    {.name = "strict", .help = "write nothing where the format would enforce less than the policy"},
    kJsonOption};

constexpr Option kFormatOptions[] = {
    {.name = "language", .arg = "NAME", .help = "okhttp: kotlin (default) or java"},
    {.name = "okhttp-version",
     .arg = "VERSION",
     .help = "okhttp: the release in use; before 4.3 there is no **. pattern"},
    {.name = "certificates",
     .arg = "FILE",
     .help = "dart: the certificates of pinned CAs, which it takes in place of pins",
     .complete = Complete::kFile},
    {.name = "debug-build",
     .help = "android ios swift trustkit okhttp dart: insecure: let a debugging proxy look into "
             "debug builds; release builds stay pinned"},
    {.name = "dead-standard", .help = "hpkp: write it although no browser honours it"}};

constexpr OptionGroup kGroups[] = {{.title = "Options", .options = kOptions},
                                   {.title = "Formats", .options = kFormatOptions}};

constexpr Example kExamples[] = {
    {.line = "cotter export --to android policy.toml -o network_security_config.xml",
     .help = "for an Android app"},
    {.line = "cotter export --to curl --host api.example.com policy.toml",
     .help = "a curl configuration for one host"},
    {.line = "cotter export --to okhttp --okhttp-version 3.13.1 --language java policy.toml",
     .help = "Java for an older OkHttp"}};

constexpr ExitNote kExits[] = {
    {.code = Exit::kSatisfied, .meaning = "written; the losses are on standard error"},
    {.code = Exit::kViolated, .meaning = "--strict: enforcement would be lost; nothing is written"},
    {.code = Exit::kUsage, .meaning = "the policy or the options are not usable"}};

}  // namespace

extern const Command kExportCommand;
const Command kExportCommand{
    .name = "export",
    .summary = "write a policy as another program's pinning configuration",
    .description =
        "Writes what another stack needs to enforce the policy. The text names the policy, its "
        "version and the SHA-256 of its file, and is the same byte for byte for the same "
        "policy.\n\n"
        "What the format cannot say is told on standard error, rule by rule: \"enforcement\" lets "
        "connections through that the policy refuses, \"stricter\" refuses connections that the "
        "policy lets through, \"note\" changes no connection.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunExport};

}  // namespace cotter::cli
