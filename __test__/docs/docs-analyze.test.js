'use strict';
// The examples of docs/analyze.md do what the page says: the leak is reported so, the fix leaks nothing.
const test = require('node:test');
const assert = require('node:assert/strict');
const { examplesOf, reportFor, shapeOf } = require('../causes/documented.js');

const examples = examplesOf();

for (const example of examples) {
  test(`${example.cause}: the report and the fix`, async () => {
    const leak = await reportFor(example, example.leak);
    assert.equal(leak.report.suspects[0]?.cause, example.cause);
    assert.equal(shapeOf(leak.text), shapeOf(example.report));
    const fixed = await reportFor(example, example.fix);
    assert.deepEqual(fixed.report.suspects, []);
  });
}
