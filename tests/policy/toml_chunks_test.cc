// SPDX-License-Identifier: Apache-2.0
//
// Reading in pieces against reading whole: the cut may be quicker, and must never mean more.
#include "policy/toml_chunks.h"

#include <gtest/gtest.h>

#include "policy/document.h"
#include "policy/policy_file.h"
#include "policy/policy_json.h"
#include "policy/policy_reader.h"

namespace cotter::policy {
namespace {

// ReadWhole is what ReadPolicy would do without the cut; empty where that is an error.
std::string ReadWhole(std::string_view text) {
  const ParsedDocument parsed = ParseTomlDocument(text);
  if (parsed.issue) return "";
  Policy policy;
  ReadLog log(Errors::kFirst);
  ReadTables(parsed.document->root(), Header::kRequired, policy, log);
  if (!log.issues().empty() || !ResolvePinSets(policy)) return "";
  return WritePolicyJson(policy);
}

std::string Read(std::string_view text) {
  const Result<Policy> policy = ReadPolicy(text, "p");
  return policy ? WritePolicyJson(*policy) : "";
}

TEST(SplitToml, MeansTheSameAsTheWhole) {
  const std::string head = "[policy]\nname = \"n\"\n";
  const std::string host = "[[host]]\npattern = \"a.example\"\nmode = \"off\"\n";
  const std::string texts[] = {
      "",
      head,
      head + host + "[[host]]\npattern = \"b.example\"\nmode = \"off\"\n",
      host + head,                              // a table behind an array of tables
      head + host + "[policy]\nversion = 1\n",  // defined twice: no TOML
      "host = []\n" + head + host,              // a static array cannot grow: no TOML
      "host = [{ pattern = \"c.example\", mode = \"off\" }]\n" + head,
      head + host + "[host.pins]\n",
      head + host + "[[host.pins]]\npin = \"k2v657xBsOVe1PQRwOsHsw3bsGT2VzIqz5K+59sNQws=\"\n",
      head + host + "[[pin_set]]\nname = \"s\"\n[[host.pins]]\n",
      head + "[[host]] # [[host]]\npattern = \"a.example\"\nmode = \"off\"\n",
      head + host + "reason = \"\"\"\n[[host]]\n\"\"\"\n",
      head + host + "reason = '''\n[[host]]\n''' # '''\n",
      head + host + "reason = \"\"\"\"a\"\"\"\"\"\n" + "owner = \"\\\"[[host]]\"\n",
      head + host + "tags = [\n'[[host]]',\n\"x\" # ]\n]\n",
      head + host + "tags = [\n[[host]]\n]\n",
      head + "[[ host ]]\npattern = \"a.example\"\nmode = \"off\"\n",
      head + "[[\"host\"]]\npattern = \"a.example\"\nmode = \"off\"\n",
      head + host + "reason = \"a\nb\"\n",
      head + host + "reason = \"\"\"\\\n[[host]]\n\"\"\"\n",
      "\xEF\xBB\xBF" + head + host,
      head + host + "]\n",
      head + host + "reason = 'a' 'b'\n",
      head + "[[host]]x\npattern = \"a.example\"\n",
      "[[policy]]\nname = \"n\"\n",
  };
  for (const std::string& text : texts) EXPECT_EQ(Read(text), ReadWhole(text)) << text;
}

TEST(SplitToml, KeepsTheLinesOfRules) {
  const Result<Policy> policy = ReadPolicy(
      "[policy]\n\n[[host]]\npattern = \"a.example\"\nmode = \"off\"\nreason = \"\"\"\n\n\"\"\"\n"
      "[[host]]\npattern = \"b.example\"\nmode = \"off\"\n",
      "p");
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->hosts[0].line, 3U);
  EXPECT_EQ(policy->hosts[1].line, 9U);
}

}  // namespace
}  // namespace cotter::policy
