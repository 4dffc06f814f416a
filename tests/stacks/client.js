// SPDX-License-Identifier: Apache-2.0
//
// Runs exported Node code. Arguments: a PEM file of trusted roots, then cases. A case is
// "MODULE URL", or "MODULE MODULE URL": the second over sessions that the first made, as far as the
// code lets it. Prints "accept" or "refuse REASON" for each.
'use strict';
const fs = require('fs');
const https = require('https');

const [roots, ...cases] = process.argv.slice(2);
const ca = fs.readFileSync(roots);
let session; // of the last connection, offered to every next one

function get(name, url) {
  const { PinnedAgent } = require(name);
  const lookup = (_, options, done) =>
    options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
  const agent = new PinnedAgent({ ca, lookup, session });
  return new Promise((resolve) => {
    const request = https.get(url, { agent, session }, (response) => {
      response.resume();
      response.on('end', () => resolve('accept'));
    });
    request.on('socket', (socket) => socket.on('session', (made) => { session = made; }));
    request.on('error', (error) => resolve('refuse ' + error.message.replaceAll('\n', ' ')));
  }).finally(() => agent.destroy());
}

(async () => {
  for (const words of cases) {
    const parts = words.split(' ');
    session = undefined;
    let answer = '';
    for (const name of parts.slice(0, -1)) answer = await get(name, parts[parts.length - 1]);
    console.log(answer);
  }
})();
