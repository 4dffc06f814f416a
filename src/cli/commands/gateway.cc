// SPDX-License-Identifier: Apache-2.0
//
// cotter gateway: plain HTTP or TCP in, pinned TLS out.
#include "gateway/gateway.h"

#include <string>

#include "cli/arguments.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/policy_input.h"
#include "cli/remote_options.h"
#include "cli/report.h"
#include "gateway/enforcement.h"

namespace cotter::cli {
namespace {

std::string_view NameOf(gateway::RouteMode mode) {
  switch (mode) {
    case gateway::RouteMode::kHttp:
      return "http";
    case gateway::RouteMode::kTcp:
      return "tcp";
    case gateway::RouteMode::kConnect:
      return "connect";
  }
  return "";
}

void Describe(Output& output, const gateway::RouteConfig& route) {
  output.Field(route.name);
  output.Text(": ");
  output.Field(route.listen.ToString());
  output.Text(" ");
  output.Text(NameOf(route.mode));
  output.Text(" -> ");
  output.Field(route.upstream ? net::FormatTarget(*route.upstream) : "tunnels, not verified");
  output.Text("\n");
}

void TellUnpinned(const gateway::GatewayConfig& config) {
  if (config.policy.empty()) return;
  const Result<LoadedPolicy> policy = LoadPolicy(config.policy);
  if (!policy) return;  // told where it is needed
  for (const std::string& name : gateway::UnpinnedUpstreams(config, policy->index)) {
    ReportWarning("gateway: no rule of the policy is for " + name +
                  "; PKI decides alone there, unless unlisted = \"refuse\"");
  }
}

Exit Fail(const Error& error) {
  ReportError({}, error);
  return ExitOf(error.code);
}

Exit RunGateway(Call call) {
  gateway::GatewayOptions options;
  const auto config_file = call.arguments.Value("config");
  if (!config_file) {
    ReportError("gateway: --config FILE is missing");
    ReportHint("'cotter help gateway' shows what it takes");
    return Exit::kUsage;
  }
  options.config_file = *config_file;
  if (call.arguments.Has("insecure-listen-anywhere")) {
    options.reach = gateway::Reach::kInsecureAnywhere;
  }
  auto remote = RemoteOptionsOf(call.arguments, {});
  if (!remote) return Fail(remote.error());
  options.remote = *std::move(remote);
  if (call.arguments.Has("check")) {
    const auto config = gateway::Check(options);
    if (!config) return Fail(config.error());
    for (const gateway::RouteConfig& route : config->routes) Describe(call.output, route);
    TellUnpinned(*config);
    return Exit::kSatisfied;
  }
  if (const Result<void> served = gateway::Serve(options); !served) {
    return Fail(served.error());
  }
  return Exit::kSatisfied;
}

constexpr Option kOptions[] = {
    {.name = "config",
     .letter = 'c',
     .arg = "FILE",
     .help = "the routes, the policy and the limits, in TOML",
     .complete = Complete::kFile},
    {.name = "check", .help = "read the configuration and all that it names, say so, and end"},
    {.name = "insecure-listen-anywhere",
     .help = "listen on addresses that other machines reach too; what they send is not encrypted"},
};
constexpr OptionGroup kGroups[] = {{"Options", kOptions}, kRemoteGroup};
constexpr Example kExamples[] = {
    {.line = "cotter gateway --config gateway.toml", .help = "serve until SIGTERM"},
    {.line = "cotter gateway --config gateway.toml --check",
     .help = "is the configuration sound; listens nowhere"},
    {.line = "cotter gateway -c g.toml --remote https://pins.example.com --root root.json",
     .help = "follow a signed repository; the configuration's policy holds until one is there"}};
constexpr ExitNote kExits[] = {
    {Exit::kSatisfied, "it served until it was told to stop, or the configuration is sound"},
    {Exit::kUsage, "the command line, the configuration, the policy or a file is not usable"},
    {Exit::kUndecided, "an address to listen on is taken"}};

}  // namespace

extern const Command kGatewayCommand{
    .name = "gateway",
    .summary = "plain HTTP or TCP in, pinned TLS out, for programs that cannot pin",
    .description =
        "Programs on this machine speak plain HTTP/1.1 or TCP to a loopback address or a Unix "
        "socket, and the gateway speaks TLS to the one server that the configuration fixes for "
        "that socket, under the policy. What a client calls the server makes no difference.\n\n"
        "The verdict falls inside the handshake: of a request to a refused server not one byte "
        "leaves, and the client gets a 502 whose JSON body has the code. Between the program and "
        "the gateway nothing is encrypted, so it listens for this machine alone unless "
        "--insecure-listen-anywhere is given.\n\n"
        "A route in the mode \"connect\" only routes and logs: TLS there is between the program "
        "and "
        "the server, and the gateway verifies nothing.\n\n"
        "With --remote the policy comes from a signed repository, which is polled while the "
        "gateway "
        "serves; a new policy also ends connections that it does not allow. Its environment is the "
        "configuration's, or production.\n\n"
        "SIGHUP reads the configuration and the policy again, or polls; SIGTERM lets clients "
        "finish. "
        "/livez, /readyz and "
        "/metrics "
        "are on the admin socket. docs/gateway.md has every key of the configuration.",
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunGateway,
};

}  // namespace cotter::cli
