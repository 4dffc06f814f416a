// SPDX-License-Identifier: Apache-2.0
//
// cotter inspect: every field of certificates, requests and public keys.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/clock.h"
#include "base/file.h"
#include "cli/arguments.h"
#include "cli/connect_options.h"
#include "cli/inspect_json.h"
#include "cli/inspect_text.h"
#include "cli/look_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/pin_sources.h"
#include "cli/report.h"
#include "cli/safe_text.h"
#include "formats/key_material.h"
#include "probe/look.h"

namespace cotter::cli {
namespace {

// Item is one thing to show, and what it is called.
struct Item {
  std::string title;             // "chain.pem: certificate, 2 of 3"
  std::optional<bool> verified;  // nothing for what a file holds
  std::variant<formats::CertificateDescription, formats::RequestDescription,
               formats::KeyDescription>
      described;
};

// Found is all that one target holds. An error comes with items only where an unverified chain may
// be shown.
struct Found {
  std::vector<Item> items;
  std::optional<Error> error;
  Exit exit = Exit::kSatisfied;
};

Found Failed(Error error) {
  const Exit exit = ExitOf(error.code);
  return {{}, std::move(error), exit};
}

// Describe adds `material` to `items`, still without a number in its title.
Result<void> Describe(const formats::MaterialView& material, std::vector<Item>& items) {
  if (material.kind == formats::MaterialKind::kCertificate) {
    auto certificate = formats::DescribeCertificate(material.der);
    if (!certificate) return std::move(certificate).error();
    items.push_back({"certificate", std::nullopt, *std::move(certificate)});
  } else if (material.kind == formats::MaterialKind::kRequest) {
    auto request = formats::DescribeRequest(material.der);
    if (!request) return std::move(request).error();
    items.push_back({"request", std::nullopt, *std::move(request)});
  } else {
    const bool is_private = material.kind == formats::MaterialKind::kPrivateKey;
    items.push_back({is_private ? "public half of a private key" : "public key", std::nullopt,
                     formats::DescribeKey(material.spki)});
  }
  return Ok();
}

void NumberTitles(std::string_view target, std::vector<Item>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::string title = std::string(target) + ": " + items[i].title;
    if (items.size() > 1) {
      title += ", " + std::to_string(i + 1) + " of " + std::to_string(items.size());
    }
    items[i].title = std::move(title);
  }
}

Found InspectFile(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path);
  if (!file) return Failed(file.error());
  // A description takes many times the room of what it describes.
  constexpr std::size_t kMaxItems = 10'000;
  std::vector<Item> items;
  const auto visit = [&](const formats::MaterialView& material) -> Result<void> {
    if (items.size() == kMaxItems) {
      return Error{Code::kFileTooLarge, "more than 10000 items to show: split the file"};
    }
    return Describe(material, items);
  };
  const Result<std::size_t> read = formats::ForEachKeyMaterial(file->bytes(), visit);
  if (!read) return Failed(read.error());
  NumberTitles(path, items);
  return {std::move(items), std::nullopt, Exit::kSatisfied};
}

// DescribeLook lists the verified path of each served chain, or the presented one where it does not
// verify and the caller asked to see it.
Found DescribeLook(const std::string& name, const probe::Look& look, UnverifiedChains unverified) {
  Found found;
  for (const probe::ServedChain& chain : look.chains) {
    if (chain.failure) {
      found.error = chain.failure;
      const bool undecided = unverified == UnverifiedChains::kRefused &&
                             ExitOf(chain.failure->code) == Exit::kUndecided;
      found.exit = undecided ? Exit::kUndecided : Exit::kViolated;
      if (unverified == UnverifiedChains::kRefused) return found;
    }
    const bool verified = !chain.path.empty() && !chain.failure;
    for (const Bytes& der : verified ? chain.path : chain.presented.certificates) {
      auto certificate = formats::DescribeCertificate(der);
      if (!certificate) return Failed(Error{Code::kPkiError, certificate.error().message});
      found.items.push_back(
          {verified ? "certificate of the verified path" : "certificate of an UNVERIFIED chain",
           verified, *std::move(certificate)});
    }
  }
  if (!found.error && !look.failures.empty()) {
    const probe::PeerError& first = look.failures.front();
    return Failed(Error{first.error.code, first.peer + ": " + first.error.message});
  }
  NumberTitles(name, found.items);
  return found;
}

Found InspectServer(const std::string& text, Call call) {
  const Result<ConnectionOptions> options = ParseConnectionOptions(call.arguments);
  if (!options) return Failed(options.error());
  const Result<net::Target> target = ParseTarget(text, *options);
  if (!target) return Failed(target.error());
  const auto trust = tls::LoadTrustStore(options->trust);
  if (!trust) return Failed(trust.error());
  const Result<probe::Look> look =
      probe::LookAt(*target, LookOptionsOf(*options, *trust, base::Now()));
  if (!look) return Failed(look.error());
  const auto unverified = call.arguments.Has("insecure-show") ? UnverifiedChains::kInsecureShow
                                                              : UnverifiedChains::kRefused;
  return DescribeLook(net::FormatTarget(*target), *look, unverified);
}

void PrintText(Output& output, const std::vector<Item>& items, Time now) {
  bool first = true;
  for (const Item& item : items) {
    output.Text(first ? "" : "\n");
    first = false;
    output.Styled(Style::kBold, item.title);
    output.Text("\n");
    if (const auto* certificate = std::get_if<formats::CertificateDescription>(&item.described)) {
      PrintCertificate(output, *certificate, now);
    } else if (const auto* request = std::get_if<formats::RequestDescription>(&item.described)) {
      PrintRequest(output, *request);
    } else {
      PrintKey(output, std::get<formats::KeyDescription>(item.described));
    }
  }
}

void PrintJson(Output& output, const std::vector<Item>& items, Time now) {
  boost::json::array certificates;
  boost::json::array requests;
  boost::json::array keys;
  for (const Item& item : items) {
    if (const auto* certificate = std::get_if<formats::CertificateDescription>(&item.described)) {
      boost::json::object object = CertificateJson(*certificate, now);
      if (item.verified) object["verified"] = *item.verified;
      certificates.push_back(std::move(object));
    } else if (const auto* request = std::get_if<formats::RequestDescription>(&item.described)) {
      requests.push_back(RequestJson(*request));
    } else {
      keys.push_back(KeyJson(std::get<formats::KeyDescription>(item.described)));
    }
  }
  boost::json::object all{{"certificates", std::move(certificates)}};
  if (!requests.empty()) all["requests"] = std::move(requests);
  if (!keys.empty()) all["keys"] = std::move(keys);
  output.Json(all);
}

Exit RunInspect(Call call) {
  const std::string& target = call.arguments.positionals().front();
  const Found found = NamesFile(target) ? InspectFile(target) : InspectServer(target, call);
  if (found.error) {
    // Errors of files name them already.
    const bool named = found.error->message.starts_with(target);
    ReportError(named ? std::string_view() : target, *found.error);
  }
  if (found.items.empty()) return found.exit;
  const Time now = base::Now();
  if (call.arguments.Has("json")) {
    PrintJson(call.output, found.items, now);
  } else {
    PrintText(call.output, found.items, now);
  }
  return found.exit;
}

constexpr Argument kArguments[] = {
    {.name = "TARGET",
     .help = "a file, a server (host, host:port, [::1]:port), or '-' for standard input",
     .complete = Complete::kFile}};

constexpr Option kOptions[] = {
    kJsonOption,
    kInsecureShowOption,
};

constexpr OptionGroup kGroups[] = {{"Options", kOptions}, kConnectGroup};

constexpr Example kExamples[] = {
    {.line = "cotter inspect cert.pem", .help = "every field, with what is wrong with it"},
    {.line = "cotter inspect --json - <chain.pem", .help = "the same for a script"},
    {.line = "cotter inspect api.example.com", .help = "the verified path of a server"},
};

constexpr ExitNote kExits[] = {
    {Exit::kSatisfied, "everything was shown"},
    {Exit::kViolated, "the server's chain does not verify"},
    {Exit::kUsage, "the command line or a file is not usable"},
    {Exit::kUndecided, "the server could not be asked"},
};

}  // namespace

extern const Command kInspectCommand{
    .name = "inspect",
    .summary = "show every field of certificates, requests and keys",
    .description =
        "Decodes what a file or a server holds, on this machine alone. Every extension is shown; "
        "one that is unknown, or does not decode, as its bytes. Warnings say what breaks clients "
        "or what a CA could not sign today; they do not change the exit code.\n\n"
        "Files are never verified. Of a server the verified path is shown. Of a private key "
        "nothing is shown but its public half.\n\n"
        "TARGET is a file by the same rules as in 'cotter pins'. In JSON, names are those of "
        "RFC 5280 in snake case, serial numbers and bytes are hex.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunInspect,
};

}  // namespace cotter::cli
