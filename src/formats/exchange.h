// SPDX-License-Identifier: Apache-2.0
//
// The doors to every other stack: foreign pinning configurations become policies, policies become
// theirs, and what the other side cannot say is told rule by rule. One file of src/formats/stacks
// is one format; the build finds it by its name. Used by import, export and lint. Nothing here
// reads files or keeps state; every function is safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/host.h>
#include <cotter/policy.h>
#include <cotter/result.h>

namespace cotter::formats {

// What a connection would notice of a loss.
enum class Severity : std::uint8_t {
  kNote,         // nothing: facts for people, reports
  kStricter,     // connections that were let through are refused: a lock-out where it was not meant
  kEnforcement,  // connections that were refused are let through
};

// NameOf is "note", "stricter" or "enforcement". Static storage.
[[nodiscard]] std::string_view NameOf(Severity severity) noexcept;

// Loss is one thing that the other side cannot say.
struct Loss {
  std::string rule;  // the host pattern; empty for the whole policy
  std::string what;  // lower case, no full stop
  Severity severity = Severity::kNote;
  std::uint32_t line = 0;       // of the file that was read, from 1; 0: unknown
  std::optional<Code> fault{};  // where it is a mistake in that file: lint's matter
  std::string breaks_at{};      // "FILE:LINE:COLUMN", where the mistake makes the file unusable
};

// InputFile is one file to read. Borrows all of it.
struct InputFile {
  std::string_view name;
  ByteView bytes;
  std::string_view host{};  // that the file is for, where it does not say; empty: not known
};

// ImportedPolicy is what a foreign configuration says, in our model.
struct ImportedPolicy {
  Policy policy;
  std::vector<Loss> losses;
  std::string_view format;  // the name of the format that read it; static storage
};

// Exported is the text of a foreign configuration.
struct Exported {
  std::string text;
  std::vector<Loss> losses;
};

// Whether an export is for builds that developers debug, which may trust more than a release.
enum class Build : std::uint8_t { kRelease, kInsecureDebug };

// Whether a format that no client honours any more may be written.
enum class DeadStandard : std::uint8_t { kRefuse, kWrite };

// ExportOptions is what an export needs beyond the policy. The defaults are the strict ones.
struct ExportOptions {
  std::string policy_digest;      // SHA-256 of the policy file in hex, for the provenance line
  Build build = Build::kRelease;  // kInsecureDebug: debug builds, told apart at compile time
  DeadStandard dead_standard = DeadStandard::kRefuse;
  std::optional<HostName> host;  // export what rules this host alone
  std::string language;          // of the text, where a format has several; empty: its first
  std::optional<std::uint32_t> okhttp_version;  // MAJOR * 1000 + MINOR
  std::vector<Bytes> certificates;  // DER, for formats that take certificates in place of pins
};

// How many files a format is kept in.
enum class Files : std::uint8_t { kOne, kMany };

// Format is one foreign format. Constant data with static storage.
struct Format {
  std::string_view name;     // as --to and --from take it
  std::string_view summary;  // one line, lower case, no full stop
  // recognizes reports whether the files look like this format. Null: never guessed.
  bool (*recognizes)(std::span<const InputFile> files) = nullptr;
  // read fails with a position in the message. Null: the format cannot be read.
  Result<ImportedPolicy> (*read)(std::span<const InputFile> files) = nullptr;
  // write is repeatable to the byte. Null: the format cannot be written.
  Result<Exported> (*write)(const Policy& policy, const ExportOptions& options) = nullptr;
  std::span<const std::string_view> languages = {};  // of what is written; the first is the default
  Files files = Files::kOne;
  Build loosest = Build::kRelease;  // kInsecureDebug where debug builds can be told apart
};

// Inputs of more bytes are refused before they are looked at: the largest real ones, app packages,
// are a few hundred MB, of which a few kB are of use.
inline constexpr std::size_t kMaxForeignFile = std::size_t{256} << 20;

// Texts are configurations and sources that people wrote; the largest real ones, preload lists,
// have 20 MB.
inline constexpr std::size_t kMaxForeignText = std::size_t{64} << 20;

// AllFormats is every format, sorted by name.
[[nodiscard]] std::span<const Format* const> AllFormats() noexcept;

// FindFormat is the format called `name`, or null.
[[nodiscard]] const Format* FindFormat(std::string_view name) noexcept;

// Recognize is the format that the files look like, or null.
[[nodiscard]] const Format* Recognize(std::span<const InputFile> files);

// ImportLeniently reads `files` as `format`, or as what they look like where it is null. Pins that
// are none are left out, each told as a loss with `breaks_at`: for lint, and to tell all of them;
// where no rule is left because of them, a last one with kPinsMissing says so. A policy of our own
// export gets its name and version back. Fails with kFormatUnknown,
// kFormatMalformed, kPinsMissing, kPolicyDuplicate and what patterns and times fail with; the
// message begins "file:line:column: " where there is a position.
[[nodiscard]] Result<ImportedPolicy> ImportLeniently(std::span<const InputFile> files,
                                                     const Format* format = nullptr);

// Broken is the mistakes that make the imported files unusable, in their order, each once.
[[nodiscard]] std::vector<Error> Broken(const ImportedPolicy& imported);

// Import is ImportLeniently, and fails with the first of Broken where there is one.
[[nodiscard]] Result<ImportedPolicy> Import(std::span<const InputFile> files,
                                            const Format* format = nullptr);

// Export writes `policy` as `format`. Losses come in the order of the rules, those of the whole
// policy first. Fails with what PolicyIndex::Build fails with, kUsage where the options do not fit
// the format, and kPinsMissing where nothing is left to write.
[[nodiscard]] Result<Exported> Export(const Policy& policy, const Format& format,
                                      const ExportOptions& options);

}  // namespace cotter::formats
