// SPDX-License-Identifier: Apache-2.0
//
// The door "node": the Node binding, which makes requests by libcotter's own client.
'use strict';

const path = require('node:path');
const readline = require('node:readline');

process.env.COTTER_NODE_ADDON = path.join(process.env.COTTER_BUILD_DIR, 'bindings/node/cotter.node');
const { Client, CotterError } = require(path.join(process.env.COTTER_SOURCE_DIR, 'bindings/node'));

const options = {};
for (let i = 2; i + 1 < process.argv.length; i += 2) options[process.argv[i].slice(2)] = process.argv[i + 1];
let policy = options.policy;
const clients = new Map();

// A client has one way out: proxy, certificate, where names lead to. Each gets its own, and keeps its connections.
function clientFor(order) {
  const host = new URL(order.url).hostname.replace(/\.$/, '');
  const connectTo = Object.entries(order.hosts ?? {}).map(([name, address]) => `${name}::${address}:`);
  if (order.connect) connectTo.push(`${host}::${order.connect}`);
  const settings = {
    roots: [options.roots], systemRoots: false, timeout: 20000, connectTo: order.proxy ? [] : connectTo,
    followRedirects: Boolean(order.follow), now: Number(options.now ?? 0),
    ...(order.proxy ? { proxy: order.proxy } : {}),
    ...(order.cert ? { clientCertificate: { certificate: order.cert, key: order.key } } : {}),
  };
  const key = JSON.stringify(settings);
  if (!clients.has(key)) {
    const told = [];
    clients.set(key, { told, client: new Client({ ...settings, policy, onViolation: (verdict) => told.push(verdict) }) });
  }
  return clients.get(key);
}

async function get(order) {
  if (order.load_session) return { unsupported: 'load_session' };
  const answer = { ok: false, outcome: null, code: null, message: '', resumed: false, reused: false, status: null,
    peer: null };
  let one;
  try {
    one = clientFor(order);
    one.told.length = 0;
    const response = await one.client.request(order.url, { headers: order.headers ?? {}, ownConnection: !order.keep });
    const { verdict } = response;
    return { ...answer, ok: true, outcome: verdict.outcome, message: verdict.message, resumed: verdict.resumed,
      reused: response.reused, status: response.status, peer: verdict.peer || null };
  } catch (error) {
    if (!(error instanceof CotterError)) throw error;
    const verdict = one?.told.at(-1);
    return { ...answer, code: error.code, message: error.message, outcome: verdict?.outcome ?? null,
      peer: verdict?.peer || null };
  }
}

async function obey(order) {
  if (order.op === 'get') return get(order);
  if (order.op === 'policy') {
    policy = order.file;
    for (const { client } of clients.values()) client.setPolicy(policy);
  } else if (order.op === 'close') {
    clients.clear();
  }
  return { ok: true };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    console.log(JSON.stringify(await obey(order)));
    if (order.op === 'quit') break;
  }
}

main();
