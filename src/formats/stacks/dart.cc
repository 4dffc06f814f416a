// SPDX-License-Identifier: Apache-2.0
//
// Dart and Flutter, in the two ways that work. dart:io shows code the leaf alone, and
// badCertificateCallback only where verification failed, so it never pins. Leaf pins are held in a
// connectionFactory before any byte of a request; CA pins become a SecurityContext that trusts
// nothing but those CAs, which needs their certificates.
#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "formats/key_material.h"
#include "formats/plan.h"
#include "formats/rule_table.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kHead = R"dart(
import 'dart:convert';
import 'dart:io';
import 'dart:typed_data';

import 'package:crypto/crypto.dart';

/// What every refusal by the policy is.
class PinException extends TlsException {
  const PinException(String message) : super(message);
}

/// The reference host in one spelling: lower case, without the trailing dot.
String canonical(String host) {
  var name = host.toLowerCase();
  if (name.endsWith('.')) name = name.substring(0, name.length - 1);
  if (name.isEmpty || name.split('.').contains('') && !name.contains(':')) {
    throw PinException('not a host name');
  }
  return name;
}

/// The one rule that applies; null where the host is unlisted.
Map<String, dynamic>? findRule(String host, int port) {
  final patterns = [host];
  if (InternetAddress.tryParse(host) == null) {
    patterns.add('**.' + host);
    final labels = host.split('.');
    for (var i = 1; i < labels.length; i++) {
      final rest = labels.sublist(i).join('.');
      if (i == 1) patterns.add('*.' + rest);
      patterns.add('**.' + rest);
    }
  }
  final all = (rules['rules'] as List).cast<Map<String, dynamic>>();
  var otherPorts = false;
  for (final pattern in patterns) {
    final here = all.where((rule) => rule['pattern'] == pattern).toList();
    for (final rule in here) {
      if ((rule['ports'] as List).contains(port)) return rule;
    }
    for (final rule in here) {
      if ((rule['ports'] as List).isEmpty) return rule;
    }
    otherPorts = otherPorts || here.isNotEmpty;
  }
  if (otherPorts) throw PinException('the host is ruled on other ports');
  if (rules['unlisted'] == 'refuse') throw PinException('the host is not listed');
  return null;
}
)dart";

constexpr std::string_view kLeafWay = R"dart(
// Where the DER element at `at` has its content, and where it ends.
List<int> _element(Uint8List der, int at) {
  var length = der[at + 1];
  var begin = at + 2;
  if (length & 0x80 != 0) {
    final count = length & 0x7f;
    length = 0;
    for (var i = 0; i < count; i++) length = length << 8 | der[begin++];
  }
  if (begin + length > der.length) throw PinException('a certificate is not DER');
  return [begin, begin + length];
}

// The SubjectPublicKeyInfo as it stands in the certificate (RFC 5280, 4.1).
Uint8List _spki(Uint8List der) {
  var at = _element(der, _element(der, 0)[0])[0];
  if (der[at] == 0xa0) at = _element(der, at)[1]; // version
  for (var i = 0; i < 5; i++) at = _element(der, at)[1]; // serial number to subject
  return Uint8List.sublistView(der, at, _element(der, at)[1]);
}

String _sha256(List<int> bytes) => 'sha256/' + base64.encode(sha256.convert(bytes).bytes);

bool _satisfied(Map<String, dynamic>? rule, Uint8List leaf) {
  if (rule == null || rule['mode'] != 'enforce') return true;
  for (final pin in (rule['pins'] as List).cast<Map<String, dynamic>>()) {
    if (pin['pin'] == _sha256(pin['kind'] == 'cert' ? leaf : _spki(leaf))) return true;
  }
  return false;
}

/// An HttpClient that enforces the policy on every connection, before a byte of a request leaves.
/// Proxies are not used: behind one, dart:io would upgrade the connection itself, unpinned.
HttpClient pinnedClient() => HttpClient()
  ..badCertificateCallback = ((_, __, ___) => false)
  ..findProxy = ((_) => 'DIRECT')
  ..connectionFactory = (uri, proxyHost, proxyPort) async {
    if (proxyHost != null || uri.scheme != 'https') {
      throw PinException('pinned client: direct https alone');
    }
    final host = canonical(uri.host);
    final rule = findRule(host, uri.port);
    final task = await SecureSocket.startConnect(host, uri.port, onBadCertificate: (_) => false);
    return ConnectionTask.fromSocket(task.socket.then((socket) {
      final leaf = socket.peerCertificate;
      if (leaf == null || !_satisfied(rule, leaf.der)) {
        socket.destroy();
        throw PinException('bad ssl pin detected, found pins: [' +
            (leaf == null ? '' : _sha256(_spki(leaf.der))) + ']');
      }
      return socket;
    }), task.cancel);
  };
)dart";

constexpr std::string_view kCaWay = R"dart(
/// An HttpClient for one host and port, that trusts nothing but the CAs which the policy pins. It
/// refuses other hosts by itself: their certificates have other issuers. One client for each host.
HttpClient pinnedClient(String host, [int port = 443]) {
  final rule = findRule(canonical(host), port);
  final context = SecurityContext(withTrustedRoots: rule == null || rule['mode'] != 'enforce');
  for (final pem in certificates[rule?['pattern']] ?? const <String>[]) {
    context.setTrustedCertificatesBytes(utf8.encode(pem));
  }
  return HttpClient(context: context)..badCertificateCallback = ((_, __, ___) => false);
}
)dart";

// Assertions run in debug builds alone: not in release or profile ones, whatever is defined.
constexpr std::string_view kDebugSwitch = R"dart(
// INSECURE, for builds that developers debug: the system's roots alone decide there, so that a
// proxy such as Charles can look in. Null in every other build.
HttpClient? _debugClient() {
  var isDebugBuild = false;
  assert(() {
    isDebugBuild = !const bool.fromEnvironment('dart.vm.product');
    return true;
  }());
  if (!isDebugBuild) return null;
  stderr.writeln('cotter: INSECURE DEBUG BUILD: CONNECTIONS ARE NOT PINNED');
  return HttpClient()..badCertificateCallback = ((_, __, ___) => false);
}
)dart";

// WithDebugSwitch puts the switch in front of `way`'s one public function.
std::string WithDebugSwitch(std::string_view way, bool with_cas) {
  constexpr std::string_view kName = "HttpClient pinnedClient(";
  std::string text(way);
  const std::size_t at = text.find(kName);
  COTTER_CHECK(at != std::string::npos);
  text.replace(at, kName.size(), "HttpClient _pinnedClient(");
  text += kDebugSwitch;
  text += with_cas
              ? "\n/// The client to use.\nHttpClient pinnedClient(String host, [int port = 443]) "
                "=>\n    _debugClient() ?? _pinnedClient(host, port);\n"
              : "\n/// The client to use.\nHttpClient pinnedClient() => _debugClient() ?? "
                "_pinnedClient();\n";
  return text;
}

std::string Pem(ByteView der) {
  const std::string base64 = EncodeBase64(der);
  std::string text = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < base64.size(); at += 64) text += base64.substr(at, 64) + "\n";
  return text + "-----END CERTIFICATE-----\n";
}

// CertificatesOf is the literal of the certificates for each rule; rules without one are left out.
Result<std::string> CertificatesOf(Plan& plan, const std::vector<Bytes>& given) {
  std::vector<std::pair<Digest, Digest>> digests;
  for (const Bytes& der : given) {
    const Result<std::vector<KeyMaterial>> items = ReadKeyMaterial(der);
    if (!items) return items.error();
    digests.emplace_back(base::Sha256(items->front().spki()), base::Sha256(der));
  }
  std::string text = "\nconst certificates = {\n";
  std::vector<PlanRule> kept;
  for (PlanRule& rule : plan.rules) {
    std::string list;
    for (const PolicyPin& pin : rule.pins) {
      if (pin.pin.place == PinPlace::kLeaf) continue;
      for (std::size_t i = 0; i < given.size(); ++i) {
        const Digest& digest =
            pin.pin.kind == PinKind::kSpki ? digests[i].first : digests[i].second;
        if (digest == pin.pin.digest) list += "    '''\n" + Pem(given[i]) + "''',\n";
      }
    }
    if (list.empty() && rule.mode != Mode::kOff) {
      plan.Lose(rule.pattern.ToString(), Severity::kEnforcement,
                "is left out: none of the certificates given is one that it pins as a CA");
      continue;
    }
    text += "  '" + rule.pattern.ToString() + "': [\n" + list + "  ],\n";
    kept.push_back(std::move(rule));
  }
  plan.rules = std::move(kept);
  if (plan.rules.empty()) return Error{Code::kPinsMissing, plan.losses.back().what};
  return text + "};\n";
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  const bool with_cas = !options.certificates.empty();
  Speech speech = kTableSpeech;
  speech.places = with_cas ? Places::kTold : Places::kLeafOnly;
  speech.leaf_and_ca = false;
  speech.revoked = false;
  speech.report = false;
  Result<Plan> plan = MakePlan(policy, speech, options);
  if (!plan) {
    if (with_cas || plan.error().code != Code::kPinsMissing) return plan.error();
    return Error{Code::kPinsMissing,
                 plan.error().message + "; --certificates FILE exports CA pins as a trust store"};
  }
  std::string certificates;
  if (with_cas) {
    Result<std::string> made = CertificatesOf(*plan, options.certificates);
    if (!made) return made.error();
    certificates = *std::move(made);
    plan->Lose("", Severity::kNote,
               "the pinned CAs are the only ones trusted; leaf pins do not "
               "take part");
  } else {
    plan->Lose("", Severity::kNote, "proxies are not used, and dio must be given this HttpClient");
  }
  std::string text = CommentBlock(policy, options, "dart", "// ") + std::string(kHead);
  const std::string_view way = with_cas ? kCaWay : kLeafWay;
  text +=
      options.build == Build::kInsecureDebug ? WithDebugSwitch(way, with_cas) : std::string(way);
  text += "\n// " + TableMark("dart") + "\nconst rules = " + RuleTable(*plan, policy) + ";\n" +
          certificates;
  return Exported{std::move(text), std::move(plan->losses)};
}

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  return ReadRuleTable(files, "dart");
}

bool Recognizes(std::span<const InputFile> files) { return HasRuleTable(files, "dart"); }

}  // namespace

extern const Format kDartFormat;
const Format kDartFormat{.name = "dart",
                         .summary = "Dart and Flutter: leaf pins, or CA certificates",
                         .recognizes = Recognizes,
                         .read = Read,
                         .write = Write,
                         .loosest = Build::kInsecureDebug};

}  // namespace cotter::formats
