'use strict';
// Snapshots under limits of the process: descriptors, and the size of a file.

const test = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { requireNative } = require('../../lib/native.js');
const { temporaryDir } = require('../children/snapshot-support.js');

const { image: unsupported } = requireNative().snapshotSupport();
const CHILD = path.join(__dirname, '../children/few-descriptors.js');
const ROOT = JSON.stringify(path.join(__dirname, '../..'));

function limited(limit, ...args) {
  const command = ['-c', `ulimit ${limit}; exec "$@"`, 'sh', process.execPath, ...args];
  const { status, stdout, stderr } = spawnSync('/bin/sh', command, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

// A snapshot needs more descriptors than an image, of which it is made.
for (const [method, last, others] of [
  ['image', 'image', []],
  ['fork', 'fork', []],
  ['auto', 'fork', ['image']],
]) {
  test(`${method} without descriptors says so, and is not done in process`, { skip: unsupported ?? false }, (t) => {
    const free = Array.from({ length: 9 }, (_, count) => count);
    const { outcomes, last: taken } = limited('-n 64', CHILD, method, temporaryDir(t), ...free.map(String));
    assert.equal(taken, last);
    const rest = outcomes.filter((each) => each !== 'ERR_PLIMSOLL_DESCRIPTORS');
    assert.ok(outcomes.length - rest.length >= 5, outcomes.join());
    assert.deepEqual(
      rest.filter((each) => ![last, ...others].includes(each)),
      [],
      outcomes.join(),
    );
  });
}

test(
  'an image that a limit on the size of files does not allow is refused ahead',
  { skip: unsupported ?? false },
  (t) => {
    const program = `
    const { takeSnapshot } = require(${ROOT});
    takeSnapshot({ method: 'image', dir: process.argv[1], cooldown: 0 }).catch(({ code, message, needed, available }) =>
      console.log(JSON.stringify({ code, message, needed, available })));`;
    const { code, message, needed, available } = limited('-f 100', '-e', program, '--', temporaryDir(t));
    assert.equal(code, 'ERR_PLIMSOLL_NO_ROOM', message);
    assert.ok(needed > available && available > 0, message);
    assert.match(message, /ulimit -f/);
    assert.doesNotMatch(message, /compress/);
  },
);
