// SPDX-License-Identifier: Apache-2.0
#include "formats/exchange.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "formats/provenance.h"
#include <cotter/policy_index.h>

namespace cotter::formats {
namespace {

Error AboutFiles(std::span<const InputFile> files, Code code, std::string what) {
  const std::string name = files.empty() ? "" : std::string(files.front().name) + ": ";
  return {code, name + std::move(what)};
}

std::string NamesOf(bool (*belongs)(const Format&)) {
  std::string names;
  for (const Format* format : AllFormats()) {
    if (belongs(*format)) names += (names.empty() ? "" : ", ") + std::string(format->name);
  }
  return names;
}

Result<const Format*> FormatOf(std::span<const InputFile> files, const Format* format) {
  if (format == nullptr) format = Recognize(files);
  if (format != nullptr && format->read != nullptr) return format;
  const std::string_view text = AsText(files.front().bytes);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return AboutFiles(files, Code::kFormatMalformed, "expected UTF-8, found UTF-16");
  }
  return AboutFiles(files, Code::kFormatUnknown,
                    "not a pinning configuration that is known; --from takes " +
                        NamesOf([](const Format& f) { return f.read != nullptr; }));
}

// NothingPinned is what breaks a file of which no rule is left, because of `why`.
Loss NothingPinned(std::span<const InputFile> files, const Loss& why) {
  return {.rule = "",
          .what = "no usable pins here: " + why.what,
          .severity = Severity::kEnforcement,
          .line = why.line,
          .fault = Code::kPinsMissing,
          .breaks_at = std::string(files.front().name) +
                       (why.line == 0 ? "" : ":" + std::to_string(why.line))};
}

}  // namespace

std::string_view NameOf(Severity severity) noexcept {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kStricter:
      return "stricter";
    case Severity::kEnforcement:
      return "enforcement";
  }
  return "";
}

const Format* FindFormat(std::string_view name) noexcept {
  for (const Format* format : AllFormats()) {
    if (format->name == name) return format;
  }
  return nullptr;
}

const Format* Recognize(std::span<const InputFile> files) {
  for (const Format* format : AllFormats()) {
    if (format->recognizes != nullptr && format->recognizes(files)) return format;
  }
  return nullptr;
}

Result<ImportedPolicy> ImportLeniently(std::span<const InputFile> files, const Format* format) {
  if (files.empty()) return AboutFiles(files, Code::kFormatUnknown, "no file to import");
  const Result<const Format*> reader = FormatOf(files, format);
  if (!reader) return reader.error();
  if (files.size() > 1 && (*reader)->files == Files::kOne) {
    return AboutFiles(files.subspan(1), Code::kFormatUnknown,
                      std::string((*reader)->name) + " is one file: import them one by one");
  }
  Result<ImportedPolicy> imported = (*reader)->read(files);
  if (!imported) return imported;
  imported->format = (*reader)->name;
  Policy& policy = imported->policy;
  if (policy.hosts.empty()) {
    const auto fault = std::ranges::find_if(
        imported->losses, [](const Loss& loss) { return loss.fault.has_value(); });
    if (fault == imported->losses.end()) {
      std::string why;
      if (!imported->losses.empty()) {
        const Loss& loss = imported->losses.front();
        why = (loss.line == 0 ? ": " : ": line " + std::to_string(loss.line) + ": ") + loss.what;
      }
      return AboutFiles(files, Code::kPinsMissing, "no usable pins here" + why);
    }
    if (Broken(*imported).empty()) imported->losses.push_back(NothingPinned(files, *fault));
  }
  if (const auto origin = ReadProvenance(AsText(files.front().bytes))) {
    policy.name = origin->name;
    policy.version = origin->version;
    policy.environment = origin->environment;
  }
  if (const auto index = PolicyIndex::Build(policy); !index) {
    return AboutFiles(files, index.error().code, index.error().message);
  }
  return imported;
}

std::vector<Error> Broken(const ImportedPolicy& imported) {
  std::vector<Error> errors;
  std::unordered_set<std::string> told;  // a pin may be of many hosts, and stands once
  for (const Loss& loss : imported.losses) {
    if (loss.breaks_at.empty()) continue;
    std::string text = loss.breaks_at + ": " + loss.what;
    if (!told.insert(text).second) continue;
    errors.push_back({loss.fault.value_or(Code::kFormatMalformed), std::move(text)});
  }
  return errors;
}

Result<ImportedPolicy> Import(std::span<const InputFile> files, const Format* format) {
  Result<ImportedPolicy> imported = ImportLeniently(files, format);
  if (!imported) return imported;
  const std::vector<Error> broken = Broken(*imported);
  if (!broken.empty()) return broken.front();
  return imported;
}

Result<Exported> Export(const Policy& policy, const Format& format, const ExportOptions& options) {
  if (format.write == nullptr) {
    return Error{Code::kUsage, std::string(format.name) + " can be read, not written; --to takes " +
                                   NamesOf([](const Format& f) { return f.write != nullptr; })};
  }
  if (!options.language.empty() &&
      std::ranges::find(format.languages, options.language) == format.languages.end()) {
    return Error{Code::kUsage, std::string(format.name) + " has no language " + options.language};
  }
  if (options.build == Build::kInsecureDebug && format.loosest == Build::kRelease) {
    return Error{Code::kUsage, std::string(format.name) +
                                   " cannot tell debug builds apart: --debug-build is not for it"};
  }
  if (const auto index = PolicyIndex::Build(policy); !index) return index.error();
  Result<Exported> exported = format.write(policy, options);
  if (exported) {
    if (options.build == Build::kInsecureDebug) {
      exported->losses.push_back(
          {.rule = "",
           .what = "insecure: debug builds are not held to the pins; release builds are",
           .severity = Severity::kEnforcement});
    }
    std::stable_partition(exported->losses.begin(), exported->losses.end(),
                          [](const Loss& loss) { return loss.rule.empty(); });
  }
  return exported;
}

}  // namespace cotter::formats
