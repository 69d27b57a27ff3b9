'use strict';
// The list of a snapshot directory says which heap images a watch took by itself. Which of them belong together, and
// which an analysis makes superfluous.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const {
  AUTOMATIC,
  NEAR_LIMIT,
  comparable,
  goneOf,
  imagesOfReasons,
  mostComparable,
  spentImages,
} = require('../../lib/snapshot/images.js');
const { temporaryDir } = require('../children/snapshot-support.js');

const entry = (over) => ({ name: 'Heap.a.heapimage', owner: { pid: 7 }, reason: 'leak', ...over });

function listed(t, text, reasons = AUTOMATIC) {
  const dir = temporaryDir(t);
  if (text !== undefined) fs.writeFileSync(path.join(dir, 'plimsoll-snapshots.json'), text);
  return imagesOfReasons(dir, 7, reasons).map((file) => path.relative(dir, file));
}

test('images of the process that no user asked for, and nothing outside of the directory', (t) => {
  const files = [
    entry(),
    entry({ name: 'Heap.b.heapsnapshot' }),
    entry({ name: 'Heap.c.heapimage', reason: 'api' }),
    entry({ name: 'Heap.d.heapimage', owner: { pid: 8 } }),
    entry({ name: '../../Heap.e.heapimage', reason: 'suspect' }),
  ];
  assert.deepEqual(listed(t, JSON.stringify({ files })), ['Heap.a.heapimage', 'Heap.e.heapimage']);
});

test('an image near the heap limit is none of a diagnosis', (t) => {
  const text = JSON.stringify({ files: [entry({ reason: 'near-limit' })] });
  assert.deepEqual(listed(t, text), []);
  assert.deepEqual(listed(t, text, NEAR_LIMIT), ['Heap.a.heapimage']);
});

test('without a list, or with one that is damaged, none is known', (t) => {
  const damaged = ['', '{', 'null', '{}', '{"files":7}', '{"files":[null]}', '{"files":[{}]}'];
  const texts = [undefined, ...damaged, JSON.stringify({ files: [entry({ name: 7 })] })];
  for (const text of texts) assert.deepEqual(listed(t, text), [], text);
});

const [s1, s2, i1, i2] = ['1.heapsnapshot', '2.heapsnapshot.zst', '1.heapimage', '2.heapimage'];

test('snapshots and images are not compared with each other', () => {
  assert.deepEqual(comparable([s1, s2, i1]), [i1], 'the kind of the last');
  assert.deepEqual(mostComparable([s1, s2, i1]), [s1, s2], 'the kind of which there are most');
  assert.deepEqual(mostComparable([i1, s1, i2]), [i1, i2]);
  assert.deepEqual(mostComparable([s1, i1]), [i1]);
  assert.deepEqual(mostComparable([]), []);
});

test('an analysis makes all images of its diagnosis superfluous, those from before it began again too', () => {
  assert.deepEqual(spentImages({ keepImages: false, superseded: [s1, i1] }, [i2]), [i2, i1]);
  assert.deepEqual(spentImages({}, [s1, i1]), [i1]);
  assert.deepEqual(spentImages({ keepImages: true, superseded: [i1] }, [i2]), []);
});

test(
  'a snapshot that cannot be looked at may be there',
  { skip: process.platform === 'win32' && 'links are of POSIX' },
  (t) => {
    const loop = path.join(temporaryDir(t), '1.heapsnapshot');
    fs.symlinkSync(loop, loop);
    assert.deepEqual(goneOf([{ path: loop }], []), []);
  },
);

test('a snapshot is gone if it goes after the report, or is not there', () => {
  const [here, dir] = [{ path: __filename }, __dirname];
  assert.deepEqual(goneOf([here, { path: '/nowhere/1.heapimage' }], []), ['/nowhere/1.heapimage']);
  assert.deepEqual(goneOf([here], [__filename]), [__filename]);
  assert.deepEqual(
    goneOf([{ path: `/elsewhere/${path.basename(__filename)}` }], [], dir),
    [],
    'the directory was copied',
  );
});
