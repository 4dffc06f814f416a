// SPDX-License-Identifier: Apache-2.0
#include "gateway/config.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/idna.h"
#include "base/sha256.h"
#include "policy/document.h"
#include "policy/table_reader.h"

namespace cotter::gateway {
namespace {

using policy::ReadIssue;
using policy::ReadLog;
using policy::ReadNumber;
using policy::TableReader;
using policy::Value;
using policy::Word;

// A day. Longer is never, which is what limits are there to prevent.
constexpr std::int64_t kLongestSeconds = 86'400;

constexpr Word<RouteMode> kModes[] = {
    {"http", RouteMode::kHttp}, {"tcp", RouteMode::kTcp}, {"connect", RouteMode::kConnect}};

// Reader carries what every table needs.
struct Reader {
  std::string file;
  ReadLog log{policy::Errors::kFirst};

  [[nodiscard]] std::string PathOf(const std::string& path) const {
    return policy::PathBeside(file, path);
  }
};

void ReadSeconds(TableReader& table, std::string_view key, std::chrono::seconds& into) {
  if (const auto seconds = table.Integer(key, 1, kLongestSeconds)) {
    into = std::chrono::seconds(*seconds);
  }
}

std::optional<net::ListenAddress> ReadListen(TableReader& table) {
  return policy::ReadRequired(table, "listen", "expected where to listen", net::ParseListenAddress);
}

// ReadTarget reads a server, which needs its port: the gateway speaks more than HTTPS.
std::optional<net::Target> ReadTarget(TableReader& table, std::string_view key,
                                      const std::string& text) {
  // A port that is written does not depend on the default.
  const auto target = net::ParseTarget(text, 1, &base::Idna());
  const auto again = net::ParseTarget(text, 2, &base::Idna());
  if (target && again && target->port == again->port) return *target;
  table.Fail(Code::kPolicyInvalid, key,
             target ? "expected HOST:PORT" : target.error().message + ": expected HOST:PORT");
  return std::nullopt;
}

// ReadPermissions reads "0600", as chmod takes it.
void ReadPermissions(TableReader& table, unsigned& into) {
  const auto text = table.String("permissions");
  if (!text) return;
  unsigned mode = 0;
  const bool is_octal = text->size() >= 3 && text->size() <= 4 &&
                        std::ranges::all_of(*text, [](char c) { return c >= '0' && c <= '7'; });
  for (const char c : *text) mode = mode * 8 + static_cast<unsigned>(c - '0');
  if (is_octal && mode <= 0777) {
    into = mode;
  } else {
    table.Fail(Code::kPolicyInvalid, "permissions", "expected permissions such as \"0660\"");
  }
}

void ReadAddresses(TableReader& table, const RouteConfig& route, std::vector<net::Address>& into) {
  for (const std::string& text : table.Strings("addresses")) {
    // With a port of its own, or the upstream's.
    auto parsed = net::ParseListenAddress(text);
    std::optional<net::Address> address;
    if (parsed && parsed->address) address = parsed->address;
    if (!address && route.upstream) {
      if (auto literal = net::Address::FromText(text, route.upstream->port)) address = *literal;
    }
    if (address) {
      into.push_back(*address);
    } else {
      table.Fail(Code::kPolicyInvalid, "addresses", "expected ADDRESS or ADDRESS:PORT");
    }
  }
}

// Keys that mean nothing in a route's mode are errors: whoever wrote one expects something of it.
void ReadServer(TableReader& table, const Reader& reader, RouteConfig& route) {
  if (route.mode == RouteMode::kConnect) {
    for (const std::string& text : table.Strings("allow")) {
      if (auto target = ReadTarget(table, "allow", text)) route.allow.push_back(*std::move(target));
    }
    if (route.allow.empty()) {
      table.Fail(Code::kPolicyInvalid, "allow", "expected the servers that tunnels may lead to");
    }
    return;
  }
  if (const auto text = table.String("upstream")) {
    route.upstream = ReadTarget(table, "upstream", *text);
  } else {
    table.Fail(Code::kPolicyInvalid, "upstream", "expected the server, HOST:PORT");
  }
  ReadAddresses(table, route, route.addresses);
  if (const auto path = table.String("certificate")) route.certificate = reader.PathOf(*path);
  if (const auto path = table.String("key")) route.key = reader.PathOf(*path);
  if (route.certificate.empty() != route.key.empty()) {
    table.Fail(Code::kPolicyInvalid, "certificate", "certificate and key come together");
  }
  if (route.mode == RouteMode::kHttp) {
    route.hosts = table.Strings("hosts");
    ReadNumber(table, "idle_connections", 0, 10'000, route.idle_connections);
  }
}

void ReadRoute(Value value, Reader& reader, GatewayConfig& config) {
  TableReader table(value, "[[route]]", reader.log);
  RouteConfig route;
  const auto name = table.String("name");
  if (const auto listen = ReadListen(table)) route.listen = *listen;
  if (const auto mode = table.Choice("mode", kModes)) route.mode = *mode;
  ReadServer(table, reader, route);
  ReadPermissions(table, route.permissions);
  ReadNumber(table, "connections", 1, 100'000, route.connections);
  route.name = name.value_or(route.upstream ? net::FormatTarget(*route.upstream) : "connect");
  table.Finish();
  for (const RouteConfig& other : config.routes) {
    if (other.name == route.name) {
      table.Fail(Code::kPolicyInvalid, "name", "two routes are called " + route.name);
    }
    if (other.listen == route.listen &&
        !(route.listen.address && route.listen.address->ToString().ends_with(":0"))) {
      table.Fail(Code::kPolicyInvalid, "listen", "two routes listen there");
    }
  }
  if (config.routes.size() >= kMaxRoutes) {
    table.Fail(Code::kPolicyInvalid, "name", "more routes than the limit");
  }
  config.routes.push_back(std::move(route));
}

void ReadGateway(Value value, Reader& reader, GatewayConfig& config) {
  TableReader table(value, "[gateway]", reader.log);
  if (const auto path = table.String("policy")) {
    config.policy = reader.PathOf(*path);
  }
  if (const auto name = table.String("environment")) config.environment = *name;
  if (const auto wanted = table.Boolean("log_connections")) config.log_connections = *wanted;
  if (const auto wanted = table.Boolean("resume")) config.resume = *wanted;
  table.Finish();
}

void ReadTrust(Value value, Reader& reader, tls::TrustOptions& trust) {
  TableReader table(value, "[trust]", reader.log);
  if (table.Boolean("system_roots") == false) trust.system_roots = tls::SystemRoots::kNone;
  for (const std::string& path : table.Strings("files")) {
    trust.files.push_back(reader.PathOf(path));
  }
  table.Finish();
}

void ReadLimits(Value value, Reader& reader, Limits& limits) {
  TableReader table(value, "[limits]", reader.log);
  ReadNumber(table, "connections", 1, 1'000'000, limits.connections);
  ReadNumber(table, "head", 512, 32'768, limits.head.bytes);
  ReadNumber(table, "fields", 8, 1000, limits.head.fields);
  ReadNumber(table, "body", 0, std::int64_t{1} << 50, limits.body);
  table.Finish();
}

void ReadTimeouts(Value value, Reader& reader, Timeouts& timeouts) {
  TableReader table(value, "[timeouts]", reader.log);
  ReadSeconds(table, "connect", timeouts.connect);
  ReadSeconds(table, "handshake", timeouts.handshake);
  ReadSeconds(table, "header", timeouts.header);
  ReadSeconds(table, "body", timeouts.body);
  ReadSeconds(table, "response", timeouts.response);
  ReadSeconds(table, "idle", timeouts.idle);
  ReadSeconds(table, "pool", timeouts.pool);
  ReadSeconds(table, "session", timeouts.session);
  ReadSeconds(table, "drain", timeouts.drain);
  table.Finish();
}

void ReadAdmin(Value value, Reader& reader, GatewayConfig& config) {
  TableReader table(value, "[admin]", reader.log);
  config.admin = ReadListen(table);
  table.Finish();
}

void ReadFile(Value root, Reader& reader, GatewayConfig& config) {
  TableReader table(root, "the file", reader.log);
  if (const auto found = table.Table("gateway")) {
    ReadGateway(*found, reader, config);
  } else {
    table.Fail(Code::kPolicyInvalid, "gateway", "expected a table [gateway] with the policy");
  }
  if (const auto found = table.Table("trust")) ReadTrust(*found, reader, config.trust);
  if (const auto found = table.Table("limits")) ReadLimits(*found, reader, config.limits);
  if (const auto found = table.Table("timeouts")) ReadTimeouts(*found, reader, config.timeouts);
  if (const auto found = table.Table("admin")) ReadAdmin(*found, reader, config);
  table.Tables("route", [&](Value value) { ReadRoute(value, reader, config); });
  if (config.routes.empty()) {
    table.Fail(Code::kPolicyInvalid, "route", "expected at least one [[route]]");
  }
  table.Finish();
}

Error ToError(const ReadIssue& issue, const std::string& file) {
  std::string where = file;
  if (issue.at.line != 0) {
    where += ":" + std::to_string(issue.at.line) + ":" + std::to_string(issue.at.column);
  }
  return Error{issue.code, where + ": " + issue.message};
}

}  // namespace

Result<GatewayConfig> ReadConfig(std::string_view text, const std::string& file) {
  const policy::ParsedDocument parsed = policy::ParseTomlDocument(text);
  if (parsed.issue) return ToError(*parsed.issue, file);
  Reader reader{.file = file};
  GatewayConfig config;
  config.digest = base::Sha256(AsBytes(text));
  ReadFile(parsed.document->root(), reader, config);
  if (!reader.log.issues().empty()) return ToError(reader.log.issues().front(), file);
  return config;
}

Result<GatewayConfig> LoadConfig(const std::string& file) {
  const Result<base::FileImage> image = base::ReadFile(file, kMaxConfigSize);
  if (!image) return image.error();
  return ReadConfig(AsText(image->bytes()), file);
}

}  // namespace cotter::gateway
