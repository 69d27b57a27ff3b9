'use strict';
// Memory of the analysis: what is asked for, and spilling to disk where it is short.

const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { analyze } = require('plimsoll');
const { memoryFor } = require('../../lib/report/memory.js');

const MB = 2 ** 20;
const BINDING = require.resolve('../../lib/analyzer-binding.js');
const onLinux = { skip: process.platform !== 'linux' && 'Linux only' };

function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-memory-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

/** A snapshot with so many objects that the root has. */
function writeSnapshot(file, count) {
  const meta = {
    node_fields: ['type', 'name', 'id', 'self_size', 'edge_count'],
    node_types: [['synthetic', 'object'], 'string', 'number', 'number', 'number'],
    edge_fields: ['type', 'name_or_index', 'to_node'],
    edge_types: [['element'], 'string_or_number', 'node'],
  };
  const out = fs.openSync(file, 'w');
  const list = (of, from) => {
    for (let at = from; at < count; at += 10_000) {
      const some = Array.from({ length: Math.min(10_000, count - at) }, (_, n) => of(at + n));
      fs.writeSync(out, `${at === from ? '' : ','}${some.join()}`);
    }
  };
  const head = { meta, node_count: count, edge_count: count - 1 };
  fs.writeSync(out, `{"snapshot":${JSON.stringify(head)},"nodes":[0,0,1,0,${count - 1},`);
  list((at) => `1,1,${2 * at + 1},16,0`, 1);
  fs.writeSync(out, '],"edges":[');
  list((at) => `0,${at},${5 * at}`, 1);
  fs.writeSync(out, '],"strings":["","Order"]}');
  fs.closeSync(out);
}

test(
  'an analysis begins if there is memory, spills if there is a part of it, and else says what it lacks',
  onLinux,
  (t) => {
    const dir = folder(t);
    const snapshots = ['a', 'b', 'c'].map((name) => ({
      path: path.join(dir, `${name}.heapsnapshot`),
      bytes: 100 * MB,
    }));
    const images = snapshots.map((each) => ({ path: each.path.replace('snapshot', 'image'), bytes: 10 * MB }));
    assert.deepEqual(memoryFor(snapshots, { room: null }), {});
    assert.deepEqual(memoryFor(snapshots, { room: 500 * MB }), {});
    assert.deepEqual(memoryFor(snapshots, { room: 200 * MB }), { spill: dir });
    const { spill, lack } = memoryFor(snapshots, { room: 150 * MB });
    assert.deepEqual([spill, lack], [undefined, 'that takes about 486 MB, and 150 MB are free']);
    // By the size of the heap if that is known: images are compressed.
    assert.deepEqual(memoryFor(images, { room: 500 * MB, heapBytes: 50 * MB }), {});
    assert.deepEqual(memoryFor(images, { room: 300 * MB, heapBytes: 50 * MB }), { spill: dir });
    assert.deepEqual(memoryFor(images, { room: 700 * MB }), {});
    assert.match(memoryFor(images, { room: 200 * MB }).lack, /about 696 MB/);
    // What cannot be on the disk has to be in memory.
    const gone = snapshots.map((each) => ({ ...each, path: path.join(dir, 'gone', path.basename(each.path)) }));
    assert.match(memoryFor(gone, { room: 200 * MB }).lack, /200 MB are free/);
    const huge = snapshots.map((each) => ({ ...each, bytes: 2 ** 60 }));
    assert.match(memoryFor(huge, { room: 2 ** 61 }).lack, /are free/);
  },
);

test('with less memory than a graph takes, an analysis succeeds if it may spill', onLinux, (t) => {
  const dir = folder(t);
  const file = path.join(dir, 'large.heapsnapshot');
  writeSnapshot(file, 1_500_000);
  const program = `
    const { requireAnalyzer } = require(${JSON.stringify(BINDING)});
    const fs = require('node:fs');
    const [spill, file] = process.argv.slice(1);
    const answer = file === undefined
      ? Promise.resolve(/VmData:\\s+(\\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1])
      : requireAnalyzer().analyzeSnapshots([file], JSON.stringify({ spill: spill || undefined }));
    requireAnalyzer();
    answer.then((text) => process.stdout.write(text), (error) => process.stdout.write(error.code));
  `;
  const run = (limit, ...args) =>
    execFileSync(
      '/bin/sh',
      ['-c', `ulimit -d ${limit}; exec "$@"`, 'sh', process.execPath, '-e', program, '--', ...args],
      {
        maxBuffer: 64 * MB,
        encoding: 'utf8',
      },
    );
  const limit = Number(run('unlimited')) + 80 * 1024;
  assert.equal(run(limit, '', file), 'ERR_PLIMSOLL_SNAPSHOT_NO_MEMORY');
  const { summary, snapshots } = JSON.parse(run(limit, dir, file));
  assert.equal(snapshots[0].nodes, 1_500_000);
  assert.equal(summary.bytes, 16 * 1_499_999);
  assert.deepEqual(fs.readdirSync(dir), [path.basename(file)], 'files to spill to have no name');
});

test('spilling changes nothing but where memory is', onLinux, async (t) => {
  const dir = folder(t);
  const file = path.join(dir, 'some.heapsnapshot');
  writeSnapshot(file, 200_000);
  const [{ at: _, ...spilled }, { at: __, ...plain }] = [await analyze([file], { spill: dir }), await analyze([file])];
  assert.deepEqual(spilled, plain);
  const refused = { code: 'ERR_PLIMSOLL_SNAPSHOT_NO_MEMORY', message: /cannot be spilled to .*in memory/ };
  if (fs.existsSync('/dev/shm')) await assert.rejects(analyze([file], { spill: '/dev/shm' }), refused);
  await assert.rejects(analyze([file], { spill: path.join(dir, 'gone') }), { code: refused.code });
  await assert.rejects(analyze([file], { spill: '' }), { code: 'ERR_PLIMSOLL_OPTION' });
  const cli = path.join(__dirname, '../../bin/plimsoll.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'analyze', '--spill', dir, file], {
    encoding: 'utf8',
  });
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /Order/);
  for (const flag of [['--spill', ''], ['--spill=']]) {
    const none = spawnSync(process.execPath, [cli, 'analyze', ...flag, file], { encoding: 'utf8' });
    assert.deepEqual([none.status, none.stdout], [2, '']);
    assert.match(none.stderr, /--spill must be a folder/);
  }
});

/** Analyses in this process, and removes the folder when the snapshot is read: what follows cannot fail. */
const UNTIL_GONE = `
  const fs = require('node:fs');
  const { requireAnalyzer } = require(${JSON.stringify(BINDING)});
  const [spill, file] = process.argv.slice(1);
  const analyzer = requireAnalyzer();
  analyzer.analyzeSnapshots([file], JSON.stringify({ spill, spillExit: 7 })).then(
    () => process.stdout.write('done'),
    (error) => process.stdout.write(error.code + ' ' + error.message),
  );
  (function look() {
    if (analyzer.analysisProgress()[0] > 0) fs.rmdirSync(spill);
    else setImmediate(look);
  })();
`;

test('a folder to spill to that takes no more ends the process with a code and a text', onLinux, (t) => {
  const dir = folder(t);
  const [file, spill] = [path.join(dir, 'large.heapsnapshot'), path.join(dir, 'spill')];
  writeSnapshot(file, 1_500_000);
  fs.mkdirSync(spill);
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', UNTIL_GONE, '--', spill, file], {
    encoding: 'utf8',
  });
  assert.deepEqual([status, signal, stdout], [7, null, '']);
  assert.match(stderr, /cannot be spilled to .*spill any more: .*disk is full.*(?:No such file|not permitted)/);
});

test('analyze() names the folder that takes no more', onLinux, async (t) => {
  const dir = folder(t);
  const [file, pipe, spill] = ['large.heapsnapshot', 'pipe', 'spill'].map((name) => path.join(dir, name));
  writeSnapshot(file, 600_000);
  execFileSync('mkfifo', [pipe]);
  fs.mkdirSync(spill);
  const analysis = analyze([pipe], { spill });
  const refused = assert.rejects(analysis, (error) => {
    assert.equal(error.code, 'ERR_PLIMSOLL_SNAPSHOT_NO_MEMORY');
    assert.ok(error.message.includes(`cannot be spilled to ${spill}`), error.message);
    assert.match(error.message, /its disk is full, or the folder was removed/);
    return true;
  });
  // The child reads: the folder was looked at.
  const out = await fs.promises.open(pipe, 'w');
  const text = fs.readFileSync(file);
  await out.write(text.subarray(0, 100));
  fs.rmdirSync(spill);
  await out.writeFile(text.subarray(100)).catch(() => {}); // it has ended
  await out.close();
  await refused;
});
