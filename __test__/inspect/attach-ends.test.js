'use strict';
// However attach ends, the target's inspector is closed again.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { TERMS } = require('../../lib/inspect/lease.js');
const { attach, listeningPorts } = require('../../lib/inspect/target.js');
const { startTarget } = require('../support/targets.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const TARGET = path.join(__dirname, '../../lib/inspect/target.js');
const options = { skip: process.platform !== 'linux' && 'reads /proc', timeout: 120_000 };

const start = (t, program = path.join(__dirname, '../children/plain-leak.js')) => startTarget(t, program);

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Resolves when the process has said this on stderr. */
async function said(child, pattern) {
  let text = '';
  child.stderr.on('data', (chunk) => (text += chunk));
  await until(() => pattern.test(text) || child.exitCode !== null);
  assert.match(text, pattern);
}

const isOpen = (pid) => listeningPorts(pid).size > 0;

for (const signal of ['SIGHUP', 'SIGQUIT', 'SIGTERM', 'SIGINT', 'SIGUSR2', 'SIGALRM']) {
  test(`attach that ends by ${signal} closes the inspector`, options, async (t) => {
    const target = await start(t);
    const attached = spawn(
      process.execPath,
      [BIN, 'attach', '--no-snapshots', '--duration', '10m', String(target.pid)],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    t.after(() => attached.kill('SIGKILL'));
    await said(attached, /observing pid/);
    assert.ok(isOpen(target.pid));
    attached.kill(signal);
    await once(attached, 'exit');
    await until(() => !isOpen(target.pid));
    assert.deepEqual([target.exitCode, target.signalCode], [null, null]);
  });
}

/** A process that attaches with a short lease and says so. */
function attachBriefly(pid) {
  const program = `require(${JSON.stringify(TARGET)}).attach(${pid}, { terms: { ticks: 3, tickMs: 100, renewMs: 50 } })
    .then(() => process.stderr.write('attached')); setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'ignore', 'pipe'] });
}

for (const signal of ['SIGKILL', 'SIGSTOP']) {
  test(`after ${signal} of attach the target closes its inspector by itself`, options, async (t) => {
    const target = await start(t);
    const attached = attachBriefly(target.pid);
    t.after(() => attached.kill('SIGKILL'));
    await said(attached, /attached/);
    assert.ok(isOpen(target.pid));
    attached.kill(signal);
    await until(() => !isOpen(target.pid));
    assert.deepEqual([target.exitCode, target.signalCode], [null, null]);
  });
}

test('a lease that is renewed lasts, also over a time in which the target stands still', options, async (t) => {
  const target = await start(t);
  const { session, close } = await attach(target.pid, { terms: { ticks: 5, tickMs: 50, renewMs: 25 } });
  await session.evaluate('new Promise((resolve) => setTimeout(resolve, 1000))');
  await session.evaluate('{ const end = Date.now() + 1000; while (Date.now() < end); }');
  assert.equal(await session.evaluate('1 + 1'), 2);
  await close();
  await until(() => !isOpen(target.pid));
});

test('the lease runs out 3 s after the last renewal, and one that comes late is no loss', () => {
  const { ticks, tickMs, renewMs } = TERMS;
  assert.equal(ticks * tickMs, 3000);
  assert.ok(renewMs * 4 <= ticks * tickMs, 'three renewals may be missed');
});

test('a session whose lease has run out fails with a code', options, async (t) => {
  const target = await start(t);
  const { session } = await attach(target.pid, { terms: { ticks: 2, tickMs: 50, renewMs: 2 ** 30 } });
  const waiting = session.evaluate('new Promise(() => {})');
  // V8 collects a promise that only an evaluation refers to, which is an answer too: the connection decides.
  await assert.rejects(waiting, { code: 'ERR_PLIMSOLL_INSPECTOR' });
  await until(() => !isOpen(target.pid));
  await assert.rejects(session.evaluate('1 + 1'), { code: 'ERR_PLIMSOLL_INSPECTOR' });
});

test('attach that is killed before it has a lease leaves no inspector open', options, async (t) => {
  const target = await start(t);
  // Ends at the first signal to the target, before its inspector can answer.
  const program = `const { kill } = process; process.kill = (pid, signal) => { kill.call(process, pid, signal); if (signal === 'SIGUSR1') kill.call(process, process.pid, 'SIGKILL'); };
    require(${JSON.stringify(TARGET)}).attach(${target.pid});`;
  const { signal } = spawnSync(process.execPath, ['-e', program], { stdio: 'inherit' });
  assert.equal(signal, 'SIGKILL');
  await until(() => isOpen(target.pid));
  await until(() => !isOpen(target.pid));
});

test('an inspector that opens after attach has given up is closed', options, async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-attach-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const program = path.join(dir, 'stuck.js');
  // Stuck outside of JavaScript, where no interrupt reaches it, until the file is there.
  fs.writeFileSync(
    program,
    `require('node:fs').writeSync(1, 'ready');
    require('node:child_process').spawnSync('sh', ['-c', 'until [ -e ${dir}/go ]; do sleep 0.05; done']);
    setInterval(() => {}, 1000);`,
  );
  const target = await start(t, program);
  await assert.rejects(attach(target.pid, { patienceMs: 300 }), {
    code: 'ERR_PLIMSOLL_INSPECTOR',
    message: /it is closed again/,
  });
  assert.equal(isOpen(target.pid), false);
  fs.writeFileSync(path.join(dir, 'go'), '');
  await until(() => isOpen(target.pid));
  await until(() => !isOpen(target.pid));
});

const noScript = spawnSync('script', ['--version']).error !== undefined && 'takes script(1)';

for (const [when, args, pattern] of [
  ['observes', ['--no-snapshots'], /observing pid/],
  ['asks', [], /\[y\/N\]/],
]) {
  test(
    `a terminal that goes away while attach ${when} closes the inspector`,
    { ...options, skip: options.skip || noScript },
    async (t) => {
      const target = await start(t);
      const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-attach-'));
      t.after(() => fs.rmSync(dir, { recursive: true }));
      const hook = path.join(dir, 'hook.js');
      // Node 20 itself aborts at the end, once its terminal is gone: what JavaScript says is asked.
      fs.writeFileSync(
        hook,
        `for (const event of ['exit', 'uncaughtExceptionMonitor']) process.on(event, (what) => require('node:fs').appendFileSync('${dir}/said', event + ' ' + what + '\\n'));`,
      );
      const command = [process.execPath, '-r', hook, BIN, 'attach', ...args, '--duration', '10m', target.pid].join(' ');
      const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
      t.after(() => terminal.kill('SIGKILL'));
      let text = '';
      terminal.stdout.on('data', (chunk) => (text += chunk));
      await until(() => pattern.test(text) || terminal.exitCode !== null);
      assert.match(text, pattern);
      terminal.kill('SIGKILL'); // the kernel hangs the terminal up
      await until(() => !isOpen(target.pid));
      await until(() => fs.existsSync(path.join(dir, 'said')));
      assert.equal(fs.readFileSync(path.join(dir, 'said'), 'utf8'), 'exit 0\n');
      assert.deepEqual([target.exitCode, target.signalCode], [null, null]);
    },
  );
}
