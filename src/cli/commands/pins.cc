// SPDX-License-Identifier: Apache-2.0
//
// cotter pins: the pins of servers, certificates, requests and keys.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/connect_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/pin_list.h"
#include "cli/pin_sources.h"
#include "cli/report.h"

namespace cotter::cli {
namespace {

Exit UsageFailure(std::string_view message, std::string_view hint) {
  ReportError(message);
  ReportHint(hint);
  return Exit::kUsage;
}

std::optional<PinForm> ChooseForm(const Arguments& arguments) {
  const bool plain = arguments.Has("plain");
  const bool bare = arguments.Has("bare");
  const bool json = arguments.Has("json");
  if (int{plain} + int{bare} + int{json} > 1) return std::nullopt;
  return plain ? PinForm::kPlain : bare ? PinForm::kBare : json ? PinForm::kJson : PinForm::kText;
}

// ExitOfList tells what a server that does not verify is worth: whatever is wrong with what it
// presented, the answer is no.
Exit ExitOfList(const PinList& list) {
  if (!list.error) return Exit::kSatisfied;
  const Exit exit = ExitOf(list.error->code);
  return list.kind == "server" && !list.pins.empty() ? Exit::kViolated : exit;
}

void ReportList(const PinList& list) {
  if (!list.error) return;
  // Errors of reading name the file already, those of its content do not.
  const std::string name = list.target == "-" ? "standard input" : list.target;
  const bool named = list.error->message.starts_with(name);
  ReportError(named ? "" : name, *list.error);
  if (list.target.find("://") != std::string::npos) {
    ReportHint("name the server alone, as api.example.com or api.example.com:443");
  }
}

// Trust is loaded for the first server, because files need none.
class Trust {
 public:
  explicit Trust(const tls::TrustOptions& options) : options_(options) {}

  const Result<std::shared_ptr<const tls::TrustStore>>& Get() {
    if (!loaded_) loaded_ = tls::LoadTrustStore(options_);
    return *loaded_;
  }

 private:
  const tls::TrustOptions& options_;
  std::optional<Result<std::shared_ptr<const tls::TrustStore>>> loaded_;
};

Exit PrintPins(Call call, const ConnectionOptions& options, PinForm form) {
  const auto unverified = call.arguments.Has("insecure-show") ? UnverifiedChains::kInsecureShow
                                                              : UnverifiedChains::kRefused;
  Trust trust(options.trust);
  Exit exit = Exit::kSatisfied;
  std::vector<PinList> lists;
  for (const std::string& target : call.arguments.positionals()) {
    std::vector<PinList> found;
    if (NamesFile(target)) {
      found = PinsOfFile(target, form);
    } else if (const auto& store = trust.Get(); !store) {
      ReportError({}, store.error());
      return ExitOf(store.error().code);
    } else {
      found.push_back(PinsOfServer(target, options, *store, unverified, form));
    }
    for (PinList& list : found) {
      ReportList(list);
      exit = MergeExits(exit, ExitOfList(list));
      lists.push_back(std::move(list));
    }
  }
  // Bare pins name no target, so nothing would tell that one is missing.
  const bool unmarked = form == PinForm::kBare && exit != Exit::kSatisfied;
  if (!unmarked) PrintPinLists(call.output, lists, form);
  return exit;
}

Exit RunPins(Call call) {
  const std::optional<PinForm> form = ChooseForm(call.arguments);
  if (!form) {
    return UsageFailure("pins: --plain, --bare and --json exclude each other",
                        "choose the one that the reader needs");
  }
  const bool unmarked = *form == PinForm::kPlain || *form == PinForm::kBare;
  if (unmarked && call.arguments.Has("insecure-show")) {
    return UsageFailure("pins: --insecure-show needs the full text or --json",
                        "pins of an unverified chain must be marked, and the short forms cannot");
  }
  const Result<ConnectionOptions> options = ParseConnectionOptions(call.arguments);
  if (!options) {
    return UsageFailure("pins: " + options.error().message,
                        "'cotter help pins' shows what it takes");
  }
  return PrintPins(call, *options, *form);
}

constexpr Argument kArguments[] = {
    {.name = "TARGET",
     .help = "a server (host, host:port, [::1]:port), a file, or '-' for standard input",
     .count = Count::kOneOrMore,
     .complete = Complete::kFile}};

constexpr Option kOptions[] = {
    {.name = "plain", .help = "print nothing behind the pin"},
    {.name = "bare",
     .help = "print the base64 of the pins alone, one a line; nothing unless every target has its "
             "pins"},
    kJsonOption,
    kInsecureShowOption,
};

constexpr OptionGroup kGroups[] = {{"Options", kOptions}, kConnectGroup};

constexpr Example kExamples[] = {
    {.line = "cotter pins api.example.com",
     .help = "the pins of a server, at every address and for RSA and ECDSA, with its root"},
    {.line = "cotter pins --plain chain.pem backup.csr",
     .help = "the pins of certificates and of the request for a backup key"},
    {.line = "cotter pins --starttls smtp --cacert ca.pem mail.example.com",
     .help = "a mail server (port 25) with a certificate of your own CA"},
    {.line = "cotter pins --bare - <key.pem", .help = "the pin of a key, for a script"},
    {.line = "cotter pins --connect-to 192.0.2.7:8443 --json api.example.com",
     .help = "a new server before the name leads to it"},
};

constexpr ExitNote kExits[] = {
    {Exit::kSatisfied, "every target's pins were printed"},
    {Exit::kViolated, "a server's chain does not verify"},
    {Exit::kUsage, "the command line or a file is not usable"},
    {Exit::kUndecided, "a server, or one of its addresses, could not be asked"},
};

}  // namespace

extern const Command kPinsCommand{
    .name = "pins",
    .summary = "print the pins of servers, certificates, requests and keys",
    .description =
        "A pin is the SHA-256 of a SubjectPublicKeyInfo, exactly as it stands in the certificate. "
        "A server is asked at every address, for its RSA and its ECDSA certificate, and its chain "
        "is verified; the pins are those of the verified path, leaf first, root last. If any "
        "address fails, no pin of that server is printed.\n\n"
        "A file may hold PEM (with other text around it, any number of blocks), DER, PKCS #7, "
        "requests, public and private keys. Nothing of a private key is printed but its pin. A "
        "file that is broken anywhere gives no pin at all. Roles in files are what the "
        "certificates claim; nothing there is verified.\n\n"
        "TARGET is a file if it is '-', has a '/' in it, names a file that exists, or ends in "
        ".pem, .crt, .cer, .der, .p7b, .p7c, .csr or .key. Everything else is a server; write "
        "host:443 where a file of that name exists.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunPins,
};

}  // namespace cotter::cli
