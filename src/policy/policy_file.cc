// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_file.h"

#include <utility>

#include "policy/document.h"
#include "policy/policy_reader.h"
#include "policy/toml_chunks.h"

namespace cotter::policy {
namespace {

Error ToError(const ReadIssue& issue, std::string_view file) {
  std::string where(file);
  if (issue.at.line != 0) {
    where += ":" + std::to_string(issue.at.line) + ":" + std::to_string(issue.at.column);
  }
  return {issue.code, where + ": " + issue.message};
}

bool IsJson(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

// TooManyRules finds the first rule beyond the limit without parsing those before it.
std::optional<ReadIssue> TooManyRules(std::string_view text) {
  constexpr std::string_view kHeader = "[[host]]";
  std::size_t count = 0;
  for (std::size_t at = text.find(kHeader);
       at != std::string_view::npos && count <= kMaxPolicyRules;
       at = text.find(kHeader, at + kHeader.size())) {
    ++count;
  }
  if (count <= kMaxPolicyRules) return std::nullopt;
  const std::optional<std::vector<TomlChunk>> chunks = SplitToml(text);
  if (!chunks) return std::nullopt;
  count = 0;
  for (const TomlChunk& chunk : *chunks) {
    if (chunk.array != "host" || ++count <= kMaxPolicyRules) continue;
    return ReadIssue{Code::kPolicyTooLarge,
                     {chunk.lines_before + 1, 1},
                     "expected at most " + std::to_string(kMaxPolicyRules) + " [[host]] tables"};
  }
  return std::nullopt;
}

std::optional<ReadIssue> TooLarge(std::string_view text) {
  const std::size_t limit = IsJson(text) ? kMaxPolicyJsonSize : kMaxPolicyFileSize;
  if (text.size() > limit) {
    return ReadIssue{Code::kPolicyTooLarge,
                     {},
                     "expected at most " + std::to_string(limit) + " bytes of policy"};
  }
  return IsJson(text) ? std::nullopt : TooManyRules(text);
}

// ReadWhole reads `text` as one document. What is not a document at all is the returned issue.
std::optional<ReadIssue> ReadWhole(std::string_view text, Policy& policy, ReadLog& log) {
  const ParsedDocument parsed = IsJson(text) ? ParseJsonDocument(text) : ParseTomlDocument(text);
  if (parsed.issue) return parsed.issue;
  ReadTables(parsed.document->root(), Header::kRequired, policy, log);
  if (!log.stopped()) {
    if (Result<void> sound = ResolvePinSets(policy); !sound) {
      log.Add(sound.error().code, {}, sound.error().message);
    }
  }
  return std::nullopt;
}

// ReadInChunks is a quick way to a policy that has nothing wrong with it; nullopt for any other.
std::optional<Policy> ReadInChunks(std::string_view text) {
  const std::optional<std::vector<TomlChunk>> chunks = SplitToml(text);
  if (!chunks) return std::nullopt;
  Policy policy;
  ReadLog log(Errors::kFirst);
  for (const TomlChunk& chunk : *chunks) {
    const ParsedDocument parsed = ParseTomlDocument(chunk.text, chunk.lines_before);
    if (parsed.issue || !HoldsOnly(parsed.document->root(), chunk.array)) return std::nullopt;
    ReadTables(parsed.document->root(), chunk.array.empty() ? Header::kRequired : Header::kOptional,
               policy, log);
    if (log.stopped()) return std::nullopt;
  }
  if (!ResolvePinSets(policy)) return std::nullopt;
  return policy;
}

}  // namespace

Result<Policy> ReadPolicy(std::string_view text, std::string_view file) {
  if (const auto issue = TooLarge(text)) return ToError(*issue, file);
  if (!IsJson(text)) {
    if (std::optional<Policy> policy = ReadInChunks(text)) return *std::move(policy);
  }
  Policy policy;
  ReadLog log(Errors::kFirst);
  if (const auto issue = ReadWhole(text, policy, log)) return ToError(*issue, file);
  if (!log.issues().empty()) return ToError(log.issues().front(), file);
  return policy;
}

Result<LenientPolicy> ReadPolicyLeniently(std::string_view text, std::string_view file) {
  if (const auto issue = TooLarge(text)) return ToError(*issue, file);
  LenientPolicy lenient;
  ReadLog log(Errors::kCollect);
  if (const auto issue = ReadWhole(text, lenient.policy, log)) return ToError(*issue, file);
  for (const ReadIssue& issue : log.issues()) {
    if (issue.code == Code::kPolicyTooLarge) return ToError(issue, file);
  }
  lenient.issues = log.issues();
  return lenient;
}

Result<void> RequireEnvironment(const Policy& policy, std::string_view environment) {
  if (policy.environment == environment) return Ok();
  return Error{
      Code::kWrongEnvironment,
      "expected a policy for \"" + std::string(environment) + "\", found one for " +
          (policy.environment.empty() ? "no environment" : "\"" + policy.environment + "\"")};
}

std::vector<PolicyKey> PolicyKeys() {
  // One table of each kind, so that the reader comes by every key.
  constexpr std::string_view kEveryTable = R"(
[policy]
[[pin_set]]
name = "a"
pins = [{ pin = "pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=" }]
[[inspection_ca]]
name = "a"
pin = "pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU="
[[inventory]]
host = "a.example"
[[delegate]]
name = "a"
target = "a"
hosts = ["a.example"]
[[emergency]]
id = "a"
kind = "revoke"
pin = "pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU="
rules = [{ pattern = "a.example" }]
[[host]]
pattern = "a.example"
pins = [{ pin = "pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=" }]
history = [{ date = 2026-01-01 }]
)";
  const ParsedDocument parsed = ParseTomlDocument(kEveryTable);
  COTTER_CHECK(parsed.document != nullptr);
  std::vector<PolicyKey> keys;
  ReadLog log(Errors::kFirst);
  log.RecordKeys(keys);
  Policy policy;
  ReadTables(parsed.document->root(), Header::kRequired, policy, log);
  COTTER_CHECK(log.issues().empty());
  return keys;
}

}  // namespace cotter::policy
