// SPDX-License-Identifier: Apache-2.0
//
// Node.js 18 and later. The pins are held against the path that OpenSSL built, by walking
// issuerCertificate, in checkServerIdentity; that is not called for a resumed session, so sessions
// are not kept.
#include <utility>

#include "formats/plan.h"
#include "formats/rule_table.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kCode = R"js(
const BY_PATTERN = new Map();
for (const rule of RULES.rules) {
  if (!BY_PATTERN.has(rule.pattern)) BY_PATTERN.set(rule.pattern, []);
  BY_PATTERN.get(rule.pattern).push(rule);
}
const REVOKED = new Set(RULES.revoked);

class PinError extends Error {
  constructor(message) {
    super(message);
    this.name = 'PinError';
    this.code = 'ERR_COTTER_PIN';
  }
}

/** The reference host in one spelling: lower case, without the trailing dot. */
function canonical(host) {
  let name = String(host).toLowerCase().replace(/^\[|\]$/g, '');
  if (net.isIP(name)) return name;
  name = url.domainToASCII(name.endsWith('.') ? name.slice(0, -1) : name);
  if (name === '' || name.split('.').some((label) => label === '')) {
    throw new PinError(`${JSON.stringify(host)} is not a host name`);
  }
  return name;
}

/** The one rule that applies; null where the host is unlisted. */
function find(host, port) {
  const patterns = [host];
  if (!net.isIP(host)) {
    patterns.push('**.' + host);
    const labels = host.split('.');
    for (let i = 1; i < labels.length; i += 1) {
      const rest = labels.slice(i).join('.');
      if (i === 1) patterns.push('*.' + rest);
      patterns.push('**.' + rest);
    }
  }
  let otherPorts = false;
  for (const pattern of patterns) {
    const rules = BY_PATTERN.get(pattern) || [];
    const ruled = rules.find((rule) => rule.ports.includes(port));
    const every = rules.find((rule) => rule.ports.length === 0);
    if (ruled || every) return ruled || every;
    otherPorts = otherPorts || rules.length > 0;
  }
  if (otherPorts) throw new PinError(`${host} is ruled on other ports than ${port}`);
  if (RULES.unlisted === 'refuse') throw new PinError(`${host} is not listed`);
  return null;
}

const sha256 = (der) => 'sha256/' + crypto.createHash('sha256').update(der).digest('base64');

/** Where the DER element at `at` has its content, and where it ends. */
function element(der, at) {
  let length = der[at + 1];
  let begin = at + 2;
  if (length & 0x80) {
    const count = length & 0x7f;
    length = der.readUIntBE(begin, count);
    begin += count;
  }
  if (!(begin + length <= der.length)) throw new PinError('a certificate is not DER');
  return [begin, begin + length];
}

/** The SubjectPublicKeyInfo as it stands in the certificate (RFC 5280, 4.1), never re-encoded. */
function spki(der) {
  let [at] = element(der, element(der, 0)[0]);
  if (der[at] === 0xa0) [, at] = element(der, at); // version
  for (let i = 0; i < 5; i += 1) [, at] = element(der, at); // serial number to subject
  return der.subarray(at, element(der, at)[1]);
}

/** The verified path, leaf first. */
function verifiedPath(certificate) {
  const path = [];
  for (let at = certificate; at && at.raw && path.length < 32; at = at.issuerCertificate) {
    path.push({ cert: sha256(at.raw), spki: sha256(spki(at.raw)) });
    if (at.issuerCertificate === at) break;
  }
  return path;
}

function matches(pin, entry, index) {
  if ((pin.place === 'leaf' && index !== 0) || (pin.place === 'ca' && index === 0)) return false;
  return pin.pin === (pin.kind === 'cert' ? entry.cert : entry.spki);
}

function satisfied(rule, path) {
  const at = path.map((entry, index) => rule.pins.some((pin) => matches(pin, entry, index)));
  const ca = at.slice(1).includes(true);
  return rule.require === 'leaf+ca' ? at[0] && ca : at[0] || ca;
}

/** An error, or undefined where the connection may go on. */
function judge(host, rule, path) {
  const error = new PinError(
    'bad ssl pin detected, found pins: [' + path.map((entry) => entry.spki).join(' ') + ']');
  if (path.length === 0 || path.some((entry) => REVOKED.has(entry.spki))) return error;
  if (rule === null || rule.mode === 'off' || satisfied(rule, path)) return undefined;
  if (rule.mode !== 'report') return error;
  PinnedAgent.onReport(host, error);
  return undefined;
}

/** What tls.connect takes for host and port, over `options`, with the policy enforced. */
function pinnedOptions(options, host, port) {
  const name = canonical(host);
  const rule = find(name, port);
  const bound = {
    ...options,
    rejectUnauthorized: true,
    session: undefined,
    checkServerIdentity: (_, certificate) =>
      tls.checkServerIdentity(name, certificate) || judge(name, rule, verifiedPath(certificate)),
  };
  if (!net.isIP(name)) bound.servername = name;
  return bound;
}

/** An https.Agent that enforces the policy on every connection. */
class PinnedAgent extends https.Agent {
  constructor(options = {}) {
    super({ ...options, maxCachedSessions: 0 });
  }

  createConnection(options, callback) {
    const port = Number(options.port || 443);
    return super.createConnection(pinnedOptions(options, options.host, port), callback);
  }
}
PinnedAgent.onReport = (host, error) => console.error(`cotter: reported ${host}: ${error.message}`);

/** Throws where `target` is http:// to a pinned host, which is never spoken to in clear. */
function refuseClear(target) {
  const { protocol, hostname } = new URL(target);
  if (protocol === 'https:') return;
  const rule = find(canonical(hostname), 443);
  if (rule && rule.mode !== 'off') throw new PinError(`${hostname} is pinned: ${protocol} is refused`);
}

module.exports = { PinnedAgent, PinError, pinnedOptions, refuseClear };
)js";

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  return ReadRuleTable(files, "node");
}

bool Recognizes(std::span<const InputFile> files) { return HasRuleTable(files, "node"); }

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  Result<Plan> plan = MakePlan(policy, kTableSpeech, options);
  if (!plan) return plan.error();
  std::string text = CommentBlock(policy, options, "node", "// ") +
                     "//\n// const { PinnedAgent } = require('./cotter_pins.js');\n"
                     "// https.get('https://api.example.com/', { agent: new PinnedAgent() }, "
                     "...);\n'use strict';\n\n"
                     "const crypto = require('crypto');\nconst https = require('https');\n"
                     "const net = require('net');\nconst tls = require('tls');\nconst url = "
                     "require('url');\n\n// " +
                     TableMark("node") + "\nconst RULES = " + RuleTable(*plan, policy) + ";\n" +
                     std::string(kCode);
  plan->Lose("", Severity::kNote, "only the path that OpenSSL built first is looked at");
  plan->Lose("", Severity::kNote,
             "an agent does not see http:// requests: call refuseClear, and follow redirects by "
             "hand");
  return Exported{std::move(text), std::move(plan->losses)};
}

}  // namespace

extern const Format kNodeFormat;
const Format kNodeFormat{.name = "node",
                         .summary = "Node.js, as an https.Agent",
                         .recognizes = Recognizes,
                         .read = Read,
                         .write = Write};

}  // namespace cotter::formats
