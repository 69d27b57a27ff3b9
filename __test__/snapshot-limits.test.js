'use strict';
// Snapshots under resource limits of the process: they count as room, and a child that dies of one is not followed by the
// same work in the service.
const test = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { native } = require('../lib/native.js');
const { temporaryDir } = require('./children/snapshot-support.js');

const { fork: unsupported } = native.snapshotSupport();
const options = unsupported ? { skip: unsupported } : {};
const PROGRAM = path.join(__dirname, 'children/take-snapshot.js');

/** What came of a snapshot in a process with a limit, and how that process ended. */
async function limited(limit, given) {
  const script = `ulimit ${limit}; exec "$0" "$@"`;
  const service = spawn('sh', ['-c', script, process.execPath, PROGRAM, JSON.stringify({ cooldown: 0, nice: 0, ...given })], { stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  for await (const chunk of service.stdout) out += chunk;
  if (service.exitCode === null) await new Promise((resolve) => service.once('exit', resolve));
  return { answer: out.trim() === '' ? null : JSON.parse(out), exitCode: service.exitCode };
}

for (const [limit, named] of [['-v 1400000', /ulimit -v, -d/], ['-d 400000', /ulimit -v, -d/], ['-f 10000', /ulimit -f/]]) {
  test(`ulimit ${limit}: refused before anything is tried`, options, async (t) => {
    const dir = temporaryDir(t);
    const { answer, exitCode } = await limited(limit, { dir, ballast: 40 });
    assert.equal(exitCode, 0, 'the service lives');
    assert.equal(answer.code, 'ERR_PLIMSOLL_NO_ROOM', answer.message);
    assert.match(answer.message, named);
    assert.ok(answer.available < answer.needed);
    assert.deepEqual(fs.readdirSync(dir), [], 'an attempt that was not made begins no cooldown');
  });
}

for (const limit of ['-v 1400000', '-d 400000', '-f 2000']) {
  test(`ulimit ${limit}: a child that meets it ends, and the service does not do the same`, options, async (t) => {
    const dir = temporaryDir(t);
    // An expectation that is far too low.
    const { answer, exitCode } = await limited(limit, { dir, ballast: 40, headroom: 0 });
    assert.equal(exitCode, 0, 'the service lives');
    assert.match(answer.code, /^ERR_PLIMSOLL_(?:NO_ROOM|SNAPSHOT)$/, answer.message);
    assert.deepEqual(fs.readdirSync(dir), ['plimsoll-snapshots.json']);
  });
}
