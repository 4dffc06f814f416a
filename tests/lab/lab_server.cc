// SPDX-License-Identifier: Apache-2.0
//
// cotter_lab_server: the lab's World and servers for tests that are not written in C++. Run it
// with --help for its knobs and its conversation.
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/sha256.h"
#include "lab/server.h"
#include "lab/world.h"

namespace {

namespace json = boost::json;
using namespace cotter;
using namespace cotter::lab;

constexpr std::string_view kUsage =
    R"(cotter_lab_server --dir DIR [WORLD OPTION...] --server [KNOB...] [--server [KNOB...]]...

Makes a World (src/lab/world.h) in DIR, which must exist: NAME.pem, NAME.chain.pem and NAME.key of
every identity, leaf.csr and leaf.pub. Then serves, one server for each --server, and prints one line:
  {"servers":[{"address":"127.0.0.1","port":N,"authority":"127.0.0.1:N"}],"dir":"DIR",
   "files":{"root":"DIR/root.pem",...},"pins":{"root":"sha256/...",...}}
Serves until its standard input ends, and then prints the record, as the command "record" does.

World options:
  --names A,B,...     names of every sound leaf (default localhost,api.example.com,127.0.0.1,::1)
  --key KIND          key of leaf, backup and rogue-leaf: p256 p384 rsa2048 rsa3072 ed25519

Knobs of a server:
  --address A         127.x.y.z or ::1 (default 127.0.0.1)
  --port N            (default 0: any free one)
  --identity NAME     who is presented (default leaf); repeat it for a second key type
  --chain N1,N2,...   the presented chain above the certificate, in this order, in place of the
                      identity's own; "none" for none
  --append N1,N2,...  after the identity's own chain
  --pad N             then the certificate "intermediate", N times
  --sni HOST=NAME     another identity for one server name
  --renegotiate NAME  after a TLS 1.2 handshake, renegotiate and present NAME
  --min-tls V --max-tls V          1.0 1.1 1.2 1.3 (default 1.2 and 1.3)
  --resumption R      tickets ids off (default tickets)
  --alpn P1,P2,...
  --client-certificates C          none requested required (default none)
  --authentication A  certificate anonymous psk (default certificate)
  --psk IDENTITY:HEX
  --starttls S        smtp imap pop3 ftp xmpp postgres mysql ldap http-proxy
  --starttls-conduct C             offered refused injected (default offered)
  --fault F           silence close half-close reset garbage plain-http endless
  --phase P           on-accept before-tls mid-handshake after-handshake (default on-accept)
  --dribble MS        send each byte alone, with this pause
  --deadline MS       end every connection after this long (default 30000)
  --response TEXT     the whole answer to every request, with \r and \n written out

Commands, one a line on standard input; each is answered by one line of JSON:
  record                             what clients did so far: {"servers":[{...}]}
  settle                             the same, once every connection is over, after 10 s at most
  present SERVER NAME [N1,N2,...]    shows another identity (and chain) from now on: {"ok":true}
  serve ["--KNOB","VALUE",...]       one more server: {"address":...,"port":N,"authority":...}
)";

[[noreturn]] void Fail(const std::string& message) {
  std::cerr << "cotter_lab_server: " << message << "\n";
  std::_Exit(2);  // servers may be running: nothing that they use is torn down
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

int Number(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) {
    Fail(text + " is not a number");
  }
  return number;
}

template <typename Value>
Value OneOf(const std::map<std::string, Value>& values, const std::string& text) {
  const auto found = values.find(text);
  if (found == values.end()) Fail("unknown value " + text);
  return found->second;
}

Bytes FromHex(const std::string& text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned value = 0;
    if (std::from_chars(&text[i], &text[i] + 2, value, 16).ec != std::errc{}) Fail("bad hex");
    bytes.push_back(static_cast<std::uint8_t>(value));
  }
  return bytes;
}

std::string Unescape(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] != '\\' || (next != 'r' && next != 'n')) {
      plain += text[i];
      continue;
    }
    plain += next == 'r' ? '\r' : '\n';
    ++i;
  }
  return plain;
}

// Plan is one --server before the World is made: names in place of identities.
struct Plan {
  ServerOptions options;
  std::vector<std::string> identities;
  std::optional<std::vector<std::string>> chain;
  std::vector<std::string> append;
  int pad = 0;
  std::vector<std::pair<std::string, std::string>> sni;
  std::string renegotiate;
};

struct Arguments {
  std::string dir;
  WorldOptions world;
  std::vector<Plan> plans;
};

const Identity& Known(const World& world, const std::string& name) {
  const Identity* identity = world.Find(name);
  if (identity == nullptr) Fail("unknown identity " + name);
  return *identity;
}

std::vector<Certificate> Certificates(const World& world, const std::vector<std::string>& names) {
  std::vector<Certificate> certificates;
  for (const std::string& name : names) {
    if (name != "none") certificates.push_back(Known(world, name).certificate);
  }
  return certificates;
}

Identity Presented(const World& world, const Plan& plan, const std::string& name) {
  Identity identity = Known(world, name);
  if (plan.chain) identity.chain = Certificates(world, *plan.chain);
  for (Certificate& certificate : Certificates(world, plan.append)) {
    identity.chain.push_back(std::move(certificate));
  }
  identity.chain.insert(identity.chain.end(), static_cast<std::size_t>(plan.pad),
                        world.Get("intermediate").certificate);
  return identity;
}

ServerOptions Resolve(const World& world, const Plan& plan) {
  ServerOptions options = plan.options;
  std::vector<std::string> names = plan.identities;
  if (names.empty()) names.emplace_back("leaf");
  for (const std::string& name : names) options.identities.push_back(Presented(world, plan, name));
  for (const auto& [host, name] : plan.sni) {
    options.by_server_name.push_back({host, {Known(world, name)}});
  }
  if (!plan.renegotiate.empty()) options.renegotiate_with = Known(world, plan.renegotiate);
  return options;
}

using Knob = std::function<void(Plan&, const std::string&)>;

const std::map<std::string, KeyKind> kKeyKinds = {{"p256", KeyKind::kP256},
                                                  {"p384", KeyKind::kP384},
                                                  {"rsa2048", KeyKind::kRsa2048},
                                                  {"rsa3072", KeyKind::kRsa3072},
                                                  {"ed25519", KeyKind::kEd25519}};

const std::map<std::string, TlsVersion> kVersions = {{"1.0", TlsVersion::kTls10},
                                                     {"1.1", TlsVersion::kTls11},
                                                     {"1.2", TlsVersion::kTls12},
                                                     {"1.3", TlsVersion::kTls13}};

const std::map<std::string, Resumption> kResumptions = {
    {"tickets", Resumption::kTickets}, {"ids", Resumption::kSessionIds}, {"off", Resumption::kOff}};

const std::map<std::string, ClientCertificates> kClientCertificates = {
    {"none", ClientCertificates::kNotRequested},
    {"requested", ClientCertificates::kRequested},
    {"required", ClientCertificates::kRequired}};

const std::map<std::string, Authentication> kAuthentications = {
    {"certificate", Authentication::kCertificate},
    {"anonymous", Authentication::kInsecureAnonymous},
    {"psk", Authentication::kInsecurePreSharedKey}};

const std::map<std::string, Starttls> kStarttls = {
    {"smtp", Starttls::kSmtp},   {"imap", Starttls::kImap}, {"pop3", Starttls::kPop3},
    {"ftp", Starttls::kFtp},     {"xmpp", Starttls::kXmpp}, {"postgres", Starttls::kPostgres},
    {"mysql", Starttls::kMysql}, {"ldap", Starttls::kLdap}, {"http-proxy", Starttls::kHttpProxy}};

const std::map<std::string, StarttlsConduct> kConducts = {{"offered", StarttlsConduct::kOffered},
                                                          {"refused", StarttlsConduct::kRefused},
                                                          {"injected", StarttlsConduct::kInjected}};

const std::map<std::string, Fault> kFaults = {
    {"silence", Fault::kSilence}, {"close", Fault::kClose},     {"half-close", Fault::kHalfClose},
    {"reset", Fault::kReset},     {"garbage", Fault::kGarbage}, {"plain-http", Fault::kPlainHttp},
    {"endless", Fault::kEndless}};

const std::map<std::string, Phase> kPhases = {{"on-accept", Phase::kOnAccept},
                                              {"before-tls", Phase::kBeforeTls},
                                              {"mid-handshake", Phase::kMidHandshake},
                                              {"after-handshake", Phase::kAfterHandshake}};

std::pair<std::string, std::string> SplitAt(const std::string& text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string::npos) Fail(text + " has no " + mark);
  return {text.substr(0, at), text.substr(at + 1)};
}

const std::map<std::string, Knob> kKnobs = {
    {"--address", [](Plan& p, const std::string& v) { p.options.address = v; }},
    {"--port",
     [](Plan& p, const std::string& v) { p.options.port = static_cast<std::uint16_t>(Number(v)); }},
    {"--identity", [](Plan& p, const std::string& v) { p.identities.push_back(v); }},
    {"--chain", [](Plan& p, const std::string& v) { p.chain = Split(v); }},
    {"--append", [](Plan& p, const std::string& v) { p.append = Split(v); }},
    {"--pad", [](Plan& p, const std::string& v) { p.pad = Number(v); }},
    {"--sni", [](Plan& p, const std::string& v) { p.sni.push_back(SplitAt(v, '=')); }},
    {"--renegotiate", [](Plan& p, const std::string& v) { p.renegotiate = v; }},
    {"--min-tls",
     [](Plan& p, const std::string& v) { p.options.min_version = OneOf(kVersions, v); }},
    {"--max-tls",
     [](Plan& p, const std::string& v) { p.options.max_version = OneOf(kVersions, v); }},
    {"--resumption",
     [](Plan& p, const std::string& v) { p.options.resumption = OneOf(kResumptions, v); }},
    {"--alpn", [](Plan& p, const std::string& v) { p.options.alpn = Split(v); }},
    {"--client-certificates",
     [](Plan& p, const std::string& v) {
       p.options.client_certificates = OneOf(kClientCertificates, v);
     }},
    {"--authentication",
     [](Plan& p, const std::string& v) { p.options.authentication = OneOf(kAuthentications, v); }},
    {"--psk",
     [](Plan& p, const std::string& v) {
       const auto [identity, key] = SplitAt(v, ':');
       p.options.psk = Psk{identity, FromHex(key)};
     }},
    {"--starttls", [](Plan& p, const std::string& v) { p.options.starttls = OneOf(kStarttls, v); }},
    {"--starttls-conduct",
     [](Plan& p, const std::string& v) { p.options.starttls_conduct = OneOf(kConducts, v); }},
    {"--fault", [](Plan& p, const std::string& v) { p.options.fault = OneOf(kFaults, v); }},
    {"--phase", [](Plan& p, const std::string& v) { p.options.phase = OneOf(kPhases, v); }},
    {"--dribble",
     [](Plan& p, const std::string& v) {
       p.options.dribble = std::chrono::milliseconds(Number(v));
     }},
    {"--deadline",
     [](Plan& p, const std::string& v) {
       p.options.deadline = std::chrono::milliseconds(Number(v));
     }},
    {"--response", [](Plan& p, const std::string& v) { p.options.response = Unescape(v); }},
};

void Turn(const std::string& word, const std::string& value, Plan& plan) {
  const auto knob = kKnobs.find(word);
  if (knob == kKnobs.end()) Fail("unknown option " + word);
  knob->second(plan, value);
}

Arguments ReadArguments(const std::vector<std::string>& words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--help") {
      std::cout << kUsage << std::flush;
      std::_Exit(0);
    }
    if (word == "--server") {
      arguments.plans.emplace_back();
      continue;
    }
    if (i + 1 == words.size()) Fail(word + " needs a value");
    const std::string& value = words[++i];
    if (word == "--dir") {
      arguments.dir = value;
    } else if (word == "--names") {
      arguments.world.names = Split(value);
    } else if (word == "--key") {
      arguments.world.key_kind = OneOf(kKeyKinds, value);
    } else if (arguments.plans.empty()) {
      Fail(word + " is unknown, or must follow --server");
    } else {
      Turn(word, value, arguments.plans.back());
    }
  }
  if (arguments.dir.empty()) Fail("--dir is missing");
  return arguments;
}

json::object Listening(const Plan& plan, const Server& server) {
  return {{"address", plan.options.address},
          {"port", server.port()},
          {"authority", server.authority()}};
}

json::object Announcement(const Arguments& arguments, const World& world,
                          const std::vector<Server>& servers) {
  json::array listening;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    listening.push_back(Listening(arguments.plans[i], servers[i]));
  }
  json::object files;
  json::object pins;
  for (const NamedIdentity& entry : world.identities()) {
    files[entry.name] = arguments.dir + "/" + entry.name + ".pem";
    const Digest digest = base::Sha256(entry.identity.key.Spki());
    pins[entry.name] = "sha256/" + EncodeBase64(digest.bytes);
  }
  return {{"servers", std::move(listening)},
          {"dir", arguments.dir},
          {"files", std::move(files)},
          {"pins", std::move(pins)}};
}

// Hostile bytes become escapes: JSON must be UTF-8.
std::string Printable(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (static_cast<unsigned char>(c) < 0x80) {
      text += c;
    } else {
      text += "\\x" + EncodeHex(AsBytes({&c, 1}));
    }
  }
  return text;
}

json::object Json(const ConnectionRecord& record) {
  json::array clients;
  for (const Certificate& certificate : record.client_certificates) {
    clients.push_back(json::string(certificate.Pem()));
  }
  json::object object = {{"preamble", Printable(record.preamble)},
                         {"tls_version", record.tls_version},
                         {"alpn", Printable(record.alpn)},
                         {"handshake_completed", record.handshake_completed},
                         {"resumed", record.resumed},
                         {"renegotiated", record.renegotiated},
                         {"client_certificates", std::move(clients)},
                         {"application_bytes", record.application_bytes},
                         {"application_data", Printable(record.application_data)},
                         {"closed", record.closed}};
  object["server_name"] =
      record.server_name ? json::value(Printable(*record.server_name)) : json::value(nullptr);
  object["alert"] = record.alert ? json::value(*record.alert) : json::value(nullptr);
  return object;
}

json::object Json(const ServerRecord& record) {
  json::array details;
  for (const ConnectionRecord& connection : record.details) details.push_back(Json(connection));
  return {{"connections", record.connections},
          {"handshakes_completed", record.handshakes_completed},
          {"handshakes_resumed", record.handshakes_resumed},
          {"application_bytes", record.application_bytes},
          {"closed", record.closed},
          {"details", std::move(details)}};
}

void Print(const json::object& object) { std::cout << json::serialize(object) << std::endl; }

void PrintRecords(const std::vector<Server>& servers) {
  json::array records;
  for (const Server& server : servers) records.push_back(Json(server.Record()));
  Print({{"servers", std::move(records)}});
}

void Settle(const std::vector<Server>& servers) {
  const auto is_over = [](const ServerRecord& record) {
    return record.closed == record.connections;
  };
  for (const Server& server : servers) {
    static_cast<void>(server.WaitFor(is_over, std::chrono::seconds(10)));
  }
}

void Present(const World& world, const Arguments& arguments, std::vector<Server>& servers,
             std::istringstream& words) {
  std::size_t number = 0;
  std::string name;
  std::string chain;
  words >> number >> name >> chain;
  if (number >= servers.size()) Fail("there is no such server");
  Plan plan = arguments.plans[number];
  if (!chain.empty()) plan.chain = Split(chain);
  const Result<void> shown = servers[number].Present({Presented(world, plan, name)});
  if (!shown) Fail(shown.error().message);
  Print({{"ok", true}});
}

Server Started(const World& world, const Plan& plan) {
  Result<Server> server = Server::Start(Resolve(world, plan));
  if (!server) Fail(server.error().message);
  return std::move(*server);
}

void Serve(const World& world, Arguments& arguments, std::vector<Server>& servers,
           const std::string& knobs) {
  boost::system::error_code error;
  const json::value words = json::parse(knobs, error);
  if (error || !words.is_array() || words.as_array().size() % 2 != 0) Fail("serve: no knobs");
  Plan& plan = arguments.plans.emplace_back();
  for (std::size_t i = 0; i < words.as_array().size(); i += 2) {
    Turn(json::value_to<std::string>(words.at(i)), json::value_to<std::string>(words.at(i + 1)),
         plan);
  }
  servers.push_back(Started(world, plan));
  Print(Listening(plan, servers.back()));
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments = ReadArguments(std::vector<std::string>(argv + 1, argv + argc));
  const World world = World::Make(arguments.world);
  const Result<void> written = world.WriteTo(arguments.dir);
  if (!written) Fail(written.error().message);
  std::vector<Server> servers;
  for (const Plan& plan : arguments.plans) servers.push_back(Started(world, plan));
  Print(Announcement(arguments, world, servers));
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "record") {
      PrintRecords(servers);
    } else if (command == "settle") {
      Settle(servers);
      PrintRecords(servers);
    } else if (command == "present") {
      Present(world, arguments, servers, words);
    } else if (command == "serve") {
      Serve(world, arguments, servers, line.substr(command.size()));
    } else {
      Fail("unknown command " + command);
    }
  }
  // Let go of the clients first, so that the record is complete.
  for (Server& server : servers) server.Stop();
  PrintRecords(servers);
  return 0;
}
