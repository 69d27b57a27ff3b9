'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const diagnostics = require('node:diagnostics_channel');
const http = require('node:http');
const { once } = require('node:events');
const requests = require('../lib/watch/requests.js');

const START = diagnostics.channel('http.server.request.start');

test('requests are counted from the first user on until the last has gone', async () => {
  const server = http.createServer((_, response) => response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ask = async (times) => {
    for (let n = 0; n < times; n++) await (await fetch(`http://127.0.0.1:${server.address().port}/`)).text();
  };
  try {
    await ask(2);
    const before = requests.count();
    requests.acquire();
    await ask(5);
    assert.equal(requests.count() - before, 5);
    requests.acquire();
    await ask(3);
    requests.release();
    await ask(1);
    assert.equal(requests.count() - before, 9, 'two users are not told of each request twice');
    requests.release();
    assert.equal(START.hasSubscribers, false);
    await ask(2);
    assert.equal(requests.count() - before, 9);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
