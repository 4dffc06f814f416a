// SPDX-License-Identifier: Apache-2.0
//
// cotter key: keys that sign updates, and the next keys of servers.
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/clock.h"
#include "base/sha256.h"
#include "cli/arguments.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/report.h"
#include "cli/token_key.h"
#include "update/key_store.h"
#include "update/public_key.h"
#include <cotter/host.h>
#include <cotter/pin.h>

namespace cotter::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kActions[] = {"generate", "list",  "export", "backup",
                                         "restore",  "drill", "csr",    "pin"};
constexpr std::string_view kKinds[] = {"ed25519", "p256"};

Exit Fail(const Error& error) {
  ReportError("key", error);
  return ExitOf(error.code);
}

update::KeyStore StoreOf(Call call) {
  return update::KeyStore(std::string(call.arguments.Value("keys").value_or("keys")));
}

// KindOf is what --type calls the key.
std::string KindOf(const update::NamedKey& key) {
  const std::string& kind = *key.key.object()->Find("keytype")->text();
  return kind == "ecdsa" ? "p256" : kind;
}

json::object KeyObject(const update::NamedKey& key) {
  return {{"name", key.name}, {"keyid", key.keyid}, {"type", KindOf(key)}};
}

Exit PrintKey(Call call, const update::NamedKey& key) {
  if (call.arguments.Has("json")) {
    call.output.Json(KeyObject(key));
  } else {
    call.output.Field(key.keyid);
    call.output.Text("  ");
    call.output.Field(KindOf(key));
    call.output.Text("  ");
    call.output.Field(key.name);
    call.output.Text("\n");
  }
  return Exit::kSatisfied;
}

// GenerateInToken makes a key that the token keeps for itself.
Exit GenerateInToken(Call call, const std::string& uri) {
  const Result<update::TokenUri> parsed = update::ParseTokenUri(uri);
  if (!parsed) return Fail(parsed.error());
  if (call.arguments.Value("type").value_or("p256") != "p256") {
    return Fail({Code::kUsage, "keys in a token are --type p256"});
  }
  Result<update::Token> token = OpenToken(call, uri);
  if (!token) return Fail(token.error());
  const Result<update::NamedKey> key = token->Generate(parsed->object);
  return key ? PrintKey(call, *key) : Fail(key.error());
}

Exit Generate(Call call, const std::string& name) {
  if (update::IsTokenUri(name)) return GenerateInToken(call, name);
  const Result<Passphrase> passphrase =
      ReadPassphrase(call.arguments, Purpose::kMake, "the new key " + name);
  if (!passphrase) return Fail(passphrase.error());
  const update::KeyKind kind = call.arguments.Value("type").value_or("ed25519") == "p256"
                                   ? update::KeyKind::kP256
                                   : update::KeyKind::kEd25519;
  const Result<update::NamedKey> key = StoreOf(call).Generate(name, kind, passphrase->text());
  return key ? PrintKey(call, *key) : Fail(key.error());
}

Result<std::vector<update::NamedKey>> ListOf(Call call) {
  const auto words = call.arguments.positionals();
  if (words.size() < 2) return StoreOf(call).List();
  const Result<update::Token> token = OpenToken(call, words[1]);
  return token ? token->List() : token.error();
}

Exit List(Call call) {
  const Result<std::vector<update::NamedKey>> keys = ListOf(call);
  if (!keys) return Fail(keys.error());
  if (call.arguments.Has("json")) {
    json::array array;
    for (const update::NamedKey& key : *keys) array.push_back(KeyObject(key));
    call.output.Json({{"keys", std::move(array)}});
    return Exit::kSatisfied;
  }
  for (const update::NamedKey& key : *keys) PrintKey(call, key);
  return Exit::kSatisfied;
}

// The public half: nothing here prints a private key, encrypted or not.
Exit Export(Call call, const std::string& name) {
  const Result<update::NamedKey> key = FindPublicKey(call, name);
  if (!key) return Fail(key.error());
  call.output.Text(update::WriteJson(key->key) + "\n");
  return Exit::kSatisfied;
}

// TellProven says that a copy of the key opens and signs.
Exit TellProven(Call call, const std::string& name, const std::string& file) {
  if (call.arguments.Has("json")) {
    call.output.Json({{"name", name}, {"file", file}, {"proven", true}});
  } else {
    ReportDone(file + " opens, and signs as " + name + "; recorded in drills.jsonl");
  }
  return Exit::kSatisfied;
}

Exit BackUp(Call call, const std::string& name, const std::string& file) {
  const Result<Passphrase> passphrase = ReadPassphrase(call.arguments, Purpose::kOpen, name);
  if (!passphrase) return Fail(passphrase.error());
  const Result<void> done = StoreOf(call).Backup(name, file, passphrase->text(), base::Now());
  return done ? TellProven(call, name, file) : Fail(done.error());
}

Exit Restore(Call call, const std::string& name, const std::string& file) {
  const Result<Passphrase> passphrase = ReadPassphrase(call.arguments, Purpose::kOpen, file);
  if (!passphrase) return Fail(passphrase.error());
  if (call.arguments.positionals().front() == "drill") {
    const Result<void> done = StoreOf(call).Drill(name, file, passphrase->text(), base::Now());
    return done ? TellProven(call, name, file) : Fail(done.error());
  }
  const Result<update::NamedKey> key =
      StoreOf(call).Restore(name, file, passphrase->text(), base::Now());
  return key ? PrintKey(call, *key) : Fail(key.error());
}

Exit Request(Call call, const std::string& name) {
  std::vector<std::string> hosts;
  for (const std::string_view host : call.arguments.Values("host")) {
    const Result<HostName> parsed = HostName::Parse(host);
    if (!parsed) return Fail(parsed.error());
    hosts.emplace_back(host);
  }
  const Result<update::PrivateKey> key = OpenSigningKey(call, name);
  if (!key) return Fail(key.error());
  const Result<std::string> request = key->Request(hosts);
  if (!request) return Fail(request.error());
  if (call.arguments.Has("json")) {
    call.output.Json({{"name", name}, {"csr", *request}});
  } else {
    call.output.Text(*request);
  }
  return Exit::kSatisfied;
}

Exit PrintPin(Call call, const std::string& name) {
  const Result<update::NamedKey> found = FindPublicKey(call, name);
  if (!found) return Fail(found.error());
  const std::optional<update::PublicKey> key = update::PublicKey::Read(found->key);
  const std::string pin = FormatPin(key->identity());
  if (call.arguments.Has("json")) {
    call.output.Json(json::object{{"name", name}, {"pin", pin}});
  } else {
    call.output.Text(pin + "\n");
  }
  return Exit::kSatisfied;
}

Exit RunKey(Call call) {
  const auto words = call.arguments.positionals();
  const std::string& action = words.front();
  const std::size_t wanted = action == "list"                                                 ? 1
                             : action == "backup" || action == "restore" || action == "drill" ? 3
                                                                                              : 2;
  const bool of_token = action == "list" && words.size() == 2 && update::IsTokenUri(words[1]);
  if (words.size() != wanted && !of_token) {
    ReportError("key: " + action + ": expected " +
                (wanted == 1   ? "nothing more, or the URI of a token"
                 : wanted == 2 ? "NAME, and nothing more"
                               : "NAME and FILE"));
    ReportHint("'cotter help key' shows what it takes");
    return Exit::kUsage;
  }
  if (wanted == 3 && update::IsTokenUri(words[1])) {
    ReportError("key: " + action + ": a key in a token is never in a file; keep a second signer");
    return Exit::kUsage;
  }
  if (action == "list") return List(call);
  if (action == "generate") return Generate(call, words[1]);
  if (action == "export") return Export(call, words[1]);
  if (action == "backup") return BackUp(call, words[1], words[2]);
  if (action == "csr") return Request(call, words[1]);
  if (action == "pin") return PrintPin(call, words[1]);
  return Restore(call, words[1], words[2]);
}

constexpr Argument kArguments[] = {
    {.name = "ACTION", .help = "what to do", .choices = kActions},
    {.name = "WORD",
     .help = "what the action takes, as below; NAME of generate, list, export, csr and pin may be "
             "pkcs11:token=LABEL;object=NAME",
     .count = Count::kAny,
     .complete = Complete::kFile}};

constexpr Action kActionLines[] = {
    {.line = "generate NAME", .help = "make a key"},
    {.line = "list", .help = "every key that is there"},
    {.line = "export NAME", .help = "print the public half, as update metadata has it"},
    {.line = "backup NAME FILE", .help = "copy the encrypted key, and prove that the copy signs"},
    {.line = "restore NAME FILE", .help = "put a backup back, where no key of the name is"},
    {.line = "drill NAME FILE", .help = "prove that a backup could be restored; changes nothing"},
    {.line = "csr NAME", .help = "print a certificate request of the key"},
    {.line = "pin NAME", .help = "print the key's pin"}};

constexpr Option kOptions[] = {{.name = "keys",
                                .arg = "DIR",
                                .help = "where the keys are (default keys)",
                                .complete = Complete::kDirectory},
                               {.name = "type",
                                .arg = "TYPE",
                                .help = "generate: ed25519 (default) or p256",
                                .choices = kKinds},
                               {.name = "host",
                                .arg = "NAME",
                                .help = "csr: a name that the certificate is for",
                                .repeat = Repeat::kMany,
                                .complete = Complete::kHost},
                               kJsonOption};

constexpr OptionGroup kGroups[] = {
    {.title = "Options", .options = kOptions}, kTokenGroup, kPassphraseGroup};

constexpr Example kExamples[] = {
    {.line = "cotter key generate alice", .help = "a key that signs updates"},
    {.line = "cotter key generate api-2027 --type p256", .help = "a server's next key"},
    {.line = "cotter key pin api-2027", .help = "its pin, before any certificate has it"},
    {.line = "cotter key csr api-2027 --host api.example.com", .help = "the request to the CA"},
    {.line = "cotter key drill alice /media/safe/alice.key",
     .help = "would the backup restore? the answer is recorded"}};

constexpr ExitNote kExits[] = {
    {.code = Exit::kSatisfied, .meaning = "done"},
    {.code = Exit::kViolated, .meaning = "drill: the backup is of another key"},
    {.code = Exit::kUsage, .meaning = "a name, a file or the passphrase is not usable"}};

}  // namespace

extern const Command kKeyCommand;
const Command kKeyCommand{
    .name = "key",
    .summary = "make and keep keys: those that sign updates, and the next ones of servers",
    .description =
        "NAME.key is encrypted (PKCS #8, scrypt, AES-256) and NAME.pub is its public half, as "
        "update metadata has it. No action prints a private key, and none writes over one. Each "
        "backup, restore and drill is proven by a signature and recorded in drills.jsonl beside "
        "the keys.\n\n"
        "A key in a token (PKCS #11) is named by a URI and never leaves it; --module is the "
        "token's "
        "library.\n\n"
        "A server's next key is made before it is needed: put its pin into the policy with use = "
        "\"next\" or \"backup\", publish that, and have the certificate issued when clients have "
        "it.",
    .arguments = kArguments,
    .actions = kActionLines,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunKey};

}  // namespace cotter::cli
