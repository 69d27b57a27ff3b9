'use strict';
// plimsoll convert: heap images and compressed snapshots as snapshots for DevTools.

const assert = require('node:assert/strict');
const { execFileSync, spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { setTimeout: wait } = require('node:timers/promises');
const zlib = require('node:zlib');
const { analyze, takeSnapshot } = require('../..');
const { requireNative } = require('../../lib/native.js');
const { convertSnapshot } = require('../../lib/report/convert.js');
const { temporaryDir } = require('../children/snapshot-support.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const IMAGES = path.join(__dirname, '../children/image-leak.js');
const { image: noImages } = requireNative().snapshotSupport();

const shown = ({ suspects }) => suspects.map(({ name, file, line, bytes, count }) => [name, file, line, bytes, count]);
const convert = (...args) => spawnSync(process.execPath, [BIN, 'convert', ...args], { encoding: 'utf8' });

test('a heap image becomes a snapshot with the same answer', { skip: noImages ?? false }, async (t) => {
  const dir = temporaryDir(t);
  const { taken } = JSON.parse(execFileSync(process.execPath, [IMAGES, dir], { encoding: 'utf8' }));
  const files = taken.map(({ path: file }) => {
    const to = file.replace('.heapimage', '.heapsnapshot');
    const { status, stderr } = convert(file, to);
    assert.equal(status, 0, stderr);
    assert.equal(fs.statSync(to).mode & 0o777, 0o600);
    return to;
  });
  const [snapshot] = files.map((file) => JSON.parse(fs.readFileSync(file, 'utf8')));
  assert.equal(snapshot.nodes.length, snapshot.snapshot.node_count * snapshot.snapshot.meta.node_fields.length);
  const [ofImages, ofFiles] = await Promise.all([analyze(taken.map(({ path: file }) => file)), analyze(files)]);
  assert.deepEqual(shown(ofFiles), shown(ofImages));
  for (const { path: file, bytes } of [...ofImages.snapshots, ...ofFiles.snapshots])
    assert.equal(bytes, fs.statSync(file).size, file);
});

test('a compressed snapshot is unpacked, byte for byte', async (t) => {
  const dir = temporaryDir(t);
  const { path: file } = await takeSnapshot({ dir, method: 'in-process', compress: 'gzip', cooldown: 0 });
  const to = path.join(dir, 'plain.heapsnapshot');
  assert.equal(convert(file, to).status, 0);
  assert.ok(fs.readFileSync(to).equals(zlib.gunzipSync(fs.readFileSync(file))));
});

test('what exists is not replaced, and a failure leaves nothing', async (t) => {
  const dir = temporaryDir(t);
  const { path: file } = await takeSnapshot({ dir, method: 'in-process', cooldown: 0 });
  const [there, truncated, to] = ['there', 'truncated', 'to'].map((name) => path.join(dir, `${name}.heapsnapshot`));
  fs.writeFileSync(there, 'mine');
  const existing = convert(file, there);
  assert.deepEqual([existing.status, fs.readFileSync(there, 'utf8')], [1, 'mine']);
  assert.match(existing.stderr, /\(it exists\); name a new file/);
  fs.writeFileSync(truncated, fs.readFileSync(file).subarray(0, 100_000));
  const [empty, other, packed] = ['empty', 'other', 'packed'].map((name) => path.join(dir, name));
  fs.writeFileSync(empty, '');
  fs.writeFileSync(other, 'hello]}');
  fs.writeFileSync(packed, zlib.gzipSync(fs.readFileSync(truncated)));
  // A byte that no UTF-8 text has, and a field that no snapshot has.
  const [garbled, foreign] = ['garbled', 'foreign'].map((name) => path.join(dir, name));
  fs.writeFileSync(garbled, Buffer.from('{"snapshot":\xff', 'latin1'));
  fs.writeFileSync(foreign, '{"snapshot":{"meta":{}},"rows":[1]}');
  for (const [from, ...flags] of [
    [truncated, '--redact'],
    [truncated],
    [packed],
    [empty],
    [other],
    [other, '--redact'],
    [garbled, '--redact'],
    [foreign, '--redact'],
  ]) {
    const cut = convert(...flags, from, to);
    assert.equal(cut.status, 1, `${from} ${flags}`);
    assert.match(cut.stderr, new RegExp(`${path.basename(from)} is damaged or no snapshot`));
  }
  assert.match(convert('/dev/zero', to).stderr, /zero is not a file/);
  const missing = convert(path.join(dir, 'none'), to);
  assert.deepEqual([missing.status, /could not be read/.test(missing.stderr)], [1, true]);
  assert.equal(convert(file).status, 2);
  assert.deepEqual(
    fs.readdirSync(dir).filter((name) => name.includes('partial') || name.startsWith('to.')),
    [],
  );
});

test('what is interrupted leaves nothing', async (t) => {
  const dir = temporaryDir(t);
  const [from, to] = ['from.heapsnapshot', 'to.heapsnapshot'].map((name) => path.join(dir, name));
  fs.writeFileSync(from, '{"snapshot":');
  fs.truncateSync(from, 1 << 29);
  const stop = new AbortController();
  const converting = convertSnapshot(from, to, { signal: stop.signal });
  stop.abort();
  await assert.rejects(converting, { name: 'AbortError' });
  assert.deepEqual(fs.readdirSync(dir), ['from.heapsnapshot']);

  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGQUIT', 131],
  ]) {
    const child = spawn(process.execPath, [BIN, 'convert', from, to], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    while (child.exitCode === null && fs.readdirSync(dir).length === 1) await wait(1);
    child.kill(signal);
    assert.deepEqual(await ended, [status, null]);
    assert.deepEqual(fs.readdirSync(dir), ['from.heapsnapshot']);
  }
});

test('- writes to standard output, and no file', async (t) => {
  const dir = temporaryDir(t);
  const { path: file } = await takeSnapshot({ dir, method: 'in-process', cooldown: 0 });
  const before = fs.readdirSync(dir);
  const to = (from) =>
    spawnSync(process.execPath, [BIN, 'convert', from, '-'], { cwd: dir, maxBuffer: 2 ** 30, stdio: 'pipe' });
  const { status, stdout, stderr } = to(file);
  assert.deepEqual([status, String(stderr).split(' (')[0]], [0, 'plimsoll: standard output']);
  assert.ok(stdout.equals(fs.readFileSync(file)));
  assert.deepEqual(fs.readdirSync(dir), before);
  fs.writeFileSync(path.join(dir, 'cut'), fs.readFileSync(file).subarray(0, 100_000));
  assert.equal(to('cut').status, 1);
});

test('a reader that ends early is no error', async (t) => {
  const { path: file } = await takeSnapshot({ dir: temporaryDir(t), method: 'in-process', cooldown: 0 });
  const converting = spawn(process.execPath, [BIN, 'convert', file, '-']);
  let said = '';
  converting.stderr.on('data', (text) => (said += text));
  await once(converting.stdout, 'data');
  converting.stdout.destroy();
  const [code] = await once(converting, 'close');
  assert.deepEqual([code, said], [0, '']);
});
