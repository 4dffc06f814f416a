// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/hsts_field.h"
#include "cli/scan_row.h"
#include "net/target.h"
#include <cotter/evaluate.h>
#include <cotter/pin.h>

namespace cotter::cli {
namespace {

namespace json = boost::json;
using probe::AddressFacts;
using probe::LookFacts;

json::value TextOrNull(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value TimeOrNull(const std::optional<Time>& time) {
  return time ? json::value(FormatTime(*time)) : json::value(nullptr);
}

json::value CodeOrNull(const std::optional<Code>& code) {
  return code ? json::value(NameOf(*code)) : json::value(nullptr);
}

json::value ErrorJson(const LookFacts& look) {
  if (!look.error) return nullptr;
  return {{"code", NameOf(look.error->code)},
          {"phase", NameOf(look.ended_in)},
          {"message", look.error->message}};
}

json::value ChainJson(const LookFacts& look) {
  if (!look.chain) return nullptr;
  const probe::ChainFacts& chain = *look.chain;
  json::array presented;
  for (const probe::SeenCertificate& one : chain.seen.presented) {
    presented.push_back({{"subject", one.subject.text},
                         {"issuer", one.issuer.text},
                         {"spki", FormatPin(one.spki)},
                         {"cert", FormatPin(one.cert)},
                         {"not_before", TimeOrNull(one.not_before)},
                         {"not_after", TimeOrNull(one.not_after)}});
  }
  json::array paths;
  for (const std::vector<Digest>& path : chain.path_pins) {
    json::array pins;
    for (const Digest& pin : path) pins.emplace_back(FormatPin(pin));
    paths.push_back(std::move(pins));
  }
  return {{"verdict", NameOf(chain.seen.verdict.outcome)},
          {"code", CodeOrNull(chain.seen.code)},
          {"message", chain.seen.message},
          {"presented", std::move(presented)},
          {"paths", std::move(paths)},
          {"key", TextOrNull(chain.leaf.key)},
          {"must_staple", chain.leaf.must_staple},
          {"ocsp_responder", chain.leaf.names_responder},
          {"scts", chain.leaf.embedded_scts}};
}

json::value HttpJson(const std::optional<probe::HttpFacts>& http) {
  if (!http) return nullptr;
  json::value hsts = nullptr;
  if (http->hsts) {
    json::object parsed{{"value", *http->hsts}};
    if (const auto directive = base::ParseHsts(*http->hsts)) {
      parsed["max_age"] = directive->max_age;
      parsed["include_subdomains"] = directive->subdomains;
      parsed["preload"] = directive->preload;
    }
    hsts = std::move(parsed);
  }
  return {{"status", http->status},
          {"server", TextOrNull(http->server)},
          {"location", TextOrNull(http->location)},
          {"hsts", std::move(hsts)},
          {"public_key_pins", http->hpkp ? json::value(*http->hpkp) : json::value(nullptr)},
          {"date", TimeOrNull(http->date)}};
}

json::object LookJson(const LookFacts& look) {
  json::object timings;
  for (std::size_t i = 0; i < probe::kPhases; ++i) {
    const auto phase = static_cast<probe::Phase>(i);
    if (look.timings[i].count() > 0) {
      timings[NameOf(phase)] = static_cast<double>(look.timings[i].count()) / 1000;
    }
  }
  return {{"purpose", NameOf(look.purpose)},
          {"offer", NameOf(look.offer)},
          {"error", ErrorJson(look)},
          {"tls", TextOrNull(look.version)},
          {"suite", TextOrNull(look.suite)},
          {"group", TextOrNull(look.group)},
          {"alpn", TextOrNull(look.alpn)},
          {"resumed", look.resumed},
          {"scts", look.scts},
          {"staple",
           {{"state", NameOf(look.staple.state)},
            {"problem", TextOrNull(look.staple.problem)},
            {"this_update", TimeOrNull(look.staple.this_update)},
            {"next_update", TimeOrNull(look.staple.next_update)}}},
          {"http", HttpJson(look.http)},
          {"chain", ChainJson(look)},
          {"milliseconds", std::move(timings)}};
}

json::object AddressJson(const AddressFacts& address) {
  json::array looks;
  for (const LookFacts& look : address.looks) looks.push_back(LookJson(look));
  json::object versions;
  for (const probe::VersionFacts& one : address.versions) {
    const std::string_view answer = one.support == probe::Support::kYes  ? "yes"
                                    : one.support == probe::Support::kNo ? "no"
                                                                         : "unknown";
    versions[NameOf(one.version)] = {{"accepted", answer}, {"suite", TextOrNull(one.suite)}};
  }
  json::array weak;
  for (const std::string& suite : address.weak_suites) weak.emplace_back(suite);
  return {{"peer", address.peer},
          {"passed_over", address.passed_over},
          {"looks", std::move(looks)},
          {"versions", std::move(versions)},
          {"weak_suites", std::move(weak)}};
}

}  // namespace

json::object ScanJson(const ScanRow& row) {
  json::array findings;
  for (const probe::Finding& one : row.findings) {
    json::array peers;
    for (const std::string& peer : one.peers) peers.emplace_back(peer);
    findings.push_back({{"code", NameOf(one.code)},
                        {"level", NameOf(one.level)},
                        {"peers", std::move(peers)},
                        {"detail", one.detail}});
  }
  json::array addresses;
  for (const AddressFacts& address : row.facts.addresses) {
    addresses.push_back(AddressJson(address));
  }
  json::value lifetime = nullptr;
  if (row.lifetime) {
    lifetime = {{"not_before", FormatTime(row.lifetime->not_before)},
                {"not_after", FormatTime(row.lifetime->not_after)},
                {"used", std::round(row.lifetime->used * 10'000) / 10'000}};
  }
  return {{"target", net::FormatTarget(row.facts.target)},
          {"standby", TextOrNull(row.standby)},
          {"at", FormatTime(row.facts.at)},
          {"verdict", row.check.verdict},
          {"code", CodeOrNull(row.check.code)},
          {"message", row.check.message},
          {"rule", row.check.rule ? json::value(*row.check.rule) : json::value(nullptr)},
          {"pinned", PinnedJson(row.check.pinned)},
          {"lifetime", std::move(lifetime)},
          {"findings", std::move(findings)},
          {"addresses", std::move(addresses)}};
}

}  // namespace cotter::cli
