'use strict';
// Who read our output is gone (a terminal that was closed, `| head`): nothing of that reaches the service, nor the report.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');

const ROOT = path.join(__dirname, '../..');
const BIN = path.join(ROOT, 'bin/plimsoll.js');

function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-pipes-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

/** Runs a program with one of its streams closed by the reader; resolves to how it ended. */
async function runClosed(stream, args, options) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  child[stream].destroy();
  const open = stream === 'stderr' ? child.stdout : child.stderr;
  let text = '';
  open.on('data', (chunk) => (text += chunk));
  const [code, signal] = await once(child, 'close');
  return { code, signal, text };
}

test('a watched service whose stderr is closed goes on, while the watch has something to say', async (t) => {
  const program = `
    const watcher = require(${JSON.stringify(ROOT)}).watch();
    const service = setInterval(() => {}, 1000);
    // Two: a pipe may take the first before it is known to be closed.
    watcher.snapshot({ method: 'in-process' }).then(() => watcher.snapshot({ method: 'in-process' })).then(() => setTimeout(() => {
      console.log('served', watcher.stats().snapshots.taken);
      clearInterval(service);
    }, 100));`;
  const { code, signal, text } = await runClosed(
    'stderr',
    ['--import', path.join(ROOT, 'register.js'), '-e', program],
    { env: { ...process.env, PLIMSOLL_LOG: 'debug', PLIMSOLL_DIR: folder(t) } },
  );
  assert.deepEqual({ code, signal, text }, { code: 0, signal: null, text: 'served 2\n' });
});

test('plimsoll run whose stderr is closed keeps the exit code and writes the report', async (t) => {
  const dir = folder(t);
  fs.writeFileSync(path.join(dir, 'app.js'), 'setTimeout(() => process.exit(5), 300)');
  const { code } = await runClosed('stderr', [BIN, 'run', '--json', 'r.json', 'app.js'], { cwd: dir });
  assert.equal(code, 5);
  assert.equal(JSON.parse(fs.readFileSync(path.join(dir, 'r.json'), 'utf8')).exit.code, 5);
});

test('a command whose stdout is closed ends with its code, and without a stack', async () => {
  for (const args of [['doctor'], ['--help'], ['run', '--help']]) {
    const { code, text } = await runClosed('stdout', [BIN, ...args]);
    assert.deepEqual([code, text], [0, ''], args.join(' '));
  }
});

test(
  'a full device as standard output is an error in one line',
  { skip: !fs.existsSync('/dev/full') && 'there is no /dev/full' },
  async () => {
    const full = fs.openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [BIN, 'doctor'], { stdio: ['ignore', full, 'pipe'] });
    let text = '';
    child.stderr.on('data', (chunk) => (text += chunk));
    const [code] = await once(child, 'close');
    fs.closeSync(full);
    assert.equal(code, 1);
    assert.match(text, /^plimsoll: standard output cannot be written: .*ENOSPC.*\n$/);
  },
);
