'use strict';
// node smoke.js, beside node_modules/plimsoll: everything that the binary is for, once, and what came of it as JSON. For
// platforms where the tests do not run.

const path = require('node:path');
const plimsoll = require('plimsoll');

// A wrapper, where the machine cannot start this Node by itself (qemu-user): the analyzer is a process of its own.
if (process.env.SMOKE_NODE) process.execPath = process.env.SMOKE_NODE;

const kept = new Map();

async function doctor() {
  const { main } = require(path.join(path.dirname(require.resolve('plimsoll/package.json')), 'lib/cli/main.js'));
  let text = '';
  await main(['doctor', '--json'], { env: {}, stdout: { write: (piece) => (text += piece) }, stderr: process.stderr });
  return JSON.parse(text);
}

(async () => {
  const state = await doctor();
  const watcher = plimsoll.watch({ snapshotOn: [], report: [] });
  const map = new plimsoll.BoundedMap({ max: 2, ttl: 300_000 });
  for (let i = 0; i < 5; i++) map.set(i, i);
  const shared = new plimsoll.SharedCache('smoke', { maxBytes: 2 ** 20 });
  shared.set('key', 'value');
  const snapshots = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 30_000; i++) kept.set(kept.size, { i, row: [i, i] });
    snapshots.push(await plimsoll.takeSnapshot({ dir: '/tmp', cooldown: 0 }));
  }
  const [suspect] = (await plimsoll.analyze(snapshots.map((snapshot) => snapshot.path))).suspects;
  const { verdict, memory, collections } = watcher.stats();
  watcher.stop();
  process.stdout.write(`${JSON.stringify({
    platform: `${process.platform} ${process.arch}, ${process.version}, glibc ${process.report.getReport().header.glibcVersionRuntime ?? 'none'}`,
    native: state['native binary'],
    hooks: state['collection hooks'],
    allocations: state['allocation sampling'],
    fork: state['forked snapshots'],
    nearLimit: state['snapshot near limit'],
    state: verdict.state,
    reads: memory.rss > 0 && memory.native > 0,
    collected: collections.count > 0,
    size: map.size,
    shared: shared.getString('key'),
    methods: snapshots.map(({ method }) => method),
    suspect: { name: suspect.name, file: suspect.file, line: suspect.line, count: suspect.count },
  })}\n`);
})();
