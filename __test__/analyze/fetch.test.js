'use strict';
// What fetch keeps for responses that are never read: sockets, whatever of undici's they hang from.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { runProgram } = require('../causes/run.js');
const { seeded } = require('../causes/names.js');

test('unread responses of fetch are sockets of its dispatcher', async (t) => {
  const source = `const http = require('node:http');
const server = http.createServer((req, res) => res.end('x'.repeat(500_000))).listen(0, '127.0.0.1', () => {
  const unread = [];
  drive(async () => unread.push(await fetch('http://127.0.0.1:' + server.address().port)));
});`;
  const { dir, snapshots } = await runProgram(
    { title: 'fetch', kind: 'cjs', files: { 'main.js': source }, expect: null },
    { random: seeded(7), steps: 20 },
  );
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const [{ cause, path }] = JSON.parse(
    await requireAnalyzer().analyzeSnapshots(snapshots, JSON.stringify({ leastGrowth: 0 })),
  ).suspects;
  assert.deepEqual([cause, path[0]], ['sockets', 'global']);
  assert.match(path[1], /^undici\.globalDispatcher\.\d$/);
});
