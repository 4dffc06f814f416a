// SPDX-License-Identifier: Apache-2.0
//
// The pinned HTTP client of libcotter for Node.
//
//   const { Client } = require('cotter');
//   const client = new Client({ policy: 'policy.toml' });
//   const response = await client.request('https://api.example.com/');
//
// The verdict falls inside the handshake: before the request, a client certificate, and the end of the client's
// handshake leave. Node's own TLS takes no part. Requests wait in a pool of at most 16 threads of this package, not in
// libuv's; more requests wait their turn.
'use strict';

const path = require('node:path');

const addon = require(process.env.COTTER_NODE_ADDON || path.join(__dirname, 'cotter.node'));

const PROFILES = { __proto__: null, intermediate: 0, modern: 1, fips: 2 };
const MOST_MILLISECONDS = 86_400_000;

// CotterError has a stable `code` ("pin_mismatch"), and says whether the same request may go well another time.
class CotterError extends Error {
  get name() {
    return 'CotterError';
  }
}

function typed(error) {
  return error instanceof Error && 'retryable' in error ? Object.setPrototypeOf(error, CotterError.prototype) : error;
}

function guarded(call) {
  try {
    return call();
  } catch (error) {
    throw typed(error);
  }
}

function expectKnown(options, known, what) {
  for (const name of Object.keys(options)) {
    // An option that is misspelt could be one that makes something stricter.
    if (!known.includes(name)) throw new TypeError(`${what} has no option ${name}`);
  }
}

// What C cuts short at a NUL, or takes for nothing because it is no text, would be another thing than was asked for: no
// proxy, no roots, a client for every environment.
function text(value, what) {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string' || value.includes('\0')) throw new TypeError(`${what} is not text`);
  return value;
}

function texts(values, what) {
  if (values === undefined || values === null) return [];
  if (!Array.isArray(values)) throw new TypeError(`${what} is not a list`);
  return values.map((value) => text(value, what));
}

function whole(value, most, what) {
  if (value === undefined || value === null) return 0;
  if (!Number.isInteger(value) || value < 0 || value > most) throw new TypeError(`${what} is not a number up to ${most}`);
  return value;
}

function callable(value, what) {
  if (value !== undefined && value !== null && typeof value !== 'function') throw new TypeError(`${what} is no function`);
  return value;
}

// pairsOf is the pairs of an object, or of what has none of its own and is a list of them: Headers, a Map, an array.
function pairsOf(headers) {
  if (typeof headers !== 'object') throw new TypeError('headers are no object');
  return typeof headers[Symbol.iterator] === 'function' ? [...headers] : Object.entries(headers);
}

function policyParts(policy) {
  if (typeof policy === 'string' && policy !== '') return [text(policy, 'policy'), ''];
  if (policy !== null && typeof policy === 'object' && typeof policy.text === 'string' && policy.text !== '') {
    expectKnown(policy, ['text'], 'policy');
    return ['', policy.text];
  }
  throw new TypeError('a policy is the path of a file, or { text }');
}

// Clients with requests on their way: the collector must not take them.
const busy = new Map();

class Client {
  #handle;
  #environment;

  // options: policy (a path, or { text }), environment, watch (follow the file), roots (PEM files), systemRoots (default
  // true), proxy, connectTo (["host:port:address:port"], as curl's), clientCertificate ({ certificate, key, passphrase }),
  // timeout (ms of a whole request, default 30 s), followRedirects (default true), profile ("intermediate", "modern",
  // "fips"), violationFile, onViolation(verdict, request), now (seconds at which the clock stands, for tests).
  constructor(options) {
    expectKnown(options, ['policy', 'environment', 'watch', 'roots', 'systemRoots', 'proxy', 'connectTo',
      'clientCertificate', 'timeout', 'followRedirects', 'profile', 'violationFile', 'onViolation', 'now'], 'Client');
    const [file, given] = policyParts(options.policy);
    const own = options.clientCertificate ?? {};
    expectKnown(own, ['certificate', 'key', 'passphrase'], 'clientCertificate');
    const identity = [text(own.certificate, 'certificate'), text(own.key, 'key'), text(own.passphrase, 'passphrase')];
    const profile = PROFILES[options.profile ?? 'intermediate'];
    if (profile === undefined) throw new TypeError(`no profile ${options.profile}`);
    if (options.watch && given !== '') throw new TypeError('only a file can be watched');
    this.#environment = text(options.environment, 'environment');
    const roots = texts(options.roots, 'roots');
    const proxy = text(options.proxy, 'proxy');
    const connectTo = texts(options.connectTo, 'connectTo');
    const timeout = whole(options.timeout, MOST_MILLISECONDS, 'timeout');
    const violationFile = text(options.violationFile, 'violationFile');
    const now = whole(options.now, Number.MAX_SAFE_INTEGER, 'now');
    const onViolation = callable(options.onViolation, 'onViolation');
    this.#handle = guarded(() => addon.open(
      file, given, this.#environment, options.watch ? 1 : 0, roots, options.systemRoots ?? true ? 1 : 0, proxy, connectTo,
      identity, timeout, options.followRedirects ?? true ? 1 : 0, profile, violationFile, now, onViolation));
  }

  // options: method, headers (an object, Headers, a Map or [name, value] pairs), body, timeout (ms), ownConnection (a new
  // one, closed afterwards).
  // request resolves to { status, url, httpVersion, headers: [[name, value]], body: Buffer, reused, verdict }, and
  // rejects with a CotterError. onViolation has been called by then.
  async request(url, options = {}) {
    expectKnown(options, ['method', 'headers', 'body', 'timeout', 'ownConnection'], 'request');
    const headers = pairsOf(options.headers ?? {}).flatMap(
      ([name, value]) => [text(name, 'the name of a header'), text(String(value), `the header ${name}`)]);
    const target = text(String(url), 'the URL');
    const method = text(options.method, 'method');
    const timeout = whole(options.timeout, MOST_MILLISECONDS, 'timeout');
    const body = options.body === undefined ? undefined : Buffer.from(options.body);
    busy.set(this, (busy.get(this) ?? 0) + 1);
    try {
      return await addon.send(this.#handle, method, target, headers, body, timeout, options.ownConnection ? 1 : 0);
    } catch (error) {
      throw typed(error);
    } finally {
      const left = busy.get(this) - 1;
      if (left === 0) busy.delete(this);
      else busy.set(this, left);
    }
  }

  // setPolicy puts another policy into force. Connections of hosts that it changes are judged again before their next use.
  setPolicy(policy) {
    const [file, given] = policyParts(policy);
    guarded(() => addon.setPolicy(this.#handle, file, given, this.#environment));
  }

  // refresh has a watched file read now.
  refresh() {
    guarded(() => addon.refresh(this.#handle));
  }
}

module.exports = { Client, CotterError, version: addon.version };
