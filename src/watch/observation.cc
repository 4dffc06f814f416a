// SPDX-License-Identifier: Apache-2.0
#include "watch/observation.h"

#include <utility>

#include <boost/json.hpp>

#include "policy/document.h"
#include "policy/table_reader.h"

namespace cotter::watch {
namespace {

namespace json = boost::json;
using policy::TableReader;
using policy::Value;
using policy::ValueKind;

constexpr Outcome kOutcomes[] = {
    Outcome::kPinnedOk,    Outcome::kPinMismatch, Outcome::kReported,
    Outcome::kNotPinned,   Outcome::kRevoked,     Outcome::kUnlistedRefused,
    Outcome::kPortRefused, Outcome::kSearchBound, Outcome::kPkiError};

json::array Pins(const std::vector<Digest>& digests) {
  json::array pins;
  for (const Digest& digest : digests) pins.emplace_back(FormatPin(digest));
  return pins;
}

json::object ChainObject(const SeenChainFacts& chain) {
  json::object object{{"leaf", FormatPin(chain.leaf)},
                      {"presented", Pins(chain.presented)},
                      {"path", Pins(chain.path)},
                      {"not_before", chain.not_before.unix_seconds},
                      {"not_after", chain.not_after.unix_seconds},
                      {"earliest_end", chain.earliest_end.unix_seconds},
                      {"path_end", chain.path_end.unix_seconds},
                      {"issuer", chain.issuer},
                      {"cert", chain.serial},
                      {"outcome", NameOf(chain.outcome)}};
  if (chain.code) object["code"] = NameOf(*chain.code);
  if (!chain.message.empty()) object["message"] = chain.message;
  return object;
}

json::object PeerObject(const PeerFacts& peer) {
  json::array chains;
  for (const std::size_t index : peer.chains) chains.emplace_back(index);
  json::object object{{"peer", peer.peer},
                      {"version", peer.version},
                      {"chains", std::move(chains)},
                      {"resolve_us", peer.times.resolve},
                      {"connect_us", peer.times.connect},
                      {"handshake_us", peer.times.handshake}};
  if (peer.error) object["error"] = NameOf(*peer.error);
  if (!peer.message.empty()) object["message"] = peer.message;
  return object;
}

json::object ServerObject(const ServerFacts& server) {
  json::array peers;
  for (const PeerFacts& peer : server.peers) peers.emplace_back(PeerObject(peer));
  json::array chains;
  for (const SeenChainFacts& chain : server.chains) chains.emplace_back(ChainObject(chain));
  json::object object{{"target", server.target},
                      {"at", server.at.unix_seconds},
                      {"policy_version", server.policy_version},
                      {"peers", std::move(peers)},
                      {"chains", std::move(chains)}};
  if (server.cause) object["cause"] = NameOf(*server.cause);
  if (!server.fix.empty()) object["fix"] = server.fix;
  if (server.failure) object["failure"] = NameOf(*server.failure);
  if (!server.message.empty()) object["message"] = server.message;
  return object;
}

// Times and durations; nothing of them is negative or so large that arithmetic ends.
constexpr std::int64_t kLargest = std::int64_t{1} << 52;

// What an agent puts into one envelope: half of what a collector takes, for the head and for the
// largest report, which goes alone.
constexpr std::size_t kMostInBatch = 500;
constexpr std::size_t kMaxBatchBytes = kMaxEnvelope / 2;

// Texts of an agent end up in alerts: short, and checked there for what a terminal acts on.
constexpr std::size_t kMaxText = 1024;

class Reader {
 public:
  std::string Text(TableReader& table, std::string_view key) {
    std::string text = table.String(key).value_or("");
    if (text.size() > kMaxText) table.Fail(Code::kFormatMalformed, key, "too long a text");
    return text;
  }

  std::int64_t Number(TableReader& table, std::string_view key) {
    const auto number = table.Integer(key, 0, kLargest);
    if (!number) table.Fail(Code::kFormatMalformed, key, "expected a number");
    return number.value_or(0);
  }

  Time Date(TableReader& table, std::string_view key) {
    // The certificates of the past reach behind 1970.
    const auto number = table.Integer(key, -kLargest, kLargest);
    if (!number) table.Fail(Code::kFormatMalformed, key, "expected a time");
    return Time{number.value_or(0)};
  }

  std::optional<Code> CodeAt(TableReader& table, std::string_view key) {
    const auto name = table.String(key);
    if (!name) return std::nullopt;
    const auto code = FindCode(*name);
    if (!code || NameOf(*code) != *name) {
      table.Fail(Code::kFormatMalformed, key, "expected the name of a code");
    }
    return code;
  }

  std::optional<Digest> Pin(TableReader& table, std::string_view key, std::string_view text) {
    const Result<Digest> digest = ParsePin(text);
    if (digest && FormatPin(*digest) == text) return *digest;
    table.Fail(Code::kFormatMalformed, key, "expected pins");
    return std::nullopt;
  }

  std::vector<Digest> PinsAt(TableReader& table, std::string_view key) {
    std::vector<Digest> digests;
    for (const std::string& text : table.Strings(key)) {
      if (digests.size() >= kMaxPath) table.Fail(Code::kFormatMalformed, key, "too many pins");
      if (const auto digest = Pin(table, key, text)) digests.push_back(*digest);
    }
    return digests;
  }

  SeenChainFacts Chain(Value value) {
    TableReader table(value, "chain", log_);
    SeenChainFacts chain;
    const std::string leaf = Text(table, "leaf");
    if (const auto digest = Pin(table, "leaf", leaf)) chain.leaf = *digest;
    chain.presented = PinsAt(table, "presented");
    chain.path = PinsAt(table, "path");
    chain.not_before = Date(table, "not_before");
    chain.not_after = Date(table, "not_after");
    chain.earliest_end = Date(table, "earliest_end");
    chain.path_end = Date(table, "path_end");
    chain.issuer = Text(table, "issuer");
    chain.serial = Text(table, "cert");
    const std::string outcome = Text(table, "outcome");
    bool known = false;
    for (const Outcome candidate : kOutcomes) {
      if (NameOf(candidate) != outcome) continue;
      chain.outcome = candidate;
      known = true;
    }
    if (!known) table.Fail(Code::kFormatMalformed, "outcome", "expected an outcome");
    chain.code = CodeAt(table, "code");
    chain.message = Text(table, "message");
    table.Finish();
    return chain;
  }

  PeerFacts Peer(Value value, std::size_t chains) {
    TableReader table(value, "peer", log_);
    PeerFacts peer;
    peer.peer = Text(table, "peer");
    peer.version = Text(table, "version");
    table.Array("chains", "numbers", [&](Value element) {
      const bool is_index = element.kind() == ValueKind::kInteger && element.AsInteger() >= 0 &&
                            element.AsInteger() < static_cast<std::int64_t>(chains);
      if (!is_index || peer.chains.size() >= kMaxChains) {
        return table.Fail(Code::kFormatMalformed, "chains", "expected indexes of chains");
      }
      peer.chains.push_back(static_cast<std::size_t>(element.AsInteger()));
    });
    peer.times.resolve = Number(table, "resolve_us");
    peer.times.connect = Number(table, "connect_us");
    peer.times.handshake = Number(table, "handshake_us");
    peer.error = CodeAt(table, "error");
    peer.message = Text(table, "message");
    table.Finish();
    return peer;
  }

  ServerFacts Server(Value value) {
    TableReader table(value, "report", log_);
    ServerFacts server;
    server.target = Text(table, "target");
    server.at = Date(table, "at");
    server.policy_version = static_cast<std::uint64_t>(Number(table, "policy_version"));
    table.Tables("chains", [&](Value element) {
      if (server.chains.size() >= kMaxChains) {
        return table.Fail(Code::kFormatMalformed, "chains", "too many chains");
      }
      server.chains.push_back(Chain(element));
    });
    table.Tables("peers", [&](Value element) {
      if (server.peers.size() >= kMaxPeers) {
        return table.Fail(Code::kFormatMalformed, "peers", "too many addresses");
      }
      server.peers.push_back(Peer(element, server.chains.size()));
    });
    server.cause = CodeAt(table, "cause");
    server.fix = Text(table, "fix");
    server.failure = CodeAt(table, "failure");
    server.message = Text(table, "message");
    table.Finish();
    return server;
  }

  std::vector<ServerFacts> Reports(Value root) {
    TableReader table(root, "the envelope", log_);
    std::vector<ServerFacts> reports;
    table.Tables("reports", [&](Value element) {
      if (reports.size() >= kMaxReports) {
        return table.Fail(Code::kFormatMalformed, "reports", "too many reports");
      }
      if (!log_.stopped()) reports.push_back(Server(element));
    });
    table.Finish();
    return reports;
  }

  [[nodiscard]] const policy::ReadLog& log() const { return log_; }

 private:
  policy::ReadLog log_{policy::Errors::kFirst};
};

}  // namespace

std::string FormatReports(std::span<const ServerFacts> reports) {
  json::array array;
  for (const ServerFacts& server : reports) array.emplace_back(ServerObject(server));
  return json::serialize(json::object{{"reports", std::move(array)}});
}

std::string FormatBatch(std::map<std::string, ServerFacts>& waiting,
                        std::map<std::string, ServerFacts>& batch) {
  json::array array;
  std::size_t size = 0;
  while (!waiting.empty() && array.size() < kMostInBatch) {
    json::object object = ServerObject(waiting.begin()->second);
    size += json::serialize(object).size() + 1;
    if (size > kMaxBatchBytes && !array.empty()) break;
    array.emplace_back(std::move(object));
    batch.insert(waiting.extract(waiting.begin()));
  }
  return json::serialize(json::object{{"reports", std::move(array)}});
}

Result<std::vector<ServerFacts>> ParseReports(std::string_view json) {
  const policy::ParsedDocument parsed = policy::ParseJsonDocument(json);
  if (parsed.issue) return Error{Code::kFormatMalformed, parsed.issue->message};
  Reader reader;
  std::vector<ServerFacts> reports = reader.Reports(parsed.document->root());
  if (!reader.log().issues().empty()) {
    return Error{Code::kFormatMalformed, reader.log().issues().front().message};
  }
  return reports;
}

}  // namespace cotter::watch
