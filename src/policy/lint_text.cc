// SPDX-License-Identifier: Apache-2.0
//
// Lint over the text of a file: what must never be shipped to clients.
#include <algorithm>

#include "policy/lint.h"

namespace cotter::policy {
namespace {

bool IsTokenCharacter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// HasToken looks for `prefix` at the beginning of a word, with `least` token characters behind it.
bool HasToken(std::string_view line, std::string_view prefix, std::size_t least) {
  for (std::size_t at = line.find(prefix); at != std::string_view::npos;
       at = line.find(prefix, at + 1)) {
    if (at != 0 && (IsTokenCharacter(line[at - 1]) || line[at - 1] == '/')) continue;
    const std::string_view rest = line.substr(at + prefix.size());
    const auto end = std::ranges::find_if_not(rest, IsTokenCharacter);
    if (static_cast<std::size_t>(end - rest.begin()) >= least) return true;
  }
  return false;
}

// HasCredentials looks for a URL with a password in it.
bool HasCredentials(std::string_view line) {
  const std::size_t at = line.find("://");
  if (at == std::string_view::npos) return false;
  const std::string_view rest = line.substr(at + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/ \"'<>?#"));
  const std::size_t sign = authority.find('@');
  return sign != std::string_view::npos &&
         authority.substr(0, sign).find(':') != std::string_view::npos;
}

// SecretIn names what looks like a secret in `line`; empty where nothing does.
std::string_view SecretIn(std::string_view line) {
  // In two halves, so that this source is no finding of other scanners.
  if (line.find("PRIVATE "
                "KEY-----") != std::string_view::npos)
    return "a private key";
  if (HasToken(line, "AKIA", 16)) return "an AWS access key";
  if (HasToken(line, "ghp_", 30) || HasToken(line, "github_pat_", 30)) return "a GitHub token";
  if (HasToken(line, "xoxb-", 20) || HasToken(line, "xoxp-", 20)) return "a Slack token";
  if (HasToken(line, "glpat-", 18)) return "a GitLab token";
  if (HasToken(line, "AIza", 35)) return "a Google API key";
  if (HasToken(line, "sk_live_", 16)) return "a Stripe key";
  if (HasToken(line, "eyJhbGciOi", 20)) return "a signed token";
  if (HasCredentials(line)) return "a password in a URL";
  return {};
}

}  // namespace

std::vector<Finding> FindSecrets(std::string_view text) {
  std::vector<Finding> findings;
  std::uint32_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view what = SecretIn(text.substr(0, end));
    ++number;
    if (!what.empty()) {
      findings.push_back({Code::kSecretInFile, Severity::kError, "", number,
                          "the line holds what looks like " + std::string(what),
                          "take it out of the file and its history, and replace it: it is known"});
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return findings;
}

}  // namespace cotter::policy
