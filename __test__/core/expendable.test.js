'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const { makeExpendable } = require('../../lib/expendable.js');

const onLinux = { skip: process.platform !== 'linux' && 'there is no /proc' };

test('a process of ours is the last in every queue and the first to be killed', onLinux, (t) => {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  makeExpendable(child.pid);
  assert.equal(os.getPriority(child.pid), os.constants.priority.PRIORITY_LOW);
  assert.equal(fs.readFileSync(`/proc/${child.pid}/oom_score_adj`, 'utf8'), '1000\n');
});

test('a process that did not start is no error, and neither is one that has ended', () => {
  makeExpendable(undefined);
  makeExpendable(2 ** 31 - 1);
});
