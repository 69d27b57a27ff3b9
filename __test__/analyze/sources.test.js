'use strict';
// Snapshots that others take: Chrome, and V8 itself near the heap's limit.
const test = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { analyze } = require('../../index.js');
const { findChromium, startChromium } = require('../support/chromium.js');

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-sources-'));
test.after(() => fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
const write = (name, text) => {
  fs.writeFileSync(path.join(dir, name), text);
  return path.join(dir, name);
};

test(
  'three snapshots of a page in Chrome name its leak',
  { skip: findChromium() === null && 'no Chromium here' },
  async () => {
    write(
      'page.js',
      `
class Board {
  constructor() { this.tiles = new Map(); }
  add(i) {
    const tile = document.createElement('div');
    tile.textContent = 'tile ' + i;
    this.tiles.set('k' + i, { tile, text: 'x'.repeat(200) + i });
  }
}
const board = new Board();
let next = 0;
function play(count) { for (let i = 0; i < count; i++) board.add(next++); }
`,
    );
    const page = write('page.html', '<!doctype html><script src="page.js"></script>');
    const chromium = await startChromium();
    const paths = [];
    try {
      const view = await chromium.open(pathToFileURL(page).href);
      let file;
      view.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => fs.appendFileSync(file, chunk));
      for (const name of ['A', 'B', 'C']) {
        await view.evaluate('play(400)');
        paths.push((file = path.join(dir, `${name}.heapsnapshot`)));
        await view.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
      }
      view.close();
    } finally {
      await chromium.close();
    }
    const {
      verdict,
      suspects: [suspect],
    } = await analyze(paths, { sourceRoots: [dir] });
    assert.equal(verdict.state, 'leak');
    assert.deepEqual(
      [suspect.cause, suspect.name, suspect.file, suspect.line, suspect.count],
      ['map', 'tiles', path.join(dir, 'page.js'), 3, 800],
    );
    const one = await analyze(paths.slice(-1), { sourceRoots: [dir] });
    assert.equal(one.suspects[0].name, 'tiles');
  },
);

test('the snapshot that V8 takes near the limit names what filled the heap', async () => {
  const program = write(
    'filling.js',
    `
const orders = [];
function order(i) { orders.push({ i, lines: Array.from({ length: 20 }, (_, n) => ({ n, text: 'line ' + i + n })) }); }
for (let i = 0; ; i++) order(i);
`,
  );
  // The program runs into its limit, as it is meant to: no core file of that.
  const { signal, status } = spawnSync(
    '/bin/sh',
    [
      '-c',
      'ulimit -c 0; exec "$@"',
      'sh',
      process.execPath,
      '--max-old-space-size=24',
      '--heapsnapshot-near-heap-limit=1',
      `--diagnostic-dir=${dir}`,
      program,
    ],
    { stdio: 'ignore' },
  );
  assert.ok(signal === 'SIGABRT' || signal === 'SIGTRAP' || status > 128, `${signal} ${status}`);
  const files = fs.readdirSync(dir).filter((name) => name.startsWith('Heap.'));
  assert.equal(files.length, 1);
  const {
    suspects: [suspect],
    summary,
  } = await analyze([path.join(dir, files[0])], { sourceRoots: [dir] });
  assert.deepEqual([suspect.cause, suspect.name, suspect.line, suspect.proven], ['array', 'orders', 2, false]);
  assert.ok(suspect.bytes > summary.bytes / 2);
});
