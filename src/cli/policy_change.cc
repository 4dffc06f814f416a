// SPDX-License-Identifier: Apache-2.0
//
// policy add, replace-pin and remove-pin: change a policy file in place.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/clock.h"
#include "base/file.h"
#include "base/idna.h"
#include "base/output_file.h"
#include "base/sha256.h"
#include "cli/arguments.h"
#include "cli/connect_options.h"
#include "cli/look_options.h"
#include "cli/output.h"
#include "cli/policy_actions.h"
#include "cli/report.h"
#include "formats/key_material.h"
#include "policy/policy_edit.h"
#include "policy/policy_file.h"
#include "policy/words.h"
#include "probe/look.h"
#include "probe/seen_certificate.h"
#include <cotter/certificate.h>

namespace cotter::cli {
namespace {

Exit Failure(std::string_view where, const Error& error) {
  ReportError(where, error);
  return error.code == Code::kPkiError ? Exit::kViolated : Exit::kUsage;
}

// Request is what the command line asks for.
struct Request {
  HostPattern pattern;
  PolicyPin entry;  // place, use and label; its digest comes from elsewhere
  policy::EditNote note;
};

Result<Request> ReadRequest(Call call, std::string_view host) {
  Result<HostPattern> pattern = HostPattern::Parse(host, &base::Idna());
  if (!pattern) return pattern.error();
  Request request{*std::move(pattern), {}, {.date = base::Now()}};
  if (const auto place = call.arguments.Value("place")) {
    request.entry.pin.place = *policy::ValueFor(policy::kPlaceWords, *place);
  }
  if (const auto use = call.arguments.Value("use")) {
    request.entry.pin.use = *policy::ValueFor(policy::kUseWords, *use);
  }
  request.entry.label = call.arguments.Value("label").value_or("");
  request.note.reason = call.arguments.Value("reason").value_or("");
  request.note.by = call.arguments.Value("by").value_or("");
  return request;
}

// IsFor reports that a certificate has a name that the hosts of `pattern` may be called by.
bool IsFor(const probe::SeenCertificate& leaf, const HostPattern& pattern) {
  if (pattern.kind() == HostPattern::Kind::kExact) return probe::IsFor(leaf, pattern.base());
  return std::ranges::any_of(leaf.names, [&pattern](const std::string& name) {
    const bool star = name.starts_with("*.");
    // What stands for a star may be any label.
    const Result<HostName> host = HostName::Parse(star ? "x" + name.substr(1) : name);
    return host && pattern.Matches(*host);
  });
}

// WarnOfStranger says that a certificate is not what a pin for the rule would be made of: it is for
// other hosts, or cannot stand where the pin is to match. The pin may be right all the same: a key
// outlives the names of its certificates.
void WarnOfStranger(const std::string& path, ByteView der, const Request& request) {
  const Result<probe::SeenCertificate> seen = probe::SeeCertificate(der);
  if (!seen) return;
  if (seen->is_ca) {
    if (request.entry.pin.place == PinPlace::kLeaf) {
      ReportWarning(path +
                    ": the certificate is a CA's, which is never a server's: a pin with "
                    "place leaf will not match it");
    }
    return;
  }
  if (request.entry.pin.place == PinPlace::kCa) {
    ReportWarning(path + ": the certificate is no CA's: a pin with place ca will not match it");
  }
  if (IsFor(*seen, request.pattern)) return;
  std::string names;
  for (const std::string& name : seen->names) names += (names.empty() ? "" : ", ") + name;
  ReportWarning(path + ": the certificate is for " + (names.empty() ? "no host at all" : names) +
                ", not for " + request.pattern.ToString() + ": is it the right one?");
}

// DigestOfFile is the pin of the first item of `kind` in a file.
Result<Digest> DigestOfFile(const std::string& path, formats::MaterialKind kind,
                            const Request& request) {
  const Result<base::FileImage> file = base::ReadFile(path);
  if (!file) return file.error();
  const auto items = formats::ReadKeyMaterial(file->bytes());
  if (!items) return Error{items.error().code, path + ": " + items.error().message};
  for (const formats::KeyMaterial& item : *items) {
    if (item.kind() != kind) continue;
    if (kind == formats::MaterialKind::kCertificate) WarnOfStranger(path, item.der(), request);
    return base::Sha256(item.spki());
  }
  return Error{Code::kInputUnknown, path + ": holds no " + std::string(formats::NameOf(kind))};
}

// DigestsOfServer is the keys that the server's verified paths have in `place`: of the leaf, or of
// the CA right above it. One for each kind of certificate that it serves.
Result<std::vector<Digest>> DigestsOfServer(Call call, std::string_view host, PinPlace place) {
  const Result<ConnectionOptions> options = ParseConnectionOptions(call.arguments);
  if (!options) return options.error();
  const Result<net::Target> target = ParseTarget(host, *options);
  if (!target) return target.error();
  const auto trust = tls::LoadTrustStore(options->trust);
  if (!trust) return trust.error();
  const Result<probe::Look> look =
      probe::LookAt(*target, LookOptionsOf(*options, *trust, base::Now()));
  if (!look) return look.error();
  // Half an answer would be half a pin set.
  if (!look->is_complete()) return look->failures.front().error;
  std::vector<Digest> digests;
  const std::size_t index = place == PinPlace::kCa ? 1 : 0;
  for (const probe::ServedChain& chain : look->chains) {
    if (chain.failure) return Error{Code::kPkiError, chain.failure->message};
    if (chain.path.size() <= index) continue;
    const Result<ByteView> spki = FindSpki(chain.path[index]);
    if (!spki) return spki.error();
    const Digest digest = base::Sha256(*spki);
    if (std::ranges::find(digests, digest) == digests.end()) digests.push_back(digest);
  }
  if (digests.empty()) return Error{Code::kNoVerifiedPath, "the server showed no such certificate"};
  return digests;
}

// ReadDigests is the pins to add, from the one source that was given.
Result<std::vector<Digest>> ReadDigests(Call call, std::string_view host, Request& request) {
  const Arguments& arguments = call.arguments;
  int sources = 0;
  for (const std::string_view name : {"from-server", "from-cert", "from-csr", "pin"}) {
    sources += arguments.Has(name) ? 1 : 0;
  }
  if (sources != 1) {
    return Error{Code::kUsage, "expected one of --from-server, --from-cert, --from-csr and --pin"};
  }
  Result<Digest> digest = Error{};
  if (arguments.Has("from-server")) {
    if (!arguments.Has("place")) request.entry.pin.place = PinPlace::kLeaf;
    return DigestsOfServer(call, host, request.entry.pin.place);
  }
  if (const auto file = arguments.Value("from-cert")) {
    digest = DigestOfFile(std::string(*file), formats::MaterialKind::kCertificate, request);
  } else if (const auto csr = arguments.Value("from-csr")) {
    digest = DigestOfFile(std::string(*csr), formats::MaterialKind::kRequest, request);
  } else {
    digest = ParsePin(*arguments.Value("pin"));
  }
  if (!digest) return digest.error();
  return std::vector<Digest>{*digest};
}

Result<Digest> ReadOption(Call call, std::string_view name) {
  const auto text = call.arguments.Value(name);
  if (!text) return Error{Code::kUsage, "--" + std::string(name) + " is missing"};
  return ParsePin(*text);
}

// Changed is the new text of the policy, and what is new in it.
struct Changed {
  std::string text;
  HostPattern pattern;
  std::vector<Digest> added{};
  std::vector<Digest> removed{};
};

Result<Changed> AddAll(Call call, const std::string& host, Request request, std::string text,
                       const std::string& path) {
  const Result<std::vector<Digest>> digests = ReadDigests(call, host, request);
  if (!digests) return digests.error();
  policy::EditNote note = request.note;
  for (const Digest& digest : *digests) {
    request.entry.pin.digest = digest;
    Result<std::string> next = policy::AddPin(text, path, request.pattern, request.entry, note);
    if (!next) return next.error();
    text = *std::move(next);
    note.reason.clear();  // one change, written down once
  }
  return Changed{std::move(text), request.pattern, *digests};
}

Result<Changed> Change(Call call, const std::string& action, const std::string& host,
                       std::string text, const std::string& path) {
  Result<Request> request = ReadRequest(call, host);
  if (!request) return request.error();
  if (action == "add") return AddAll(call, host, *std::move(request), std::move(text), path);
  const Result<Digest> pin = ReadOption(call, "pin");
  if (!pin) return pin.error();
  const policy::EditNote& note = request->note;
  if (action == "remove-pin") {
    Result<std::string> next = policy::RemovePin(text, path, request->pattern, *pin, note);
    if (!next) return next.error();
    return Changed{*std::move(next), request->pattern, {}, {*pin}};
  }
  const Result<Digest> with = ReadOption(call, "with");
  if (!with) return with.error();
  Result<std::string> next = policy::ReplacePin(text, path, request->pattern, *pin, *with, note);
  if (!next) return next.error();
  return Changed{*std::move(next), request->pattern, {*with}, {*pin}};
}

std::string Listed(const std::vector<Digest>& digests) {
  std::string list;
  for (const Digest& digest : digests) list += (list.empty() ? "" : " ") + FormatPin(digest);
  return list;
}

// Tell says what was done: a line for people, or JSON.
void Tell(Call call, const Changed& changed, const std::string& path) {
  const std::string pattern = changed.pattern.ToString();
  std::size_t left = 0;
  if (const Result<Policy> after = policy::ReadPolicy(changed.text, path)) {
    for (const HostRule& rule : after->hosts) {
      if (rule.pattern == changed.pattern) left += rule.pins.size();
    }
  }
  if (call.arguments.Has("json")) {
    boost::json::object told{{"policy", path}, {"pattern", pattern}, {"pins", left}};
    for (const auto& [name, digests] :
         {std::pair{"added", &changed.added}, std::pair{"removed", &changed.removed}}) {
      boost::json::array list;
      for (const Digest& digest : *digests) list.emplace_back(FormatPin(digest));
      told[name] = std::move(list);
    }
    return call.output.Json(told);
  }
  std::string what;
  if (changed.removed.empty()) {
    what = "added " + Listed(changed.added);
  } else if (changed.added.empty()) {
    what = "removed " + Listed(changed.removed);
  } else {
    what = "replaced " + Listed(changed.removed) + " by " + Listed(changed.added);
  }
  ReportDone(path + ": " + pattern + ": " + what + "; the rule has " + std::to_string(left) +
             (left == 1 ? " pin" : " pins"));
}

}  // namespace

Exit ChangePolicy(Call call) {
  const auto words = call.arguments.positionals();
  if (words.size() != 2) {
    ReportError("policy " + words[0] + ": expected one HOST");
    return Exit::kUsage;
  }
  const std::string path = PolicyPathOf(call);
  const Result<base::FileImage> file = base::ReadFile(path, policy::kMaxPolicyFileSize);
  if (!file) return Failure("", file.error());
  const std::string before(AsText(file->bytes()));
  const Result<Changed> changed = Change(call, words[0], words[1], before, path);
  if (!changed) return Failure("policy " + words[0], changed.error());
  const Result<void> written = base::WriteOutputFile(path, AsBytes(changed->text));
  if (!written) return Failure("", written.error());
  Tell(call, *changed, path);
  return Exit::kSatisfied;
}

}  // namespace cotter::cli
