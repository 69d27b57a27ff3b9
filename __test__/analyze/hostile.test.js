'use strict';
// Snapshot files that are cut off, or that unpack to more than there is room for: an error with a code, never an abort.
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { promisify } = require('node:util');
const v8 = require('node:v8');
const zlib = require('node:zlib');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const MB = 2 ** 20;

function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-hostile-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

/** A gzip of `start`, so many megabytes of `piece`, and `end`. */
async function packed(file, start, piece, megabytes, end) {
  const block = piece.repeat(Math.ceil(MB / piece.length));
  function* parts() {
    yield start;
    for (let n = 0; n < megabytes; n++) yield block;
    yield end;
  }
  await pipeline(
    Readable.from(parts(), { objectMode: false }),
    zlib.createGzip({ level: 1 }),
    fs.createWriteStream(file),
  );
}

const META =
  '{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","detachedness"],"node_types":[["hidden","synthetic"],"string","number","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element"],"string_or_number","node"]},"node_count":1,"edge_count":0},';

test('what unpacks to more than any snapshot is refused with a code', async (t) => {
  const dir = folder(t);
  const cases = {
    'one string': ['"strings":["', 'x', 70, '"]}', /longer than 64 MB/],
    'the name of a section': ['"', 'x', 70, '":1}', /name of a section is longer/],
    'nodes that are not announced': ['"nodes":[0,0,1,8,0,0', ',0,0,3,8,0,0', 4, ']}', /more nodes than it says/],
  };
  for (const [what, [start, piece, megabytes, end, message]] of Object.entries(cases)) {
    const file = path.join(dir, 'bomb.heapsnapshot.gz');
    await packed(file, META + start, piece, megabytes, end);
    const { code, signal, stderr } = await promisify(execFile)(process.execPath, [BIN, 'analyze', file]).catch(
      (error) => error,
    );
    assert.deepEqual([code, signal ?? null], [1, null], `${what}: ${stderr}`);
    assert.match(stderr, message, what);
    assert.doesNotMatch(stderr, /memory allocation of|at .*\.js:\d+/, what);
  }
});

test('a snapshot that is cut off at any place is an error with a code', async (t) => {
  const dir = folder(t);
  const whole = v8.writeHeapSnapshot(path.join(dir, 'whole.heapsnapshot'));
  const bytes = fs.readFileSync(whole);
  // White space at the end may be missing.
  const plain = Buffer.from(bytes.toString('latin1').trimEnd(), 'latin1');
  const packings = { plain, gzip: zlib.gzipSync(bytes, { level: 1 }) };
  const file = path.join(dir, 'cut.heapsnapshot');
  let random = 1;
  for (const [packing, text] of Object.entries(packings)) {
    for (let n = 0; n < 16; n++) {
      random = (random * 48_271) % 0x7fffffff;
      // At the first bytes, at the last ones, and anywhere.
      const length = n < 8 ? n : n < 11 ? text.length - 1 - (n - 8) * 9 : random % text.length;
      fs.writeFileSync(file, text.subarray(0, length));
      const error = await requireAnalyzer()
        .analyzeSnapshots([file], '{}')
        .then(
          () => null,
          (reason) => reason,
        );
      assert.match(
        error?.code ?? 'none',
        /^ERR_PLIMSOLL_SNAPSHOT_(EMPTY|TRUNCATED|NOT_JSON|CORRUPT)$/,
        `${packing}, ${length} of ${text.length} bytes: ${error?.message}`,
      );
    }
  }
});
