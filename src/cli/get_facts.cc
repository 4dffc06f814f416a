// SPDX-License-Identifier: Apache-2.0
#include "cli/get_facts.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "policy/words.h"

namespace cotter::cli {
namespace {

namespace json = boost::json;

json::array PinList(const std::vector<Digest>& digests) {
  json::array pins;
  for (const Digest& digest : digests) pins.emplace_back(FormatPin(digest));
  return pins;
}

json::value TextOrNull(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::array ReasonList(const ReasonSet& reasons) {
  json::array names;
  for (const Reason reason : reasons.List()) {
    const json::value name(NameOf(CodeOf(reason)));
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

json::value PolicyFacts(const std::string& name, std::uint64_t version) {
  return {{"name", name}, {"version", version}};
}

}  // namespace

json::value ResponseFacts(const client::Response& response) {
  const client::ConnectionFacts& facts = response.connection;
  json::value matched = nullptr;
  if (facts.match) {
    const std::size_t index = facts.match->cert_index;
    matched = {{"pin", FormatPin(facts.match->pin.digest)},
               {"place", index == 0 ? "leaf" : "ca"},
               {"index", index},
               {"use", policy::WordFor(policy::kUseWords, facts.match->pin.use)}};
  }
  json::array headers;
  for (const report::Header& header : report::RedactHeaders(response.headers)) {
    headers.push_back({{"name", header.name}, {"value", header.value}});
  }
  return {{"url", report::RedactUrl(response.url)},
          {"status", response.status},
          {"http_version", response.http_version},
          {"redirects", response.redirects},
          {"attempts", response.attempts},
          {"verdict", NameOf(facts.outcome)},
          {"code", nullptr},
          {"message", nullptr},
          {"reasons", ReasonList(facts.reasons)},
          {"matched", std::move(matched)},
          {"backup_pin", facts.backup_pin},
          {"path", PinList(facts.path)},
          {"found", PinList(facts.path)},
          {"tls", TextOrNull(facts.tls_version)},
          {"peer", TextOrNull(facts.peer)},
          {"through_proxy", facts.through_proxy},
          {"policy", PolicyFacts(facts.policy_name, facts.policy_version)},
          {"headers", std::move(headers)}};
}

json::value FailureFacts(const std::string& url, const Error& error,
                         const std::optional<client::BadPin>& refusal) {
  json::object facts{{"url", report::RedactUrl(url)},
                     {"status", nullptr},
                     {"verdict", nullptr},
                     {"code", NameOf(error.code)},
                     {"message", error.message},
                     {"reasons", json::array()},
                     {"matched", nullptr},
                     {"found", json::array()},
                     {"peer", nullptr},
                     {"through_proxy", nullptr},
                     {"policy", nullptr}};
  if (refusal) {
    const report::ViolationEvent& event = refusal->event;
    facts["verdict"] = NameOf(event.outcome);
    facts["reasons"] = ReasonList(event.reasons);
    facts["found"] = PinList(event.found);
    facts["peer"] = TextOrNull(event.peer);
    facts["through_proxy"] = refusal->through_proxy;
    facts["policy"] = PolicyFacts(event.policy_name, event.policy_version);
  }
  return facts;
}

}  // namespace cotter::cli
