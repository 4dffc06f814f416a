// SPDX-License-Identifier: Apache-2.0
//
// The update client behind the command line that the public conformance suite of The Update
// Framework runs (its CLIENT-CLI.md). Exit code 0 or 1; why not is on standard error.
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "update/client.h"
#include "update/curl_fetcher.h"
#include "update/names.h"
#include "update/verify.h"

namespace {

using namespace cotter;

struct Arguments {
  std::map<std::string, std::string, std::less<>> options;
  std::vector<std::string> target_names;
  std::vector<std::string> words;

  [[nodiscard]] const std::string& Of(std::string_view name) const {
    static const std::string kNone;
    const auto found = options.find(name);
    return found == options.end() ? kNone : found->second;
  }
};

int Fail(std::string_view what, const Error& error) {
  std::fprintf(stderr, "%s: %s: %s\n", std::string(what).c_str(),
               std::string(NameOf(error.code)).c_str(), error.message.c_str());
  return 1;
}

bool Parse(const std::vector<std::string>& line, Arguments& arguments) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i].substr(0, 2) != "--") {
      arguments.words.push_back(line[i]);
      continue;
    }
    if (i + 1 == line.size()) return false;
    const std::string name = line[i].substr(2);
    if (name == "target-name") {
      arguments.target_names.push_back(line[++i]);
    } else {
      arguments.options[name] = line[++i];
    }
  }
  return !arguments.words.empty();
}

int Init(const Arguments& arguments) {
  if (arguments.words.size() != 2) return 1;
  const Result<base::FileImage> root = base::ReadFile(arguments.words[1], update::kMaxRootSize);
  if (!root) return Fail("init", root.error());
  const Result<void> done =
      update::Client::Init(arguments.Of("metadata-dir"), AsText(root->bytes()));
  return done ? 0 : Fail("init", done.error());
}

Result<void> Fetch(update::Client& client, const std::string& name, const std::string& folder) {
  const Result<update::FileInfo> info = client.Find(name);
  if (!info) return info.error();
  const std::string path = folder + "/" + update::FileNameOf(name, "");
  const Result<base::FileImage> there = base::ReadFile(path, update::kMaxTargetSize);
  if (there && update::VerifyContent(AsText(there->bytes()), *info)) return Ok();
  const Result<std::string> content = client.Download(name, *info);
  if (!content) return content.error();
  return base::WriteFileAtomically(path, AsBytes(*content));
}

int Update(const Arguments& arguments) {
  update::CurlFetcher fetcher(update::Cleartext::kInsecureAllow);
  Result<update::Client> client =
      update::Client::Open(arguments.Of("metadata-dir"), fetcher,
                           {arguments.Of("metadata-url"), arguments.Of("target-base-url"), true});
  if (!client) return Fail("state", client.error());
  if (const Result<void> done = client->Refresh(base::Now()); !done) {
    return Fail(update::NameOf(client->step()), done.error());
  }
  if (arguments.words.front() == "refresh") return 0;
  for (const std::string& name : arguments.target_names) {
    if (const Result<void> done = Fetch(*client, name, arguments.Of("target-dir")); !done) {
      return Fail(update::NameOf(client->step()), done.error());
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse({argv + 1, argv + argc}, arguments)) {
    std::fputs(
        "usage: client --metadata-dir DIR [OPTION VALUE]... init ROOT | refresh | download\n",
        stderr);
    return 1;
  }
  const std::string& command = arguments.words.front();
  if (command == "init") return Init(arguments);
  if (command == "refresh" || command == "download") return Update(arguments);
  std::fprintf(stderr, "no such command: %s\n", command.c_str());
  return 1;
}
