'use strict';
// Trackers that are loaded or started in a request run in no request, and keep neither its stores nor its domain.
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');

const CHILD = path.join(__dirname, '../children', 'track', 'context.js');
const WHAT = ['load', 'trackAll', 'trackEmitter', 'TrackedEventEmitter', 'stop'];

for (const context of ['store', 'domain']) {
  test(`trackers that are loaded and used in a request keep nothing of its ${context}, and tick outside of it`, async () => {
    const run = promisify(execFile);
    const outputs = await Promise.all(WHAT.map((what) => run(process.execPath, ['--expose-gc', CHILD, context, what])));
    for (const [i, { stdout }] of outputs.entries()) {
      const { kept, ticks } = JSON.parse(stdout);
      assert.equal(kept, false, `${context}, ${WHAT[i]}`);
      assert.deepEqual(
        ticks.filter((seen) => seen !== 'none'),
        [],
        `the tick of ${WHAT[i]}`,
      );
    }
  });
}
