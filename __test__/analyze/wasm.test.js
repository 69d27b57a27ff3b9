'use strict';
// Memory of WebAssembly, whose size newer Nodes do not tell: named where memory outside of the heap grew and nothing else did.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { reportOf } = require('../../lib/report/analyze.js');
const { runProgram } = require('../causes/run.js');
const { seeded } = require('../causes/names.js');

/** What is said of memory outside of the heap, of a program whose step is `step(i)`. */
async function suspectsOf(t, source, packages = {}) {
  const program = { title: 'WebAssembly', kind: 'cjs', files: { 'main.js': source, ...packages }, expect: null };
  const { dir, snapshots } = await runProgram(program, { random: seeded(7), steps: 400 });
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const { suspects, notes } = JSON.parse(
    await requireAnalyzer().analyzeSnapshots(snapshots, JSON.stringify({ channel: 'external' })),
  );
  return {
    memories: suspects.filter((suspect) => suspect.path.includes('WebAssembly.Memory')),
    notes,
    file: path.join(dir, 'main.js'),
  };
}

const ENGINE = `class Engine {
  constructor() {
    this.linear = new WebAssembly.Memory({ initial: 1 });
  }
}
const engine = new Engine();
`;

test('a memory of the program is named where no buffer grew', async (t) => {
  const { memories, notes, file } = await suspectsOf(t, `${ENGINE}drive(() => engine);`);
  assert.deepEqual(
    memories.map(({ cause, name, file: at, line }) => [cause, name, at, line]),
    [['buffers', 'linear', file, 3]],
  );
  assert.match(notes.join(), /do not contain the size of WebAssembly memory/);
});

test('it is not where buffers grew, whatever holds them', async (t) => {
  const stream = `const { PassThrough } = require('node:stream');
const tee = new PassThrough();
drive((i) => engine && tee.write(Buffer.alloc(4096, i)));`;
  const { memories, notes } = await suspectsOf(t, ENGINE + stream);
  assert.deepEqual([memories, notes], [[], []]);
});

test("that of Node's own parser of HTTP is not the program's, which has a property of its name", async (t) => {
  const { memories } = await suspectsOf(
    t,
    `const http = require('node:http');
const figures = { memory: 1 };
const server = http.createServer((req, res) => res.end('x'.repeat(500_000))).listen(0, '127.0.0.1', async () => {
  const unread = [];
  for (let i = 0; i < 20; i++) unread.push(await fetch('http://127.0.0.1:' + server.address().port));
  drive(() => [figures, unread]);
});`,
  );
  assert.deepEqual(memories, []);
});

test("as it is where any object of Node's own holds it", async (t) => {
  const { memories } = await suspectsOf(
    t,
    `const { EventEmitter } = require('node:events');
const figures = { memory: 1 };
const dispatcher = Symbol.for('dispatcher');
globalThis[dispatcher] = new EventEmitter();
// A module that exports one page as 'memory'.
globalThis[dispatcher].parser = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from('0061736d010000000503010001070a01066d656d6f72790200', 'hex'))).exports;
drive(() => figures);`,
  );
  assert.deepEqual(memories, []);
});

test("that of a package is the package's, though plimsoll has a property of its name", async (t) => {
  const engine = `const { exports: own } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from('0061736d010000000503010001070a01066d656d6f72790200', 'hex')));
let cached = null;
exports.engine = () => (cached ??= Promise.resolve({ own }));`;
  const main = `require(${JSON.stringify(path.join(__dirname, '../../index.js'))}).watch({ snapshotOn: [], report: [] });
const { engine } = require('engine');
drive(() => engine());`;
  const { memories } = await suspectsOf(t, main, { 'node_modules/engine/index.js': engine });
  assert.deepEqual(
    memories.map(({ file }) => file.split('/').at(-2)),
    ['engine'],
  );
});

function shareOf(bytes, channel) {
  const snapshots = [0, bytes, bytes].map((heapBytes) => ({ heapBytes }));
  const suspects = [{ bytes, retained: [0, bytes, bytes] }];
  const summary = { holders: [], packages: [] };
  const answer = { suspects, unconfirmed: [], snapshots, summary, notes: [] };
  return reportOf(answer, channel).suspects[0].share;
}

test('what its holders take on the heap is no share of what grew outside of it', () => {
  assert.deepEqual(
    [shareOf(40_000, 'external'), shareOf(40_000, 'heap'), shareOf(4_000_000, 'external')],
    [null, 1, 1],
  );
});
