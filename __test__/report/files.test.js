'use strict';
// Where a watcher's reports are written.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { checkTarget, writeReport, writeView } = require('../../lib/report/files.js');
const { saveHeapProfile } = require('../../lib/watch/heap-profile.js');
const { leakReport } = require('../support/reports.js');

function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-files-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

test('the views of one report have one number, and nothing that is there is replaced', async (t) => {
  const dir = folder(t);
  const report = leakReport();
  const name = (sequence, extension) => `plimsoll-${report.pid}-${sequence}.${extension}`;
  fs.writeFileSync(path.join(dir, name('001', 'html')), "another process's");
  const files = await writeReport(report, { dir, formats: ['json', 'html', 'text'] });
  assert.deepEqual(
    files.map((file) => path.basename(file)),
    [name('002', 'json'), name('002', 'html'), name('002', 'txt')],
  );
  assert.deepEqual(fs.readdirSync(dir).toSorted(), [
    name('001', 'html'),
    name('002', 'html'),
    name('002', 'json'),
    name('002', 'txt'),
  ]);
  assert.equal(fs.readFileSync(path.join(dir, name('001', 'html')), 'utf8'), "another process's");
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
  for (const made of ['a', 'a/b', 'c', 'c/d'])
    assert.equal(fs.statSync(path.join(dir, made)).mode & 0o777, 0o700, made);
  await assert.rejects(writeReport(leakReport(), { dir: '/dev/null/reports', formats: ['json'] }), {
    code: 'ERR_PLIMSOLL_REPORT_WRITE',
    message: /set dir \(PLIMSOLL_DIR\)/,
  });
});

test('what a killed process with the same pid has left does not refuse a report', async (t) => {
  const file = path.join(folder(t), 'report.json');
  fs.writeFileSync(`${file}.${process.pid}.partial`, '{');
  await writeView(leakReport(), 'json', file);
  assert.equal(JSON.parse(fs.readFileSync(file, 'utf8')).verdict.state, 'leak');
});

const posix = process.platform === 'win32' && 'modes and owners are of POSIX';
const modeOf = (file) => fs.statSync(file).mode & 0o777;

test(
  'a new report is for its owner alone; a file that is there keeps its mode, also behind a symbolic link',
  { skip: posix },
  async (t) => {
    const dir = folder(t);
    const at = (name) => path.join(dir, name);
    for (const [name, mode] of [
      ['plain.json', 0o644],
      ['behind.json', 0o664],
      ['closed.json', 0o400],
    ]) {
      fs.writeFileSync(at(name), 'old');
      fs.chmodSync(at(name), mode);
    }
    fs.symlinkSync('behind.json', at('link.json'));
    for (const name of ['new.json', 'plain.json', 'link.json', 'closed.json']) {
      await checkTarget(at(name));
      assert.equal(await writeView(leakReport(), 'json', at(name)), at(name));
    }
    assert.deepEqual(
      ['new.json', 'plain.json', 'behind.json', 'closed.json'].map((name) => modeOf(at(name))),
      [0o600, 0o644, 0o664, 0o400],
    );
    assert.equal(fs.readlinkSync(at('link.json')), 'behind.json');
    assert.equal(JSON.parse(fs.readFileSync(at('behind.json'), 'utf8')).schema, 'plimsoll.report/1');
    assert.equal(fs.readdirSync(dir).length, 5, 'nothing else is left');
  },
);

test(
  'a symbolic link that leads nowhere is refused, and what others own is not trusted',
  { skip: posix },
  async (t) => {
    const dir = folder(t);
    const at = (name) => path.join(dir, name);
    fs.symlinkSync('missing.json', at('dangling.json'));
    for (const work of [
      () => checkTarget(at('dangling.json')),
      () => writeView(leakReport(), 'json', at('dangling.json')),
    ]) {
      await assert.rejects(work(), {
        code: 'ERR_PLIMSOLL_REPORT_WRITE',
        message: /a symbolic link to a file that is not there/,
      });
    }
    if (process.getuid() !== 0) return; // only root gives files away
    const OTHER = 65_534;
    fs.writeFileSync(at('real.json'), 'old');
    fs.symlinkSync('real.json', at('foreign.json'));
    fs.lchownSync(at('foreign.json'), OTHER, OTHER);
    await assert.rejects(checkTarget(at('foreign.json')), /a symbolic link of another user/);
    await assert.rejects(writeView(leakReport(), 'json', at('foreign.json')), /a symbolic link of another user/);
    assert.equal(fs.readFileSync(at('real.json'), 'utf8'), 'old');
    fs.writeFileSync(at('open.json'), 'old');
    fs.chmodSync(at('open.json'), 0o666);
    fs.chownSync(at('open.json'), OTHER, OTHER);
    await writeView(leakReport(), 'json', at('open.json'));
    assert.equal(modeOf(at('open.json')), 0o600);
  },
);
