// SPDX-License-Identifier: Apache-2.0
#include "cli/scan_input.h"

#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/file.h"
#include "base/idna.h"
#include "probe/scan/host_list.h"

namespace cotter::cli {
namespace {

// Reader adds what several inputs name, each server once.
class Reader {
 public:
  explicit Reader(const ConnectionOptions& options) : options_(options) {}

  void AddTarget(std::string_view text) {
    Result<net::Target> target = ParseTarget(text, options_);
    if (target) return Add(*std::move(target));
    input_.unreadable.push_back({{}, 0, std::string(text) + ": " + target.error().message});
  }

  // AddFile adds a list, or a zone file where there is an `origin`.
  Result<void> AddFile(const std::string& path, std::optional<std::string_view> origin) {
    const Result<base::FileImage> file = base::ReadFile(path);
    if (!file) return file.error();
    const std::string_view text = AsText(file->bytes());
    const probe::TargetParser parse = [this](std::string_view name) {
      return ParseTarget(name, options_);
    };
    probe::HostList list =
        origin ? probe::ReadZoneFile(text, *origin, parse) : probe::ReadHostList(text, parse);
    for (net::Target& target : list.targets) Add(std::move(target));
    const std::string name = path == "-" ? "standard input" : path;
    for (probe::BadLine& bad : list.bad_lines) {
      input_.unreadable.push_back({name, bad.line, std::move(bad.what)});
    }
    if (list.more_bad_lines > 0) {
      input_.unreadable.push_back(
          {name, 0, std::to_string(list.more_bad_lines) + " more lines cannot be read"});
    }
    return Ok();
  }

  void AddPolicy(const Policy& policy) {
    for (const HostRule& rule : policy.hosts) {
      const bool exact = rule.pattern.kind() == HostPattern::Kind::kExact;
      if (rule.mode == Mode::kOff || !exact) continue;
      for (const std::string& text : TargetsOf(rule)) AddTarget(text);
    }
  }

  // AddStandby reads HOST=ENDPOINT.
  Result<void> AddStandby(std::string_view text) {
    const std::size_t equals = text.find('=');
    const Error malformed{Code::kUsage,
                          "--standby '" + std::string(text) + "': expected HOST=ENDPOINT"};
    if (equals == std::string_view::npos) return malformed;
    Result<net::Target> host = ParseTarget(text.substr(0, equals), options_);
    const std::string_view endpoint = text.substr(equals + 1);
    const Result<net::Target> place = ParseTarget(endpoint, options_);
    if (!host || !place) return malformed;
    net::ConnectTo route{
        .from_host = {}, .from_port = {}, .to_host = place->lookup_name, .to_port = place->port};
    input_.standbys.push_back({*std::move(host), std::string(endpoint), std::move(route)});
    return Ok();
  }

  [[nodiscard]] ScanInput& input() noexcept { return input_; }

 private:
  void Add(net::Target target) {
    if (seen_.insert(net::FormatTarget(target)).second) {
      input_.targets.push_back(std::move(target));
    }
  }

  const ConnectionOptions& options_;
  ScanInput input_;
  std::unordered_set<std::string> seen_;
};

Result<void> ReadFiles(const Arguments& arguments, Reader& reader) {
  for (const std::string_view path : arguments.Values("list")) {
    if (Result<void> read = reader.AddFile(std::string(path), std::nullopt); !read) return read;
  }
  const std::string_view origin = arguments.Value("origin").value_or(std::string_view());
  for (const std::string_view path : arguments.Values("zone")) {
    if (Result<void> read = reader.AddFile(std::string(path), origin); !read) return read;
  }
  return Ok();
}

}  // namespace

Result<ScanInput> ReadScanInput(const Arguments& arguments, const ConnectionOptions& options) {
  Reader reader(options);
  if (const auto path = arguments.Value("policy")) {
    Result<LoadedPolicy> policy = LoadPolicy(std::string(*path));
    if (!policy) return policy.error();
    reader.input().policy = *std::move(policy);
  }
  for (const std::string_view text : arguments.positionals()) reader.AddTarget(text);
  if (const Result<void> read = ReadFiles(arguments, reader); !read) return read.error();
  for (const std::string_view text : arguments.Values("standby")) {
    if (const Result<void> read = reader.AddStandby(text); !read) return read.error();
  }
  ScanInput& input = reader.input();
  const bool named =
      !arguments.positionals().empty() || arguments.Has("list") || arguments.Has("zone");
  if (!named && input.policy) reader.AddPolicy(input.policy->policy);
  const bool nothing = input.targets.empty() && input.standbys.empty();
  if (nothing && input.unreadable.empty()) {
    return Error{Code::kUsage, named || input.policy ? "nothing that names a server"
                                                     : "no TARGET, --list, --zone or --policy"};
  }
  return std::move(input);
}

}  // namespace cotter::cli
