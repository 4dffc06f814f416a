// SPDX-License-Identifier: Apache-2.0
#include "cli/remote_options.h"

#include <cstdlib>

#include <unistd.h>

#include "base/sha256.h"

namespace cotter::cli {
namespace {

// What tells the states of several repositories apart.
constexpr std::size_t kNameLength = 16;

std::string FromEnvironment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? value : "";
}

// StateFolder is where this user's programs keep their state; systemd says where a service does.
std::string StateFolder() {
  if (std::string folder = FromEnvironment("STATE_DIRECTORY"); !folder.empty()) {
    return folder.substr(0, folder.find(':'));
  }
  if (::geteuid() == 0) return "/var/lib/cotter";
  if (const std::string folder = FromEnvironment("XDG_STATE_HOME"); !folder.empty()) {
    return folder + "/cotter";
  }
  const std::string home = FromEnvironment("HOME");
  return home.empty() ? "" : home + "/.local/state/cotter";
}

}  // namespace

Result<std::optional<update::RemoteOptions>> RemoteOptionsOf(const Arguments& arguments,
                                                             std::string_view environment) {
  if (!arguments.Has("remote")) {
    for (const std::string_view option : {"root", "state", "floor", "remote-cacert"}) {
      if (!arguments.Has(option)) continue;
      return Error{Code::kUsage, "--" + std::string(option) + " needs --remote URL"};
    }
    return std::optional<update::RemoteOptions>();
  }
  update::RemoteOptions options;
  for (const std::string_view remote : arguments.Values("remote")) {
    if (remote.starts_with("http://") && !arguments.Has("insecure-remote-http")) {
      return Error{Code::kUsage, "http:// has to be asked for, with --insecure-remote-http"};
    }
    options.remotes.emplace_back(remote);
  }
  if (!environment.empty()) options.environment = environment;
  options.root_file = arguments.Value("root").value_or("");
  options.state = arguments.Value("state").value_or("");
  options.floor_file = arguments.Value("floor").value_or("");
  options.channel_roots_file = arguments.Value("remote-cacert").value_or("");
  if (arguments.Has("insecure-remote-http")) {
    options.cleartext = update::Cleartext::kInsecureAllow;
  }
  if (options.state.empty()) {
    const std::string folder = StateFolder();
    if (folder.empty()) return Error{Code::kUsage, "expected --state DIR: HOME is not set"};
    const std::string name = options.remotes.front() + "\n" + options.environment;
    options.state =
        folder + "/remote-" + EncodeHex(base::Sha256(AsBytes(name)).bytes).substr(0, kNameLength);
  }
  return std::optional<update::RemoteOptions>(std::move(options));
}

}  // namespace cotter::cli
