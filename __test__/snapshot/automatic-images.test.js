'use strict';
// The list of a snapshot directory says which heap images a watch took by itself.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { AUTOMATIC, NEAR_LIMIT, imagesOfReasons } = require('../../lib/snapshot/images.js');
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
