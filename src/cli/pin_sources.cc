// SPDX-License-Identifier: Apache-2.0
#include "cli/pin_sources.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sha256.h"
#include "cli/exit.h"
#include "cli/look_options.h"
#include "formats/claims.h"
#include "formats/key_material.h"
#include "probe/look.h"
#include <cotter/certificate.h>

namespace cotter::cli {
namespace {

constexpr std::string_view kFileEndings[] = {".pem", ".crt", ".cer", ".der",
                                             ".p7b", ".p7c", ".csr", ".key"};

// Describe is one item of a file.
Result<ListedPin> Describe(const formats::MaterialView& item, PinForm form) {
  if (item.kind == formats::MaterialKind::kCertificate) {
    return DescribeCertificate(item.der, {}, form);
  }
  ListedPin pin;
  pin.role = formats::NameOf(item.kind);
  pin.spki = base::Sha256(item.spki);
  if (item.kind == formats::MaterialKind::kRequest) {
    const Result<ByteView> subject = formats::RequestSubject(item.der);
    if (!subject) return subject.error();
    pin.subject = FormatName(*subject);
  }
  return pin;
}

PinList Failed(std::string target, std::string_view kind, Error error) {
  return PinList{.target = std::move(target),
                 .kind = kind,
                 .verified = false,
                 .error = std::move(error),
                 .pins = {}};
}

// Chain is what is listed of one served chain.
struct Chain {
  std::span<const Bytes> certificates;  // leaf first
  bool verified;
};

// RoleAt is the role that a certificate's place tells; empty where it tells none. Only a verified
// path ends at a root.
std::string_view RoleAt(std::size_t index, const Chain& chain) {
  if (index == 0) return "leaf";
  if (!chain.verified) return {};
  return index + 1 == chain.certificates.size() ? "root" : "intermediate";
}

// AddChain adds the certificates of `chain` that `seen` does not hold yet.
Result<void> AddChain(const Chain& chain, PinForm form, std::vector<ByteView>& seen,
                      PinList& list) {
  for (std::size_t i = 0; i < chain.certificates.size(); ++i) {
    const ByteView der = chain.certificates[i];
    if (std::any_of(seen.begin(), seen.end(), [&](ByteView old) { return SameBytes(old, der); })) {
      continue;
    }
    seen.push_back(der);
    Result<ListedPin> pin = DescribeCertificate(der, RoleAt(i, chain), form);
    if (!pin) return std::move(pin).error();
    list.pins.push_back(std::move(*pin));
  }
  return Ok();
}

// Where names the peers of a chain: an error must say which of several servers it is about.
std::string Where(const probe::ServedChain& chain) {
  std::string where;
  for (const probe::Sighting& sighting : chain.sightings) {
    where.append(where.empty() ? "" : ", ").append(sighting.peer);
  }
  return where;
}

// WhyNot is why the pins of `look` must not be taken for the server's; nullopt if they may.
std::optional<Error> WhyNot(const probe::Look& look) {
  for (const probe::ServedChain& chain : look.chains) {
    if (chain.failure) {
      // What is broken in a server's chain is the server's fault, not unusable input.
      const bool unusable = ExitOf(chain.failure->code) == Exit::kUsage;
      return Error{unusable ? Code::kPkiError : chain.failure->code,
                   Where(chain) + ": " + chain.failure->message};
    }
  }
  if (!look.failures.empty()) {
    const probe::PeerError& first = look.failures.front();
    return Error{first.error.code, first.peer + ": " + first.error.message};
  }
  if (look.chains.empty()) return Error{Code::kTlsFailed, "the server presented no certificate"};
  return std::nullopt;
}

PinList ListLook(std::string name, const probe::Look& look, UnverifiedChains unverified,
                 PinForm form) {
  PinList list{.target = std::move(name),
               .kind = "server",
               .verified = true,
               .error = WhyNot(look),
               .pins = {}};
  list.verified = !list.error;
  if (list.error && (unverified == UnverifiedChains::kRefused || !look.is_complete())) return list;
  std::vector<ByteView> seen;
  for (const probe::ServedChain& chain : look.chains) {
    const Chain shown{chain.path.empty() ? chain.presented.certificates : chain.path,
                      !chain.path.empty()};
    if (Result<void> added = AddChain(shown, form, seen, list); !added) {
      return Failed(std::move(list.target), list.kind, std::move(added).error());
    }
  }
  return list;
}

}  // namespace

bool NamesFile(const std::string& target) {
  if (target == "-" || target.find('/') != std::string::npos) return true;
  struct stat status {};
  if (::stat(target.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) return true;
  return std::any_of(std::begin(kFileEndings), std::end(kFileEndings),
                     [&](std::string_view ending) { return target.ends_with(ending); });
}

std::vector<PinList> PinsOfFile(const std::string& path, PinForm form) {
  const Result<base::FileImage> file = base::ReadFile(path);
  if (!file) return {Failed(path, {}, file.error())};
  std::vector<PinList> lists;
  const auto visit = [&](const formats::MaterialView& item) -> Result<void> {
    Result<ListedPin> pin = Describe(item, form);
    if (!pin) return std::move(pin).error();
    const std::string_view kind = formats::NameOf(item.kind);
    if (lists.empty() || lists.back().kind != kind) {
      lists.push_back(
          {.target = path, .kind = kind, .verified = false, .error = std::nullopt, .pins = {}});
    }
    lists.back().pins.push_back(std::move(*pin));
    return Ok();
  };
  const Result<std::size_t> read = formats::ForEachKeyMaterial(file->bytes(), visit);
  if (!read) return {Failed(path, {}, read.error())};
  return lists;
}

PinList PinsOfServer(std::string_view target, const ConnectionOptions& options,
                     std::shared_ptr<const tls::TrustStore> trust, UnverifiedChains unverified,
                     PinForm form) {
  const Result<net::Target> parsed = ParseTarget(target, options);
  if (!parsed) return Failed(std::string(target), "server", parsed.error());
  const std::string name = net::FormatTarget(*parsed);
  const Result<probe::Look> look =
      probe::LookAt(*parsed, LookOptionsOf(options, std::move(trust), base::Now()));
  if (!look) return Failed(name, "server", look.error());
  return ListLook(name, *look, unverified, form);
}

}  // namespace cotter::cli
