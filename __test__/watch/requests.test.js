'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const diagnostics = require('node:diagnostics_channel');
const http = require('node:http');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { text } = require('node:stream/consumers');
const requests = require('../../lib/watch/requests.js');

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
    assert.equal(requests.count() - before, 9, 'two users do not count each request twice');
    requests.release();
    assert.equal(START.hasSubscribers, false);
    await ask(2);
    assert.equal(requests.count() - before, 9);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test(
  'a watch counts requests while there is growth to explain, and pays nothing for them before',
  { timeout: 300_000 },
  async () => {
    const script = `
    const { watch } = require(${JSON.stringify(require.resolve('../..'))});
    const channel = require('node:diagnostics_channel').channel('http.server.request.start');
    const watcher = watch({ interval: 50, window: 1000, limit: 100 * 2 ** 20, snapshotOn: [], report: [], log: 'silent' });
    const counted = [channel.hasSubscribers];
    const kept = [];
    const leak = setInterval(() => {
      for (let i = 0; i < 3000; i++) kept.push({ i, row: [i, i, i] });
      if (!channel.hasSubscribers) return;
      clearInterval(leak);
      counted.push(['suspect', 'leak', 'follows-load'].includes(watcher.stats().verdict.state));
      watcher.stop();
      counted.push(channel.hasSubscribers);
      process.stdout.write(JSON.stringify(counted));
    }, 10);`;
    const service = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    assert.deepEqual(JSON.parse(await text(service.stdout)), [false, true, false]);
  },
);
