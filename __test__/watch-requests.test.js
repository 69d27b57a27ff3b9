'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const diagnostics = require('node:diagnostics_channel');
const http = require('node:http');
const { once } = require('node:events');
const { RequestCounter } = require('../lib/watch/requests.js');

const START = diagnostics.channel('http.server.request.start');
const DEFAULTS = { window: 15 * 60_000, interval: 1000 };

/** So many requests as Node tells of them; whether anybody listened. */
function serve(count) {
  const heard = START.hasSubscribers;
  if (heard) for (let n = 0; n < count; n++) START.publish({});
  return heard;
}

test('of a busy service one interval in eight is counted and stands for those after it', () => {
  const counter = new RequestCounter(DEFAULTS);
  try {
    const heard = [];
    const totals = [];
    for (let n = 0; n < 24; n++) {
      heard.push(serve(n < 10 ? 200 : 1000));
      totals.push(counter.tick());
    }
    assert.deepEqual(heard, Array.from({ length: 24 }, (_, n) => n % 8 === 0));
    assert.deepEqual([totals[0], totals[7], totals[15], totals[23]], [200, 1600, 3200, 11_200]);
    assert.ok(totals.every((total, n) => n === 0 || total > totals[n - 1]), `${totals}`);
  } finally {
    counter.stop();
  }
  assert.equal(START.hasSubscribers, false);
});

test('a quiet service is counted to the request, and so is one that became quiet', () => {
  const counter = new RequestCounter(DEFAULTS);
  try {
    let served = 0;
    for (let n = 0; n < 30; n++) {
      const count = (n * 37) % 100;
      assert.equal(serve(count), true);
      served += count;
      assert.equal(counter.tick(), served);
    }
    serve(500);
    for (let n = 0; n < 8; n++) counter.tick();
    served += 8 * 500;
    for (let n = 0; n < 10; n++) {
      assert.equal(serve(3), true);
      served += 3;
      assert.equal(counter.tick(), served);
    }
  } finally {
    counter.stop();
  }
});

test('a window of few intervals has each of them counted', () => {
  for (const [window, apart] of [[12_000, 1], [96_000, 2], [192_000, 4], [86_400_000, 8]]) {
    const counter = new RequestCounter({ window, interval: 1000 });
    try {
      const heard = [];
      for (let n = 0; n < 16; n++) {
        heard.push(serve(1000));
        assert.equal(counter.tick(), (n + 1) * 1000);
      }
      assert.equal(heard.filter(Boolean).length, 16 / apart, `window ${window}`);
    } finally {
      counter.stop();
    }
  }
});

test('requests of a server are counted', async () => {
  const server = http.createServer((_, response) => response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const counter = new RequestCounter(DEFAULTS);
  try {
    for (let n = 0; n < 5; n++) await fetch(`http://127.0.0.1:${server.address().port}/`);
    assert.equal(counter.tick(), 5);
  } finally {
    counter.stop();
    server.closeAllConnections();
    server.close();
  }
});
