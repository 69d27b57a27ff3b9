'use strict';
// Where files go: --diagnostic-dir in every spelling, and directories that cannot be written to.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { flagValue } = require('../../lib/node-flags.js');
const { unwritable } = require('../../lib/directories.js');

const INDEX = JSON.stringify(require.resolve('../..'));

test('watch() and takeSnapshot() write to --diagnostic-dir, however it is spelt', { timeout: 300_000 }, (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll dirs-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const script = `const { watch, takeSnapshot } = require(${INDEX});
    // The watch keeps no process alive.
    const awake = setInterval(() => {}, 1000);
    (async () => {
      const watcher = watch({ snapshotOn: [] });
      const watched = await watcher.snapshot();
      watcher.stop();
      const taken = await takeSnapshot({ cooldown: 0 });
      clearInterval(awake);
      process.stdout.write(JSON.stringify([watched.path, taken.path].map((file) => require('node:path').dirname(file))));
    })();`;
  const spellings = [
    { argv: ['--diagnostic-dir', dir] },
    { argv: [`--diagnostic-dir=${dir}`] },
    { argv: [`--diagnostic_dir=${dir}`] },
    { argv: [], options: `--diagnostic-dir="${dir}"` },
  ];
  for (const { argv, options = '' } of spellings) {
    const { stdout, stderr } = spawnSync(process.execPath, [...argv, '-e', script], {
      cwd: os.tmpdir(),
      env: { ...process.env, NODE_OPTIONS: options },
      encoding: 'utf8',
    });
    assert.deepEqual(JSON.parse(stdout || '[]'), [dir, dir], `${argv} ${options} ${stderr}`);
  }
});

const value = (execArgv, NODE_OPTIONS = '') => flagValue('--diagnostic-dir', { execArgv, env: { NODE_OPTIONS } });

test('of a flag given twice the last one holds, and the command line before NODE_OPTIONS', () => {
  assert.equal(value([]), undefined);
  assert.equal(value(['--diagnostic-dir=a', '--diagnostic_dir', 'b']), 'b');
  assert.equal(value(['--diagnostic-dir=a'], '--diagnostic-dir=b'), 'a');
  assert.equal(value(['--no-warnings'], String.raw`--no-warnings --diagnostic-dir="a \"b\" c" --inspect`), 'a "b" c');
  assert.equal(value(['--diagnostic-dir=a=b']), 'a=b');
  assert.equal(value(['--diagnostic-directory=a']), undefined);
});

test('a directory that cannot be written to is known before it is needed', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-dirs-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const file = path.join(dir, 'file');
  fs.writeFileSync(file, '');
  assert.equal(unwritable(dir), null);
  assert.equal(unwritable(path.join(dir, 'to', 'be', 'made')), null);
  for (const wrong of [file, path.join(file, 'below')]) {
    const error = unwritable(wrong);
    assert.equal(error.code, 'ERR_PLIMSOLL_DIR');
    assert.ok(error.message.includes(wrong) && /PLIMSOLL_DIR/.test(error.message), error.message);
  }
  assert.equal(fs.readdirSync(dir).length, 1, 'nothing was made');
});

test(
  'where access(2) grants what the file system refuses, a directory is known too',
  { skip: !fs.existsSync('/proc/self') && 'there is no /proc' },
  () => {
    for (const dir of ['/proc', '/proc/nope', '/proc/self/fd'])
      assert.equal(unwritable(dir)?.code, 'ERR_PLIMSOLL_DIR', dir);
  },
);

test('watch() says at once that its directory cannot be written to; doctor does too', { timeout: 300_000 }, (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-dirs-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const file = path.join(dir, 'file');
  fs.writeFileSync(file, '');
  const run = (options) => {
    const script = `const watcher = require(${INDEX}).watch(${JSON.stringify({ ...options, dir: file })});
      watcher.on('error', ({ code }) => { process.stdout.write(code); watcher.stop(); });`;
    return spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).stdout;
  };
  assert.equal(run({}), 'ERR_PLIMSOLL_DIR');
  assert.equal(run({ snapshotOn: [], report: [] }), '', 'where nothing is to be written');
  const doctor = spawnSync(process.execPath, [require.resolve('../../bin/plimsoll.js'), 'doctor'], {
    env: { ...process.env, PLIMSOLL_DIR: file },
    encoding: 'utf8',
  });
  assert.match(doctor.stdout, /snapshots go to .*cannot be written to .*file/);
});
