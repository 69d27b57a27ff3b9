'use strict';
// Where a watcher's reports are written.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { writeReport } = require('../lib/report/files.js');
const { saveHeapProfile } = require('../lib/watch/heap-profile.js');
const { leakReport } = require('./support/reports.js');

function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-files-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

test('the views of one report have one number, and nothing that is there is replaced', async (t) => {
  const dir = folder(t);
  const report = leakReport();
  const name = (sequence, extension) => `plimsoll-${report.pid}-${sequence}.${extension}`;
  fs.writeFileSync(path.join(dir, name('001', 'html')), "somebody's");
  const files = await writeReport(report, { dir, formats: ['json', 'html', 'text'] });
  assert.deepEqual(files.map((file) => path.basename(file)), [name('002', 'json'), name('002', 'html'), name('002', 'txt')]);
  assert.deepEqual(fs.readdirSync(dir).toSorted(), [name('001', 'html'), name('002', 'html'), name('002', 'json'), name('002', 'txt')]);
  assert.equal(fs.readFileSync(path.join(dir, name('001', 'html')), 'utf8'), "somebody's");
  for (const file of files) assert.equal(fs.statSync(file).mode & 0o777, 0o600);
});

test('folders that are missing are made for their owner alone; one that cannot be is an error that says what to set', async (t) => {
  const dir = folder(t);
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const [file] = await writeReport(leakReport(), { dir: path.join(dir, 'a/b'), formats: ['json'] });
  assert.ok(fs.existsSync(file));
  const profile = await saveHeapProfile({ head: { callFrame: {}, children: [] } }, { dir: path.join(dir, 'c/d') });
  assert.ok(fs.existsSync(profile));
  for (const made of ['a', 'a/b', 'c', 'c/d']) assert.equal(fs.statSync(path.join(dir, made)).mode & 0o777, 0o700, made);
  await assert.rejects(writeReport(leakReport(), { dir: '/dev/null/reports', formats: ['json'] }), { code: 'ERR_PLIMSOLL_REPORT_WRITE', message: /set dir \(PLIMSOLL_DIR\)/ });
});
