'use strict';
// What `plimsoll run --send` sends itself.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { resolveOptions } = require('../../lib/options.js');
const { sendReports } = require('../../lib/cli/send-reports.js');
const { temporary, unpacked, filesBelow, until } = require('../support/egress.js');

const report = (pid, state, redacted = true) => ({
  pid,
  threadId: 0,
  redacted,
  verdict: { state },
  process: { script: '/srv/shop.js' },
});

/** Never aborted. */
const PATIENT = new AbortController().signal;

test('the final reports of leaks arrive under the name of the program', async (t) => {
  const [dir, target] = [temporary(t), temporary(t)];
  const said = [];
  const options = resolveOptions({ dir, send: [`file:${target}`] });
  await sendReports([report(11, 'leak'), report(12, 'steady')], options, (line) => said.push(line), PATIENT);
  assert.deepEqual(said, []);
  const [file, ...others] = filesBelow(target);
  assert.deepEqual(others, []);
  assert.match(file, /shop[\\/].*[\\/]plimsoll-11-001\.json\./);
  assert.equal(JSON.parse(unpacked(fs.readFileSync(path.join(target, file)), file)).pid, 11);
  await until(() => fs.readdirSync(dir).length === 0, 'the local file was for sending only');
});

test('a report that is not redacted stays here', async (t) => {
  const [dir, target] = [temporary(t), temporary(t)];
  const options = resolveOptions({ dir, send: [`file:${target}`] });
  const said = [];
  await sendReports([report(11, 'leak', false)], options, (line) => said.push(line), PATIENT);
  assert.deepEqual([filesBelow(target), fs.readdirSync(dir)], [[], []]);
  assert.match(said.join(), /not redacted/);
});

test('a directory that cannot be written is one line', async (t) => {
  const target = temporary(t);
  const said = [];
  const options = resolveOptions({ dir: '/proc/none', send: [`file:${target}`] });
  await sendReports([report(11, 'leak')], options, (line) => said.push(line), PATIENT);
  assert.equal(said.length, 1);
  assert.match(said[0], /^the report cannot be sent: /);
});
