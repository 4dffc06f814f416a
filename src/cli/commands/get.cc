// SPDX-License-Identifier: Apache-2.0
//
// cotter get: a pinned HTTP request.
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/idna.h"
#include "cli/arguments.h"
#include "cli/check_targets.h"
#include "cli/connect_options.h"
#include "cli/get_body.h"
#include "cli/get_facts.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/report.h"
#include "client/curl_library.h"
#include "client/url.h"
#include "net/target.h"
#include <cotter/client.h>

namespace cotter::cli {
namespace {

constexpr std::string_view kHint = "'cotter help get' shows what it takes";

Exit Failure(std::string_view where, const Error& error) {
  ReportError(where, error);
  return ExitOf(error.code);
}

Result<std::uint32_t> ParseCount(const Arguments& arguments, std::string_view option,
                                 std::uint32_t otherwise) {
  const auto text = arguments.Value(option);
  if (!text) return otherwise;
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (error != std::errc{} || end != text->data() + text->size()) {
    return Error{Code::kUsage, "--" + std::string(option) + ": expected a number"};
  }
  return count;
}

Result<client::Header> ParseHeader(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return Error{Code::kUsage, "--header: expected 'NAME: VALUE'"};
  }
  std::string_view value = text.substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return client::Header{std::string(text.substr(0, colon)), std::string(value)};
}

// ReadData is what is sent: every --data, joined as a form's fields are; "@FILE" is a file's bytes.
Result<std::string> ReadData(const Arguments& arguments) {
  std::string body;
  bool first = true;
  for (const std::string_view text : arguments.Values("data")) {
    if (!std::exchange(first, false)) body += '&';
    if (!text.starts_with('@')) {
      body += text;
      continue;
    }
    const Result<base::FileImage> file = base::ReadFile(std::string(text.substr(1)));
    if (!file) return file.error();
    body += AsText(file->bytes());
  }
  return body;
}

Result<client::Request> ReadRequest(const Arguments& arguments) {
  client::Request request;
  request.url = arguments.positionals()[0];
  bool typed = false;
  for (const std::string_view text : arguments.Values("header")) {
    Result<client::Header> header = ParseHeader(text);
    if (!header) return header.error();
    typed = typed || header->name == "Content-Type" || header->name == "content-type";
    request.headers.push_back(*std::move(header));
  }
  if (arguments.Has("data")) {
    Result<std::string> body = ReadData(arguments);
    if (!body) return body.error();
    request.method = "POST";
    request.body = *std::move(body);
    if (!typed) request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
  }
  if (const auto method = arguments.Value("request")) request.method = *method;
  return request;
}

// ReadRules reads what the connection is held against: a policy, or pins for the URL's host.
Result<void> ReadRules(const Arguments& arguments, const std::string& text,
                       client::Options& options) {
  if (const auto path = arguments.Value("policy")) {
    Result<std::shared_ptr<const PolicyIndex>> policy = ReadPolicyFile(std::string(*path));
    if (!policy) return policy.error();
    const auto environment = arguments.Value("environment");
    if (environment && (*policy)->environment() != *environment) {
      return Error{Code::kWrongEnvironment, "expected a policy for " + std::string(*environment)};
    }
    options.policy = HoldPolicy(*std::move(policy));
    return Ok();
  }
  if (!arguments.Has("pin")) return Ok();
  if (Result<void> loaded = client::LoadCurl(); !loaded) return loaded;
  const Result<client::Url> url = client::Url::Parse(text);
  if (!url) return url.error();
  for (const std::string_view pin : arguments.Values("pin")) {
    options.pins[std::string(url->endpoint().host.text())].emplace_back(pin);
  }
  return Ok();
}

Result<void> ReadWays(const Arguments& arguments, client::Options& options) {
  for (const std::string_view route : arguments.Values("connect-to")) {
    Result<std::string> fields = ParseConnectTo(route);
    if (!fields) return fields.error();
    options.connect_to.push_back(*std::move(fields));
  }
  for (const std::string_view route : arguments.Values("resolve")) {
    if (const auto read = net::ParseResolve(route, &base::Idna()); !read) return read.error();
    options.resolve.emplace_back(route);
  }
  options.proxy = arguments.Value("proxy").value_or("");
  options.interface = arguments.Value("interface").value_or("");
  if (arguments.Has("cert") != arguments.Has("key")) {
    return Error{Code::kUsage, "--cert and --key go together"};
  }
  if (const auto certificate = arguments.Value("cert")) {
    options.client_certificate = {std::string(*certificate), std::string(*arguments.Value("key"))};
  }
  tls::TrustOptions trust;
  for (const std::string_view file : arguments.Values("cacert")) trust.files.emplace_back(file);
  if (arguments.Has("no-system-roots")) trust.system_roots = tls::SystemRoots::kNone;
  Result<std::shared_ptr<const tls::TrustStore>> store = tls::LoadTrustStore(trust);
  if (!store) return store.error();
  options.trust = *std::move(store);
  return Ok();
}

Result<client::Options> ReadOptions(const Arguments& arguments) {
  client::Options options;
  options.on_bad_pin = nullptr;
  options.insecure_skip_verify = arguments.Has("insecure");
  if (Result<void> rules = ReadRules(arguments, arguments.positionals()[0], options); !rules) {
    return rules.error();
  }
  if (Result<void> ways = ReadWays(arguments, options); !ways) return ways.error();
  if (const auto seconds = arguments.Value("max-time")) {
    const Result<std::chrono::milliseconds> time = ParseSeconds(*seconds);
    if (!time) return Error{Code::kUsage, "--max-time: " + time.error().message};
    options.timeout = *time;
  }
  const Result<std::uint32_t> redirects = ParseCount(arguments, "max-redirs", 10);
  const Result<std::uint32_t> retries = ParseCount(arguments, "retry", 0);
  if (!redirects) return redirects.error();
  if (!retries) return retries.error();
  options.max_redirects = *redirects;
  options.retry.attempts = *retries + 1;
  if (arguments.Value("profile") == "modern") options.profile = client::Profile::kModern;
  if (arguments.Value("profile") == "fips") options.profile = client::Profile::kFips;
  options.http2 = !arguments.Has("no-http2");
  if (const auto path = arguments.Value("cookie-jar")) {
    options.cookies = client::Storage{std::string(*path)};
  }
  if (const auto path = arguments.Value("hsts")) options.hsts = client::Storage{std::string(*path)};
  if (arguments.Has("verbose")) options.logger = client::DebugLogger();
  return options;
}

BodyPlace::Kind PlaceOfBody(const Arguments& arguments) {
  if (arguments.Has("output")) return BodyPlace::Kind::kFile;
  return arguments.Has("json") ? BodyPlace::Kind::kNowhere : BodyPlace::Kind::kStandardOutput;
}

// PrintHead prints the header of the response in front of its body.
void PrintHead(Output& output, const client::Response& response) {
  output.Text("HTTP/" + response.http_version + " " + std::to_string(response.status) + "\n");
  for (const client::Header& header : response.headers) {
    output.Field(header.name + ": " + header.value);
    output.Text("\n");
  }
  output.Text("\n");
  output.Flush();
}

Exit Refused(Call call, const std::string& url, const Error& error,
             const std::optional<client::BadPin>& refusal) {
  if (call.arguments.Has("json")) call.output.Json(FailureFacts(url, error, refusal));
  // What is no URL may be anything, also a password, and is not shown.
  const std::string shown = report::RedactUrl(url);
  return Failure(url.find("://") == std::string::npos ? "get: URL" : shown, error);
}

// Exchange makes the request and prints what came of it.
Exit Exchange(Call call, const client::Client& client, client::Request request,
              const std::optional<client::BadPin>& refusal) {
  const Arguments& arguments = call.arguments;
  const BodyPlace::Kind kind = PlaceOfBody(arguments);
  Result<BodyPlace> place =
      BodyPlace::Open(kind, std::string(arguments.Value("output").value_or("")));
  if (!place) return Failure({}, place.error());
  const std::string url = request.url;
  // With the head in front, the body must wait for it.
  const bool include = arguments.Has("include") && kind == BodyPlace::Kind::kStandardOutput;
  if (!include) request.sink = [&](ByteView bytes) { return place->Take(bytes); };
  std::optional<ProgressBar> bar(kind);
  if (bar->shown()) request.progress = [&](const client::Progress& now) { bar->Draw(now); };
  const Result<client::Response> response = client.Send(std::move(request));
  bar.reset();
  if (place->fault()) return Failure({}, *place->fault());
  if (place->reader_gone()) return Exit::kSatisfied;
  if (!response) return Refused(call, url, response.error(), refusal);
  if (include) {
    PrintHead(call.output, *response);
    static_cast<void>(place->Take(AsBytes(response->body)));
  }
  if (Result<void> finished = place->Finish(); !finished) return Failure({}, finished.error());
  if (arguments.Has("json")) call.output.Json(ResponseFacts(*response));
  return Exit::kSatisfied;
}

Exit RunGet(Call call) {
  const Arguments& arguments = call.arguments;
  if (arguments.Has("policy") && arguments.Has("pin")) {
    ReportError("get: --policy and --pin exclude each other");
    ReportHint(kHint);
    return Exit::kUsage;
  }
  Result<client::Request> request = ReadRequest(arguments);
  if (!request) return Failure("get", request.error());
  Result<client::Options> options = ReadOptions(arguments);
  if (!options) return Failure("get", options.error());
  std::optional<client::BadPin> refusal;
  options->on_bad_pin = [&](const client::BadPin& bad) {
    refusal = bad;
    if (bad.event.outcome != Outcome::kReported) return;
    ReportWarning(bad.event.host + ": " + bad.event.message);
  };
  const Result<client::Client> client = client::Client::Create(*std::move(options));
  if (!client) return Failure("get", client.error());
  const Exit exit = Exchange(call, *client, *std::move(request), refusal);
  const Result<void> saved = client->Save();
  return saved ? exit : Failure("get", saved.error());
}

constexpr Argument kArguments[] = {
    {.name = "URL", .help = "what to ask for, http:// or https://", .complete = Complete::kHost}};

constexpr std::string_view kProfiles[] = {"intermediate", "modern", "fips"};

constexpr Option kRequestOptions[] = {
    {.name = "request",
     .letter = 'X',
     .arg = "METHOD",
     .help = "the method (default GET, with --data POST)"},
    {.name = "header",
     .letter = 'H',
     .arg = "'NAME: VALUE'",
     .help = "send this header",
     .repeat = Repeat::kMany},
    {.name = "data",
     .letter = 'd',
     .arg = "TEXT",
     .help = "send TEXT as the body, or with @FILE the bytes of a file (@- standard input)",
     .repeat = Repeat::kMany},
    {.name = "output",
     .letter = 'o',
     .arg = "FILE",
     .help = "write the body to FILE, which appears when it is complete",
     .complete = Complete::kFile},
    {.name = "include", .letter = 'i', .help = "print the response's header before its body"},
    {.name = "max-redirs",
     .arg = "NUMBER",
     .help = "follow so many redirects (default 10; 0 prints the redirect)"},
    {.name = "retry",
     .arg = "NUMBER",
     .help = "try so often again when the network fails; never after a refusal"},
    {.name = "max-time",
     .letter = 'm',
     .arg = "SECONDS",
     .help = "give up after SECONDS, everything together (default 30)"},
    {.name = "verbose", .letter = 'v', .help = "show headers both ways, without their secrets"},
    kJsonOption,
};

constexpr Option kRuleOptions[] = {
    {.name = "policy",
     .letter = 'p',
     .arg = "FILE",
     .help = "the policy that every connection is held against",
     .complete = Complete::kFile},
    kEnvironmentOption,
    {.name = "pin",
     .arg = "PIN",
     .help = "a pin that may match anywhere in the verified path of the URL's host",
     .repeat = Repeat::kMany},
    kCacertOption,
    kNoSystemRootsOption,
    {.name = "insecure",
     .letter = 'k',
     .help = "curl's, and always refused: nothing is sent over TLS that was not verified"},
    {.name = "profile",
     .arg = "NAME",
     .help = "the TLS to speak: modern is 1.3 alone (default intermediate)",
     .choices = kProfiles},
    {.name = "cert",
     .letter = 'E',
     .arg = "FILE",
     .help = "offer this client certificate, after the verdict",
     .complete = Complete::kFile},
    {.name = "key", .arg = "FILE", .help = "its key", .complete = Complete::kFile},
};

constexpr Option kWayOptions[] = {
    {.name = "proxy",
     .letter = 'x',
     .arg = "URL",
     .help = "go through http://, https://, socks5:// or socks5h://[USER:PASSWORD@]HOST[:PORT]; no "
             "environment variable is read"},
    {.name = "connect-to",
     .arg = "HOST1:PORT1:HOST2:PORT2",
     .help = "connect to HOST2:PORT2 where HOST1:PORT1 is asked for, as curl does; ADDR:PORT alone "
             "is for every target",
     .repeat = Repeat::kMany},
    {.name = "resolve",
     .arg = "HOST:PORT:ADDR",
     .help = "use ADDR as the address of HOST, as curl does",
     .repeat = Repeat::kMany},
    {.name = "interface", .arg = "NAME", .help = "connect from this interface or address"},
    {.name = "no-http2", .help = "do not offer HTTP/2"},
    {.name = "cookie-jar",
     .letter = 'c',
     .arg = "FILE",
     .help = "read cookies from FILE and keep them there",
     .complete = Complete::kFile},
    {.name = "hsts",
     .arg = "FILE",
     .help = "read hosts that want TLS from FILE and keep them there",
     .complete = Complete::kFile},
};

constexpr OptionGroup kGroups[] = {
    {"Request", kRequestOptions}, {"Trust", kRuleOptions}, {"Connection", kWayOptions}};

constexpr Example kExamples[] = {
    {.line = "cotter get --policy policy.toml https://api.example.com/v1/status",
     .help = "ask a pinned server"},
    {.line = "cotter get --pin sha256/AbEi… -o report.pdf https://api.example.com/report",
     .help = "the same with a pin, into a file"},
    {.line = "cotter get --policy policy.toml --json https://api.example.com/",
     .help = "which pin matched, over which path"},
};

constexpr ExitNote kExits[] = {
    {Exit::kSatisfied, "the server answered, whatever its status, and no rule was broken"},
    {Exit::kViolated,
     "a connection was refused: another key, a chain that does not verify, no TLS"},
    {Exit::kUsage, "the command line, the policy or a file is not usable"},
    {Exit::kUndecided, "the network failed, or the answer was not usable"},
};

}  // namespace

extern const Command kGetCommand;
const Command kGetCommand = {
    .name = "get",
    .summary = "make a pinned HTTP request",
    .description =
        "Makes one HTTP request, and speaks to no server before the policy has said yes: the "
        "verdict "
        "falls inside the TLS handshake, before a byte of the request or a client certificate has "
        "left. Options are named as curl names them.\n\n"
        "Redirects are followed, each new host is judged, and credentials stay with the origin "
        "that "
        "they were given for. A host that the policy names is never asked without TLS. A refusal "
        "is "
        "never tried again.\n\n"
        "The body goes to standard output. With --json the facts of the connection go there, and "
        "the body only where --output says.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunGet,
};

}  // namespace cotter::cli
