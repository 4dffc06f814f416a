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

const PROFILES = { intermediate: 0, modern: 1, fips: 2 };

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

function policyParts(policy) {
  if (typeof policy === 'string' && policy !== '') return [policy, ''];
  if (policy !== null && typeof policy === 'object' && typeof policy.text === 'string' && policy.text !== '') {
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
    const [file, text] = policyParts(options.policy);
    const { certificate = '', key = '', passphrase = '' } = options.clientCertificate ?? {};
    const profile = PROFILES[options.profile ?? 'intermediate'];
    if (profile === undefined) throw new TypeError(`no profile ${options.profile}`);
    if (options.watch && text !== '') throw new TypeError('only a file can be watched');
    this.#environment = options.environment ?? '';
    this.#handle = guarded(() => addon.open(
      file, text, this.#environment, options.watch ? 1 : 0, options.roots ?? [],
      options.systemRoots ?? true ? 1 : 0, options.proxy ?? '', options.connectTo ?? [], [certificate, key, passphrase],
      options.timeout ?? 0, options.followRedirects ?? true ? 1 : 0, profile, options.violationFile ?? '',
      options.now ?? 0, options.onViolation));
  }

  // request resolves to { status, url, httpVersion, headers: [[name, value]], body: Buffer, reused, verdict }, and
  // rejects with a CotterError. onViolation has been called by then.
  async request(url, options = {}) {
    expectKnown(options, ['method', 'headers', 'body', 'timeout', 'ownConnection'], 'request');
    const headers = Object.entries(options.headers ?? {}).flatMap(([name, value]) => [name, String(value)]);
    const body = options.body === undefined ? undefined : Buffer.from(options.body);
    busy.set(this, (busy.get(this) ?? 0) + 1);
    try {
      return await addon.send(this.#handle, options.method ?? '', String(url), headers, body, options.timeout ?? 0,
        options.ownConnection ? 1 : 0);
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
    const [file, text] = policyParts(policy);
    guarded(() => addon.setPolicy(this.#handle, file, text, this.#environment));
  }

  // refresh has a watched file read now.
  refresh() {
    guarded(() => addon.refresh(this.#handle));
  }
}

module.exports = { Client, CotterError, version: addon.version };
