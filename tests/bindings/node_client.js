// SPDX-License-Identifier: Apache-2.0
//
// What the Node binding does on real connections; started by node_test.py with the facts of the lab as JSON. Each case
// throws where something is not as it must be.
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

const { Client, CotterError, version } = require(path.join(process.env.COTTER_SOURCE_DIR, 'bindings/node'));

const lab = JSON.parse(process.argv[2]);
const [genuine, rogue, asking, rogueAsking, silent] = lab.ports;
const secret = { Authorization: 'Bearer top-secret' };

function policy(pins, number = 1) {
  const listed = pins.map((pin) => `{ pin = "${pin}" }`).join(', ');
  return { text: `[policy]\nname = "test"\nversion = ${number}\n[[host]]\npattern = "localhost"\npins = [${listed}]\n` };
}

const pinned = policy([lab.pins.leaf, lab.pins.backup]);

function client(more = {}) {
  return new Client({ policy: pinned, roots: lab.roots, systemRoots: false, ...more });
}

function url(port) {
  return `https://localhost:${port}/`;
}

async function refused(promise, code) {
  const error = await promise.then(() => assert.fail('was not refused'), (reason) => reason);
  assert(error instanceof CotterError, String(error));
  assert.equal(error.code, code);
  assert.equal(error.retryable, false);
  return error;
}

const cases = {
  async 'a genuine server answers'() {
    const response = await client().request(url(genuine), { headers: secret });
    assert.equal(response.status, 200);
    assert.equal(response.verdict.outcome, 'pinned_ok');
    assert.equal(response.verdict.matchedPin, lab.pins.leaf);
    assert.equal(response.verdict.peer, `127.0.0.1:${genuine}`);
    assert(response.headers.length > 0 && Buffer.isBuffer(response.body));
    assert.match(version, /^\d+\.\d+\.\d+$/);
  },

  // S1-26, S1-30, S1-31: told before the promise is settled, with what was found.
  async 'an interceptor is refused, and the handler is told first'() {
    const told = [];
    const mine = client({ onViolation: (verdict, request) => told.push({ verdict, request }) });
    for (let count = 1; count <= 2; count += 1) {
      const error = await refused(mine.request(url(rogue), { headers: secret }), 'pin_mismatch');
      assert.match(error.message, /^bad ssl pin detected, found pins: \[sha256\/\S{44} sha256\/\S{44}\]$/);
      assert.equal(told.length, count);
    }
    assert.equal(told[0].verdict.found[0], lab.pins['rogue-leaf']);
    assert.equal(told[0].verdict.peer, `127.0.0.1:${rogue}`);
    assert.deepEqual([told[0].request.method, told[0].request.url], ['GET', url(rogue)]);
    assert.equal(told[0].request.headers.Authorization, 'Bearer top-secret');
  },

  // S1-27
  async 'a handler that throws changes nothing'() {
    const mine = client({ onViolation: () => { throw new Error('the pager is down'); } });
    await refused(mine.request(url(rogue)), 'pin_mismatch');
  },

  // S3-45
  async 'a client certificate is for pinned servers alone'() {
    const mine = client({ clientCertificate: lab.client });
    await refused(mine.request(url(rogueAsking)), 'pin_mismatch');
    assert.equal((await mine.request(url(asking))).status, 200);
  },

  async 'a new policy holds from the next request on, also on live connections'() {
    const mine = client();
    assert.equal((await mine.request(url(genuine))).reused, false);
    assert.equal((await mine.request(url(genuine))).reused, true);
    mine.setPolicy(policy([lab.pins['rogue-leaf'], lab.pins.backup], 2));
    await refused(mine.request(url(genuine)), 'pin_mismatch');
  },

  async 'more requests than threads are answered, all of them'() {
    const mine = client();
    const statuses = await Promise.all(Array.from({ length: 50 }, () => mine.request(url(genuine))));
    assert(statuses.every((response) => response.status === 200));
  },

  async 'waiting requests hold up neither timers nor files'() {
    const mine = client({ timeout: 5000 });
    let over = 0;
    const waiting = Array.from({ length: 16 }, () => mine.request(url(silent)).catch((error) => {
      over += 1;
      return error;
    }));
    await require('node:fs/promises').readFile(__filename);
    await require('node:dns/promises').lookup('localhost');
    assert.equal(over, 0);
    for (const error of await Promise.all(waiting)) assert(error instanceof CotterError, String(error));
  },

  async 'bodies and methods arrive'() {
    const response = await client().request(url(genuine), { method: 'POST', body: Buffer.from([0, 1, 255]) });
    assert.equal(response.status, 200);
  },

  async 'headers are taken in whatever form they come'() {
    const given = [['X-One', '1'], ['X-Two', '2']];
    for (const headers of [Object.fromEntries(given), given, new Map(given), new Headers(given)]) {
      const told = [];
      const mine = client({ onViolation: (_verdict, request) => told.push(request.headers) });
      await refused(mine.request(url(rogue), { headers }), 'pin_mismatch');
      const seen = Object.entries(told[0]).map(([name, value]) => [name.toLowerCase(), value]);
      assert.deepEqual(seen, [['x-one', '1'], ['x-two', '2']]);
    }
    await assert.rejects(client().request(url(genuine), { headers: 'X-One: 1' }), TypeError);
  },

  async 'mistakes are told, not guessed at'() {
    assert.throws(() => client({ insecure: true }), TypeError);
    assert.throws(() => client({ policy: undefined }), TypeError);
    assert.throws(() => client({ profile: 'chrome' }), TypeError);
    assert.throws(() => client({ policy: { text: '[policy]\nnmae = 1\n' } }),
      (error) => error instanceof CotterError && error.code === 'policy_unknown_key');
    assert.throws(() => client({ policy: '/nonexistent' }), (error) => error.code === 'file_unreadable');
    const error = await client().request('not a url').then(() => null, (reason) => reason);
    assert(error instanceof CotterError, String(error));
  },

  async 'what is no text, or is cut short in C, is not taken for nothing'() {
    // Each of these made a client without the proxy, the certificate, the roots or the environment that were asked for.
    const wrong = [
      { proxy: new URL('http://127.0.0.1:9') }, { clientCertificate: { cert: 'a', key: 'b' } }, { roots: lab.roots[0] },
      { environment: 5 }, { environment: 'a\0b' }, { connectTo: 'localhost:443:127.0.0.1:9' }, { violationFile: 7 },
      { timeout: '100' }, { timeout: -1 }, { timeout: 2 ** 40 }, { timeout: NaN }, { onViolation: {} },
      { profile: 'toString' }, { policy: { text: pinned.text, environment: 'x' } }, { policy: 'a\0b' },
    ];
    for (const options of wrong) assert.throws(() => client(options), TypeError, JSON.stringify(options));
    const mine = client();
    const cut = `https://localhost:${genuine}/\0.example/`;
    for (const [at, options] of [[cut, {}], [url(genuine), { headers: { 'X-Cut': 'a\0b' } }], [url(genuine), { method: 5 }],
      [url(genuine), { timeout: 2 ** 40 }]]) {
      const error = await mine.request(at, options).then(() => null, (reason) => reason);
      assert(error instanceof TypeError, String(error));
    }
  },

  async 'a worker has a pool of its own, and may end in the middle of a request'() {
    const worker = new Worker(`
      const { Client } = require(require('node:path').join(process.env.COTTER_SOURCE_DIR, 'bindings/node'));
      const { parentPort, workerData } = require('node:worker_threads');
      const client = new Client(workerData.options);
      client.request(workerData.url).then((response) => {
        client.request(workerData.silent).catch(() => 0);
        parentPort.postMessage(response.status);
      });`, { eval: true, workerData: {
      options: { policy: pinned, roots: lab.roots, systemRoots: false, timeout: 1000 }, url: url(genuine),
      silent: url(silent) } });
    const status = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    assert.equal(status, 200);
    await worker.terminate();
  },
};

async function main() {
  for (const [name, run] of Object.entries(cases)) {
    await run();
    console.log(`ok ${name}`);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
