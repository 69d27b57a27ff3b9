'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const v8 = require('node:v8');
const zlib = require('node:zlib');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');

const { analyzeSnapshots } = requireAnalyzer();
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-analyze-'));
test.after(() => fs.rmSync(dir, { recursive: true }));

/** @param {string} name @param {string | Buffer} content */
function file(name, content) {
  const full = path.join(dir, name);
  fs.writeFileSync(full, content);
  return full;
}

test('a snapshot of this process reads the same plain and compressed', async () => {
  const plain = v8.writeHeapSnapshot(path.join(dir, 'plain.heapsnapshot'));
  const text = fs.readFileSync(plain);
  const header = JSON.parse(text.subarray(text.indexOf('{"meta"'), text.indexOf(',\n"nodes"')).toString());
  const paths = [plain, file('a.gz', zlib.gzipSync(text))];
  if (zlib.zstdCompressSync) paths.push(file('a.zst', zlib.zstdCompressSync(text)));
  for (const each of paths) {
    const [{ heapBytes, redacted, ...snapshot }] = JSON.parse(await analyzeSnapshots([each])).snapshots;
    assert.ok(heapBytes > 1e6);
    assert.equal(redacted, false);
    assert.deepEqual(snapshot, {
      path: each,
      bytes: fs.statSync(each).size,
      nodes: header.node_count,
      edges: header.edge_count,
    });
  }
});

function flipped(bytes, at) {
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  return bytes;
}

test('what is no snapshot is refused with a code and a hint', async () => {
  const text = fs.readFileSync(path.join(dir, 'plain.heapsnapshot'));
  const cases = [
    ['empty', '', 'EMPTY', /before V8 wrote it/],
    ['half', text.subarray(0, text.length / 2), 'TRUNCATED', /still being written/],
    ['half.gz', zlib.gzipSync(text).subarray(0, 5000), 'TRUNCATED', /still being written/],
    ['twice', Buffer.concat([text, text]), 'CORRUPT', /text behind its end/],
    ['more', Buffer.concat([text, Buffer.from([0])]), 'CORRUPT', /text behind its end/],
    ['checksum.gz', flipped(zlib.gzipSync(text), -6), 'CORRUPT', /compressed stream is damaged/],
    ['stream.gz', flipped(zlib.gzipSync(text), 5000), 'CORRUPT', /damaged|contradicts/],
    ['text', 'hello', 'NOT_JSON', /not a V8 heap snapshot/],
    ['profile', '{"nodes":[],"startTime":1}', 'SCHEMA', /not a heap profile/],
  ];
  for (const [name, content, code, message] of cases) {
    await assert.rejects(
      analyzeSnapshots([file(name, content)]),
      { code: `ERR_PLIMSOLL_SNAPSHOT_${code}`, message },
      name,
    );
  }
  await assert.rejects(analyzeSnapshots([path.join(dir, 'none')]), {
    code: 'ERR_PLIMSOLL_SNAPSHOT_IO',
    message: /none: .*check its path/,
  });
  assert.throws(() => analyzeSnapshots(['x'], 'nonsense'), { code: 'ERR_PLIMSOLL_OPTION' });
});

const keptByTheTest = [];

test('what grew little since the second snapshot is a leak where their names say that little time went by', async () => {
  const taken = [100, 20_000, 2000].map((count, at) => {
    for (let n = 0; n < count; n++) keptByTheTest.push({ n, text: `entry ${n}` });
    return v8.writeHeapSnapshot(path.join(dir, `grown-${at}.heapsnapshot`));
  });
  const found = async (...times) => {
    const named = times.map((time, at) => path.join(dir, `Heap.20261121.${time}.1.0.00${at}.heapsnapshot`));
    taken.forEach((each, at) => fs.copyFileSync(each, named[at]));
    const { suspects } = JSON.parse(await analyzeSnapshots(named, JSON.stringify({ leastGrowth: 0 })));
    return suspects.some(({ name }) => name === 'keptByTheTest');
  };
  assert.equal(await found('080000', '090000', '100000'), false, 'a warm-up');
  assert.equal(await found('080000', '090000', '090500'), true);
});
