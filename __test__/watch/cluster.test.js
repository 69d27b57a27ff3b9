'use strict';
// The primary of a cluster gathers what its workers say of themselves.

const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { clusterStats } = require('../../index.js');

test('the primary has the stats of each worker, or why there are none', () => {
  const out = execFileSync(process.execPath, [path.join(__dirname, '../children/cluster.js')], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  const { answers, pids, left, refused } = JSON.parse(out);
  assert.deepEqual(
    answers.map(({ id, pid }) => [id, pid]),
    pids.map((pid, at) => [at + 1, pid]),
  );
  const [threaded, plain, unwatched, stuck, gone] = answers;
  assert.deepEqual([threaded.error, plain.error], [null, null]);
  assert.deepEqual([plain.stats.pid, plain.stats.threadId, plain.stats.verdict.state], [plain.pid, 0, 'too-early']);
  assert.deepEqual(
    plain.stats.isolates.map(({ threadId }) => threadId),
    [0],
  );
  assert.deepEqual(
    threaded.stats.isolates.map(({ threadId }) => threadId),
    [0, 1],
    'its thread has a record of its own',
  );
  for (const { stats, error, pid } of [unwatched, stuck]) {
    assert.equal(stats, null);
    assert.equal(error.code, 'ERR_PLIMSOLL_TIMEOUT');
    assert.match(error.message, new RegExp(`pid ${pid}\\) did not answer within 500 ms`));
  }
  assert.deepEqual([gone.stats, gone.error.code], [null, 'ERR_PLIMSOLL_WORKER']);
  assert.deepEqual(left, [0, 0, 0, 0, 0], 'no listener stays');
  assert.equal(refused, 'ERR_PLIMSOLL_NOT_PRIMARY');
});

test('without workers there is nothing to gather; a bad timeout is refused', async () => {
  assert.deepEqual(await clusterStats(), []);
  await assert.rejects(clusterStats({ timeout: '5s' }), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
  for (const timeout of [0, -1, 1e9])
    await assert.rejects(clusterStats({ timeout }), { name: 'RangeError', code: 'ERR_PLIMSOLL_OPTION' });
});
