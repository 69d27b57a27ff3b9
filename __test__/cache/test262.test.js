'use strict';
// test262's expectations of Map (test262/expectations.js): what does not hold is known, and documented.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { ours, LACKING } = require('../test262/run.js');
const { differs, DIFFERS } = require('../test262/subject.js');

const results = ours();
const names = (which) => results.filter(which).map(({ name }) => name);

test('BoundedMap meets test262 but for what is documented', () => {
  assert.ok(results.length > 200);
  assert.deepEqual(
    results.filter(({ name, why }) => why !== null && differs(name) === undefined),
    [],
  );
  assert.deepEqual(
    names(({ name, why }) => why === null && differs(name) !== undefined),
    [],
    'a difference that is gone is not documented',
  );
  assert.deepEqual(
    Object.keys(DIFFERS).filter((place) => !results.some(({ name }) => name === place || name.startsWith(`${place}/`))),
    [],
  );
  const page = fs.readFileSync(path.join(__dirname, '../..', 'docs', 'caches.md'), 'utf8');
  for (const word of ['groupBy', 'realm', 'toStringTag']) assert.match(page, new RegExp(word));
});

test('the same holds with iterations left open in every state of the map', () => {
  const open = ours(true);
  assert.deepEqual(
    open.map(({ name, why }) => [name, why]),
    results.map(({ name, why }) => [name, why]),
  );
});

test('the expectations are true of the Map of this Node, as far as it has the methods', () => {
  const other = names(({ native }) => native !== null).filter(
    (name) => !LACKING.some((method) => name.split('/').includes(method)),
  );
  assert.deepEqual(other, []);
});
