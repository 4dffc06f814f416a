// SPDX-License-Identifier: Apache-2.0
//
// docs/policy.md against the parser: every key with its type, its default and an example that
// works.
#include <fstream>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy_file.h"
#include "policy/policy_json.h"

namespace cotter::policy {
namespace {

struct Row {
  PolicyKey key;
  std::string without;  // the default
  std::string example;
};

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  for (std::size_t at = line.find("| "); at != std::string::npos && at + 2 < line.size();) {
    const std::size_t end = line.find(" |", at + 1);
    if (end == std::string::npos) break;
    cells.push_back(line.substr(at + 2, end - at - 2));
    at = end + 1;
  }
  return cells;
}

std::string Bare(const std::string& cell) { return cell.substr(1, cell.size() - 2); }

std::vector<Row> ReadPage() {
  std::ifstream file(COTTER_SOURCE_DIR "/docs/policy.md");
  std::vector<Row> rows;
  std::string table;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) table = line.size() > 5 ? Bare(line.substr(3)) : "";
    if (!line.starts_with("| `")) continue;
    const std::vector<std::string> cells = Cells(line);
    EXPECT_EQ(cells.size(), 5U) << line;
    if (cells.size() != 5) continue;
    EXPECT_FALSE(cells[3].empty()) << line;
    rows.push_back({{table, Bare(cells[0]), cells[1]}, cells[2], Bare(cells[4])});
  }
  return rows;
}

constexpr std::string_view kPin = "pin = \"k2v657xBsOVe1PQRwOsHsw3bsGT2VzIqz5K+59sNQws=\"";

// PolicyWith is a policy in which `line` stands in `table`.
std::string PolicyWith(const std::string& table, const std::string& line) {
  const std::string key = line.substr(0, line.find(' '));
  std::map<std::string, std::map<std::string, std::string>> tables;
  tables["[policy]"];
  tables["[[pin_set]]"]["name"] = "name = \"our CAs\"";
  tables["[[inspection_ca]]"] = {{"name", "name = \"proxy\""}, {"pin", std::string(kPin)}};
  tables["[[inventory]]"]["host"] = "host = \"a.example\"";
  tables["[[delegate]]"] = {{"name", "name = \"team\""},
                            {"target", "target = \"t\""},
                            {"hosts", "hosts = [\"b.example\"]"}};
  tables["[[emergency]]"] = {
      {"id", "id = \"e\""}, {"kind", "kind = \"revoke\""}, {"pin", std::string(kPin)}};
  tables["rules"]["pattern"] = "pattern = \"a.example\"";
  tables["[[host]]"]["pattern"] = "pattern = \"a.example\"";
  tables["pins"]["pin"] = kPin;
  tables["history"]["date"] = "date = 2026-01-01";
  if (!line.empty()) tables[table][key] = line;
  const auto inline_table = [&](const std::string& name) {
    std::string text;
    for (const auto& [unused, entry] : tables[name]) text += (text.empty() ? "" : ", ") + entry;
    return name + " = [{ " + text + " }]";
  };
  for (const std::string name : {"pins", "history"}) {
    tables["[[host]]"].emplace(name, inline_table(name));
  }
  if (table == "rules") tables["[[emergency]]"].emplace("rules", inline_table("rules"));
  std::string out = "[[pin_set]]\nname = \"roots\"\n";
  for (const std::string name : {"[policy]", "[[pin_set]]", "[[inspection_ca]]", "[[inventory]]",
                                 "[[delegate]]", "[[emergency]]", "[[host]]"}) {
    out += name + "\n";
    for (const auto& [unused, entry] : tables[name]) out += entry + "\n";
  }
  return out;
}

std::string JsonOf(const std::string& text) {
  const Result<Policy> policy = ReadPolicy(text, "p");
  EXPECT_TRUE(policy) << policy.error().message << "\n" << text;
  return policy ? WritePolicyJson(*policy) : "";
}

TEST(PolicyReference, NamesEveryKeyOfTheParserAndNoOther) {
  std::vector<PolicyKey> page;
  for (const Row& row : ReadPage()) page.push_back(row.key);
  std::vector<PolicyKey> parser;
  for (const PolicyKey& key : PolicyKeys()) {
    if (key.table != "the policy") parser.push_back(key);
  }
  const auto text = [](const std::vector<PolicyKey>& keys) {
    std::vector<std::string> lines;
    for (const PolicyKey& key : keys) {
      // `pins` is the same table in a rule and in a set.
      lines.push_back(key.table + " " + key.key + ": " + key.type);
    }
    return lines;
  };
  EXPECT_THAT(text(page), ::testing::UnorderedElementsAreArray(text(parser)));
}

TEST(PolicyReference, ExamplesAreReadAndSaySomething) {
  for (const Row& row : ReadPage()) {
    const std::string with = JsonOf(PolicyWith(row.key.table, row.example));
    if (row.without == "required") continue;
    EXPECT_NE(with, JsonOf(PolicyWith(row.key.table, ""))) << row.example;
  }
}

TEST(PolicyReference, DefaultsAreWhatAnAbsentKeyMeans) {
  for (const Row& row : ReadPage()) {
    const bool is_value = row.without[0] == '"' || row.without == "0" || row.without == "false";
    if (!is_value) continue;
    EXPECT_EQ(JsonOf(PolicyWith(row.key.table, row.key.key + " = " + row.without)),
              JsonOf(PolicyWith(row.key.table, "")))
        << row.key.key;
  }
}

}  // namespace
}  // namespace cotter::policy
