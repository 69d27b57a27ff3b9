'use strict';
// Snapshots under resource limits of the process: they count as room, and a child that dies of one is not followed by the
// same work in the service.
const test = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { native } = require('../../lib/native.js');
const { temporaryDir } = require('../children/snapshot-support.js');

const { fork: unsupported } = native.snapshotSupport();
const options = unsupported ? { skip: unsupported } : {};
const PROGRAM = path.join(__dirname, '../children/take-snapshot.js');

/** What came of a snapshot in a process with a limit, and how that process ended. */
async function limited(t, given) {
  const dir = temporaryDir(t);
  const service = spawn(
    process.execPath,
    [PROGRAM, JSON.stringify({ dir, cooldown: 0, nice: 0, ballast: 40, ...given })],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const exit = once(service, 'exit');
  let out = '';
  for await (const chunk of service.stdout) out += chunk;
  const [exitCode] = await exit;
  assert.equal(exitCode, 0, 'the service lives');
  return { answer: JSON.parse(out), files: fs.readdirSync(dir) };
}

const MB = 2 ** 20;
const LIMITS = [
  [{ as: 340 * MB }, /ulimit -v, -d/],
  [{ data: 200 * MB }, /ulimit -v, -d/],
  [{ fsize: 2 * MB }, /ulimit -f/],
];

for (const [limit, named] of LIMITS) {
  const [resource] = Object.keys(limit);
  test(`limited ${resource}: refused before anything is tried`, options, async (t) => {
    const { answer, files } = await limited(t, { limit, method: 'fork' });
    assert.equal(answer.code, 'ERR_PLIMSOLL_NO_ROOM', answer.message);
    assert.match(answer.message, named);
    assert.ok(answer.available < answer.needed);
    assert.deepEqual(files, [], 'an attempt that was not made begins no cooldown');
  });

  test(`limited ${resource}: a child that meets it ends, and the service does not do the same`, options, async (t) => {
    // An expectation that is far too low. No heap image is redacted.
    const { answer, files } = await limited(t, { limit, headroom: 0, redact: true });
    assert.match(answer.code, /^ERR_PLIMSOLL_(?:NO_ROOM|SNAPSHOT)$/, answer.message);
    assert.deepEqual(files, ['plimsoll-snapshots.json']);
  });
}
