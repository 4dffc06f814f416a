// SPDX-License-Identifier: Apache-2.0
//
// cotter scan: many servers, every address, once.
#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/descriptor_limit.h"
#include "base/file.h"
#include "base/output_file.h"
#include "cli/arguments.h"
#include "cli/connect_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/scan_input.h"
#include "cli/scan_row.h"
#include "cli/scan_sheet.h"
#include "net/async/event_loop.h"
#include "probe/engine/engine.h"
#include "probe/scan/baseline.h"

namespace cotter::cli {
namespace {

constexpr std::string_view kHint = "'cotter help scan' shows what it takes";

// Connections at once, unless asked otherwise: a home router's table has some thousands of entries.
constexpr std::size_t kUsualAtOnce = 256;
constexpr std::size_t kMostAtOnce = 100'000;

// Descriptors beside those of connections: files, the loop, name servers.
constexpr std::size_t kOtherDescriptors = 64;

Exit Failure(const Error& error) {
  ReportError({}, error);
  return ExitOf(error.code);
}

Exit UsageFailure(std::string_view message) {
  ReportError(message);
  ReportHint(kHint);
  return Exit::kUsage;
}

// CountOf reads the option `name`, a number from `least` to `most`; `otherwise` where it is not
// given.
Result<std::size_t> CountOf(const Arguments& arguments, std::string_view name, std::size_t least,
                            std::size_t most, std::size_t otherwise) {
  const auto text = arguments.Value(name);
  if (!text) return otherwise;
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  const bool whole = error == std::errc() && end == text->data() + text->size();
  if (whole && value >= least && value <= most) return value;
  return Error{Code::kUsage, "--" + std::string(name) + " '" + std::string(*text) +
                                 "': expected a number from " + std::to_string(least) + " to " +
                                 std::to_string(most)};
}

Result<probe::EngineOptions> EngineOptionsOf(const Arguments& arguments) {
  probe::EngineOptions options;
  const auto open = CountOf(arguments, "at-once", 1, kMostAtOnce, kUsualAtOnce);
  if (!open) return open.error();
  const auto rate =
      CountOf(arguments, "rate", 0, kMostAtOnce, options.rates.per_address_per_second);
  if (!rate) return rate.error();
  const auto network =
      CountOf(arguments, "network-rate", 0, kMostAtOnce, options.rates.per_network_per_second);
  if (!network) return network.error();
  const std::size_t allowed = base::RaiseDescriptorLimit();
  options.most_open = std::min(*open, allowed - std::min(allowed - 1, kOtherDescriptors));
  if (options.most_open < *open) {
    ReportWarning("only " + std::to_string(options.most_open) +
                  " connections at once: the system allows this process no more files");
  }
  options.rates.per_address_per_second = *rate;
  options.rates.per_network_per_second = *network;
  options.name_servers = arguments.Value("name-servers").value_or(std::string_view());
  return options;
}

// SettingsOf is what all questions share, but for what leads to a standby endpoint.
Result<probe::Settings> SettingsOf(const Arguments& arguments, const ConnectionOptions& options) {
  probe::Settings settings;
  settings.connect = options.connect;
  if (options.sni) settings.sni = options.sni->text();
  if (!arguments.Has("quick")) {
    settings.wanted = {.other_keys = true,
                       .without_name = false,
                       .headers = !arguments.Has("no-headers"),
                       .resumption = true,
                       .versions = true,
                       .weak_suites = true};
  }
  settings.limits = {.resolve = options.timeout,
                     .connect = options.timeout,
                     .preamble = options.timeout,
                     .handshake = options.timeout,
                     .request = options.timeout,
                     .address = 6 * options.timeout};
  auto trust = tls::LoadTrustStore(options.trust);
  if (!trust) return trust.error();
  settings.trust = *std::move(trust);
  return settings;
}

Result<std::optional<probe::Baseline>> ReadBaseline(const Arguments& arguments) {
  const auto path = arguments.Value("baseline");
  if (!path) return std::optional<probe::Baseline>();
  const Result<base::FileImage> file = base::ReadFile(std::string(*path), probe::kMaxBaselineSize);
  if (!file) {
    return Error{file.error().code, file.error().message + "; --save-baseline makes a first one"};
  }
  Result<probe::Baseline> baseline = probe::Baseline::Read(AsText(file->bytes()));
  if (!baseline) {
    return Error{baseline.error().code, std::string(*path) + ": " + baseline.error().message};
  }
  return std::optional(*std::move(baseline));
}

// Scan drives the engine from the first question to the last answer.
class Scan {
 public:
  Scan(net::EventLoop& loop, probe::Engine& engine, const ScanInput& input,
       const probe::Baseline* baseline, Output& output, Strictness strictness, ScanSheet& sheet)
      : loop_(loop),
        engine_(engine),
        input_(input),
        baseline_(baseline),
        output_(output),
        strictness_(strictness),
        sheet_(sheet),
        progress_(input.targets.size() + input.standbys.size()) {}

  void Run(const std::shared_ptr<const probe::Settings>& settings, std::size_t at_once) {
    settings_ = settings;
    ahead_ = 2 * at_once;
    Feed();
    if (done_ < all()) loop_.Run();
    progress_.Clear();
  }

  [[nodiscard]] Exit exit() const noexcept { return exit_; }
  [[nodiscard]] const probe::Baseline& seen() const noexcept { return seen_; }
  [[nodiscard]] ScanSummary& summary() noexcept { return summary_; }

 private:
  [[nodiscard]] std::size_t all() const noexcept {
    return input_.targets.size() + input_.standbys.size();
  }

  // Feed keeps the engine busy without handing it a million questions at once.
  void Feed() {
    while (asked_ < all() && engine_.pending() < ahead_) {
      const std::size_t index = asked_++;
      if (index < input_.targets.size()) {
        engine_.Ask({input_.targets[index], settings_}, [this](probe::HostFacts facts) {
          seen_.Add(facts);
          Take(ScanRowOf(std::move(facts), baseline_));
        });
        continue;
      }
      const Standby& standby = input_.standbys[index - input_.targets.size()];
      auto own = std::make_shared<probe::Settings>(*settings_);
      own->connect.connect_to = {standby.route};
      own->wanted = {.other_keys = true};
      engine_.Ask({standby.host, own}, [this, &standby](probe::HostFacts facts) {
        Take(StandbyRowOf(std::move(facts), standby.endpoint));
      });
    }
  }

  void Take(const ScanRow& row) {
    const Exit exit = ExitOf(row, strictness_);
    exit_ = MergeExits(exit_, exit);
    ++summary_.hosts;
    if (exit == Exit::kSatisfied) ++summary_.sound;
    if (exit == Exit::kViolated) ++summary_.violated;
    if (exit == Exit::kUndecided) ++summary_.undecided;
    if (output_.is_terminal()) progress_.Clear();
    sheet_.Add(row);
    progress_.Show(++done_);
    if (done_ == all() || output_.reader_gone()) return loop_.Stop();
    Feed();
  }

  net::EventLoop& loop_;
  probe::Engine& engine_;
  const ScanInput& input_;
  const probe::Baseline* baseline_;
  Output& output_;
  Strictness strictness_;
  ScanSheet& sheet_;
  Progress progress_;
  std::shared_ptr<const probe::Settings> settings_;
  std::size_t ahead_ = 0;
  std::size_t asked_ = 0;
  std::size_t done_ = 0;
  Exit exit_ = Exit::kSatisfied;
  probe::Baseline seen_;
  ScanSummary summary_;
};

// Tell says on standard error what the rows do not: lines that could not be read, and how many
// looks failed for which reason.
void TellUnreadable(const ScanInput& input) {
  for (const Unreadable& one : input.unreadable) {
    std::string where = one.file;
    if (one.line != 0) where += ":" + std::to_string(one.line);
    ReportError(where.empty() ? one.what : where + ": " + one.what);
  }
}

void TellSummary(const ScanSummary& summary) {
  ReportDone(std::to_string(summary.hosts) + (summary.hosts == 1 ? " host: " : " hosts: ") +
             std::to_string(summary.sound) + " sound, " + std::to_string(summary.violated) +
             " violated, " + std::to_string(summary.undecided) + " not known");
  for (const auto& [reason, count] : summary.tally.failed) {
    ReportWarning("could not look " + std::to_string(count) +
                  (count == 1 ? " time: " : " times: ") + std::string(NameOf(reason.second)) +
                  " (" + std::string(NameOf(reason.first)) + ")");
  }
  if (summary.violated != 0) {
    ReportHint(
        "'cotter diagnose -p POLICY HOST' says why a host is refused, 'cotter explain CODE' "
        "what to do");
  }
}

Exit RunWith(Call call, const ScanInput& input, const probe::Settings& settings,
             probe::EngineOptions engine_options) {
  const auto baseline = ReadBaseline(call.arguments);
  if (!baseline) return Failure(baseline.error());
  auto loop = net::EventLoop::Create();
  if (!loop) return Failure(loop.error());
  const std::size_t at_once = engine_options.most_open;
  auto engine = probe::Engine::Create(**loop, std::move(engine_options));
  if (!engine) return Failure(engine.error());
  const std::string_view format =
      call.arguments.Has("json") ? "json" : call.arguments.Value("format").value_or("text");
  const std::unique_ptr<ScanSheet> sheet = MakeScanSheet(format, call.output);
  const Strictness strictness =
      call.arguments.Has("strict") ? Strictness::kStrict : Strictness::kUsual;
  Scan scan(**loop, **engine, input, *baseline ? &**baseline : nullptr, call.output, strictness,
            *sheet);
  scan.Run(std::make_shared<const probe::Settings>(settings), at_once);
  ScanSummary& summary = scan.summary();
  summary.tally = (*engine)->tally();
  summary.unreadable = input.unreadable;
  summary.at = base::Now();
  sheet->End(summary);
  TellSummary(summary);
  if (const auto path = call.arguments.Value("save-baseline")) {
    const std::string text = scan.seen().Write();
    const Result<void> saved = base::WriteOutputFile(std::string(*path), AsBytes(text));
    if (!saved) return Failure(saved.error());
  }
  return input.unreadable.empty() ? scan.exit() : MergeExits(scan.exit(), Exit::kUsage);
}

Exit RunScan(Call call) {
  const Arguments& arguments = call.arguments;
  if (arguments.Has("json") && arguments.Has("format")) {
    return UsageFailure("scan: --json and --format exclude each other");
  }
  if (arguments.Has("standby") && !arguments.Has("policy")) {
    return UsageFailure("scan: --standby needs --policy: which key should it hold?");
  }
  const Result<ConnectionOptions> options = ParseConnectionOptions(arguments);
  if (!options) return UsageFailure("scan: " + options.error().message);
  const Result<probe::EngineOptions> engine = EngineOptionsOf(arguments);
  if (!engine) return UsageFailure("scan: " + engine.error().message);
  const Result<ScanInput> input = ReadScanInput(arguments, *options);
  if (!input && input.error().code == Code::kUsage) {
    return UsageFailure("scan: " + input.error().message);
  }
  if (!input) return Failure(input.error());
  TellUnreadable(*input);
  Result<probe::Settings> settings = SettingsOf(arguments, *options);
  if (!settings) return Failure(settings.error());
  if (input->policy) {
    settings->policy = std::make_shared<const PolicyIndex>(input->policy->index);
  }
  return RunWith(call, *input, *settings, *engine);
}

constexpr Argument kArguments[] = {{.name = "TARGET",
                                    .help = "a server (host, host:port, [::1]:port)",
                                    .count = Count::kAny,
                                    .complete = Complete::kHost}};

constexpr Option kInputs[] = {
    {.name = "list",
     .arg = "FILE",
     .help = "scan the servers in FILE, one a line, '#' for comments; '-' is standard input",
     .repeat = Repeat::kMany,
     .complete = Complete::kFile},
    {.name = "zone",
     .arg = "FILE",
     .help = "scan the names with A, AAAA and CNAME records in a zone file",
     .repeat = Repeat::kMany,
     .complete = Complete::kFile},
    {.name = "origin", .arg = "ZONE", .help = "the zone's name, for zone files without $ORIGIN"},
    {.name = "policy",
     .letter = 'p',
     .arg = "FILE",
     .help = "judge by this policy; without other inputs, scan the hosts that it names",
     .complete = Complete::kFile},
    {.name = "standby",
     .arg = "HOST=ENDPOINT",
     .help = "ENDPOINT must prove that it holds a backup or next key of HOST",
     .repeat = Repeat::kMany},
    {.name = "baseline",
     .arg = "FILE",
     .help = "tell of intermediates that were not there when FILE was saved",
     .complete = Complete::kFile},
    {.name = "save-baseline",
     .arg = "FILE",
     .help = "save the intermediates that are seen",
     .complete = Complete::kFile},
};

constexpr Option kOptions[] = {
    {.name = "quick",
     .help = "one handshake an address: no other key types, versions, suites, headers"},
    {.name = "no-headers", .help = "make no HTTP request"},
    {.name = "strict", .help = "count warnings as violations"},
    {.name = "format",
     .arg = "FORMAT",
     .help = "how to print (default text)",
     .choices = kScanFormats},
    kJsonOption,
    {.name = "at-once", .arg = "N", .help = "connections open at once (default 256)"},
    {.name = "rate",
     .arg = "N",
     .help = "connections a second to one address (default 20; 0 for any number)"},
    {.name = "network-rate",
     .arg = "N",
     .help = "connections a second to one /24 or /48 (default 200; 0 for any number)"},
    {.name = "name-servers",
     .arg = "ADDR[:PORT],...",
     .help = "ask these name servers (default: those of the system)"},
};

constexpr OptionGroup kGroups[] = {{"What to scan", kInputs}, {"Options", kOptions}, kConnectGroup};

constexpr Example kExamples[] = {
    {.line = "cotter scan api.example.com www.example.com", .help = "two servers, in full"},
    {.line = "cotter scan -p policy.toml", .help = "every host that a policy names"},
    {.line = "cotter scan --list hosts.txt --format html >report.html",
     .help = "a page to read and to print, with what ends when"},
    {.line = "cotter scan --zone db.example.com --origin example.com --quick --format ndjson",
     .help = "a zone, one object a line as the answers come"},
    {.line = "cotter scan --list hosts.txt --save-baseline seen.txt",
     .help = "the first time; then with --baseline seen.txt too: what has changed since"},
    {.line = "cotter scan -p policy.toml --standby api.example.com=10.0.0.9:443",
     .help = "does the standby machine hold the backup key"},
};

constexpr ExitNote kExits[] = {
    {Exit::kSatisfied, "no server violates anything; there may be warnings"},
    {Exit::kViolated, "a server is refused, or a problem was found (--strict: a warning)"},
    {Exit::kUsage, "the command line or a file is not usable, or some of its lines are not"},
    {Exit::kUndecided, "a server, or one of its addresses, could not be looked at"},
};

}  // namespace

extern const Command kScanCommand{
    .name = "scan",
    .summary = "look at many servers, at every address, and tell what is wrong",
    .description =
        "Looks at every address of each server and prints, as the answers come, the verdict on its "
        "chains, how much of the leaf's lifetime is over, and findings: addresses that differ, "
        "intermediates that a saved baseline does not have, old versions and weak suites, unusual "
        "keys, OCSP staples that are missing or not valid, HSTS. 'cotter explain CODE' has a page "
        "for each.\n\n"
        "Versions and suites that the TLS library no longer speaks are asked by hellos of our own: "
        "a version that nothing is encrypted with is only named. Beside handshakes one HEAD "
        "request is made; nothing of yours is sent. Servers other than this machine are asked "
        "a few times a second at most; see --rate.\n\n"
        "Lines of a list that cannot be read are told, and the rest is scanned. Names are looked "
        "up in /etc/hosts and by DNS.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunScan,
};

}  // namespace cotter::cli
