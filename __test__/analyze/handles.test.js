'use strict';
// A leak of native memory: of what grew on the heap, only what leads to objects of native code is under suspicion.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const v8 = require('node:v8');
const { createHash, createSecretKey } = require('node:crypto');
const { Resolver } = require('node:dns');
const { createDeflate } = require('node:zlib');
const { analyze } = require('../..');
const { requireNative } = require('../../lib/native.js');
const { runProgram } = require('../causes/run.js');

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-handles-'));
test.after(() => fs.rmSync(dir, { recursive: true }));

const kept = { plain: [], sharing: new Map(), resolvers: [], compressors: new Map(), sessions: {} };
const shared = createHash('sha1');
let taken = 0;

function grow(by) {
  for (let i = 0; i < by; i++) {
    kept.plain.push({ i, text: `plain ${i}` });
    kept.sharing.set(`${taken} ${i}`, { i, shared });
  }
}

async function growHandles(by) {
  const written = [];
  for (let i = 0; i < by; i++) {
    kept.resolvers.push(new Resolver());
    const deflate = createDeflate({ chunkSize: 1024 });
    // zlib allocates with the first write, and much: of the heap the rest has to be a part.
    if (i % 30 === 0) written.push(new Promise((resolve) => void deflate.write('x', resolve)));
    kept.compressors.set(`${taken} ${i}`, deflate);
    kept.sessions[`${taken} ${i}`] = { user: { key: createSecretKey(Buffer.alloc(32)) } };
  }
  await Promise.all(written);
}

const snapshot = () => v8.writeHeapSnapshot(path.join(dir, `${++taken}.heapsnapshot`));

async function names(paths, channel) {
  const report = await analyze(paths, { channel });
  return { ...report, names: report.suspects.map(({ name }) => name) };
}

test('the holders of handles are named in a native leak, whatever else grew, and not by their bytes', async () => {
  const paths = [];
  for (let n = 0; n < 3; n++) {
    grow(2000);
    await growHandles(300);
    paths.push(snapshot());
  }
  const { suspects, names: found, notes } = await names(paths, 'native');
  assert.deepEqual(found.filter((name) => name in kept).toSorted(), ['compressors', 'resolvers', 'sessions']);
  assert.deepEqual(notes, []);
  for (const [name, native] of [
    ['resolvers', 'ChannelWrap'],
    ['compressors', 'Zlib'],
    ['sessions', 'SecretKeyObject'],
  ]) {
    const { bytes, share, count, advice, file, proven } = suspects.find((suspect) => suspect.name === name);
    assert.deepEqual([bytes, share, count, proven], [null, null, 600, true], name);
    assert.equal(file, __filename);
    assert.match(advice, new RegExp(`^close or destroy each ${native} .* outside the heap`));
  }
  // Node counts what zlib allocates, and not what a resolver of c-ares does.
  const nativeOf = (name) => suspects.find((suspect) => suspect.name === name).nativeBytes;
  assert.equal(found[0], 'compressors');
  assert.ok(nativeOf('compressors') > 2 ** 20, `${nativeOf('compressors')}`);
  assert.ok(nativeOf('resolvers') < 2 ** 20, `${nativeOf('resolvers')}`);
  const { names: onTheHeap } = await names(paths, 'heap');
  assert.ok(onTheHeap.includes('plain') && onTheHeap.includes('sharing'), onTheHeap.join());
  // One shows what is large, which says nothing of what lies outside.
  assert.deepEqual((await names(paths.slice(2), 'native')).names, []);
});

test('no growth of handles gives no suspect', async () => {
  const paths = [1, 2, 3].map(() => {
    grow(2000);
    return snapshot();
  });
  const { names: found, notes } = await names(paths, 'native');
  assert.deepEqual(found, []);
  assert.match(notes.join(), /no object on the heap retains what leaks there/);
  assert.ok((await names(paths)).names.includes('plain'));
});

const { image: unsupported } = requireNative().snapshotSupport();
const COMPRESSORS = `
    const zlib = require('node:zlib');
    const open = new Map();
    function begin(i) {
      const gzip = zlib.createGzip({ windowBits: 9, memLevel: 1 });
      gzip.write('x' + i);
      open.set('client ' + i, gzip);
    }
    drive(begin);`;

test('gzip objects in a Map: native memory counts for the Map, by snapshots taken in process', async (t) => {
  const program = { title: 'compressors', kind: 'cjs', files: { 'main.js': COMPRESSORS }, expect: null };
  const { dir: folder, snapshots } = await runProgram(program, { random: () => 0, take: { method: 'in-process' } });
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const options = { sourceRoots: [folder] };
  const [heap, native] = [
    await analyze(snapshots, options),
    await analyze(snapshots, { ...options, channel: 'native' }),
  ];
  for (const { suspects } of [heap, native])
    assert.deepEqual(
      suspects.map(({ name, line, count }) => [name, line, count]),
      [['open', 2, 300]],
    );
  assert.ok(heap.growth.explainedBytes > 0.95 * heap.growth.bytes);
  const { bytes, nativeBytes, advice } = native.suspects[0];
  assert.equal(bytes, null);
  assert.ok(nativeBytes > 0.8 * heap.growth.bytes, `${nativeBytes} of ${heap.growth.bytes}`);
  assert.match(advice, /^close or destroy each Zlib/);
});

for (const method of ['image', 'fork'])
  test(`what Node counts of native memory is not there, taken ${method}`, { skip: unsupported ?? false }, async (t) => {
    const program = { title: 'compressors', kind: 'cjs', files: { 'main.js': COMPRESSORS }, expect: null };
    const { dir: folder, snapshots } = await runProgram(program, { random: () => 0, take: { method } });
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    const { suspects } = await analyze(snapshots, { sourceRoots: [folder], channel: 'native' });
    assert.equal(suspects[0].name, 'open');
    for (const suspect of suspects) assert.ok(!('nativeBytes' in suspect), suspect.name);
  });
