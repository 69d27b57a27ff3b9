'use strict';
// An event loop that does not answer: the inspector's thread accepts connections all the same.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { EventEmitter, once } = require('node:events');
const { Session } = require('../../lib/inspect/session.js');
const { attach, listeningPorts } = require('../../lib/inspect/target.js');
const { violations } = require('../support/reports.js');
const { imagesOff } = require('../support/nodes.js');
const { startTarget } = require('../support/targets.js');

const options = { skip: process.platform !== 'linux' && 'reads /proc', timeout: 120_000 };
const reason = imagesOff(process.execPath);
const withImages = { ...options, skip: options.skip || (reason !== null && reason) };

/** Code that leaks for ever in a loop that never returns, with interrupts and without a microtask. */
const LOOP = `const wait = new Int32Array(new SharedArrayBuffer(4));
const sessions = new Map();
const keep = () => { for (let n = 0; n < 20; n++) sessions.set(sessions.size, { text: 'text ' + sessions.size }); };
globalThis.sessions = sessions;
const stuck = () => { for (;;) { keep(); Atomics.wait(wait, 0, 0, 2); } };`;

function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-stuck-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

/** A process that runs this code, and has written something. */
async function start(t, dir, code) {
  const program = path.join(dir, 'app.js');
  fs.writeFileSync(program, `${code}\n`);
  return startTarget(t, program);
}

/** The command line with a short patience, in a process that is not the parent of what it looks at. */
function cli(t, patienceMs, ...args) {
  const program = `const { main } = require(${JSON.stringify(path.join(__dirname, '../../lib/cli/main.js'))});
    const { stdout, stderr } = process;
    main(${JSON.stringify(args)}, { env: {}, stdout, stderr, patienceMs: ${patienceMs} }).then((code) => (process.exitCode = code));`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const io = { child, out: '', err: '', ended: once(child, 'close') };
  child.stdout.setEncoding('utf8').on('data', (text) => (io.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (io.err += text));
  return io;
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const isOpen = (pid) => listeningPorts(pid).size > 0;

/** A socket that never answers. */
class Wire extends EventEmitter {
  closed = false;
  send() {}
  close() {
    this.closed = true;
    this.emit('close');
  }
}

test('a request that is not answered ends the session, whatever else is answered', async () => {
  const wire = new Wire();
  const session = new Session(wire, { patienceMs: 100 });
  let renewals = 1;
  // The answers to requests that are sent later.
  const renewing = setInterval(() => {
    session.send('Runtime.callFunctionOn', {}, { patienceMs: Infinity }).catch(() => {});
    wire.emit('message', JSON.stringify({ id: ++renewals, result: {} }));
  }, 10);
  await assert.rejects(session.send('Runtime.evaluate'), {
    code: 'ERR_PLIMSOLL_INSPECTOR',
    message: /its event loop is stuck/,
  });
  clearInterval(renewing);
  assert.deepEqual([session.isSilent, wire.closed], [true, true]);
  await assert.rejects(session.send('Runtime.evaluate'), { code: 'ERR_PLIMSOLL_INSPECTOR' });
});

test('a request waits as long as events come', async () => {
  const wire = new Wire();
  const session = new Session(wire, { patienceMs: 200 });
  const answer = session.send('HeapProfiler.takeHeapSnapshot');
  const begun = performance.now();
  while (performance.now() - begun < 800) {
    wire.emit('message', '{"method":"HeapProfiler.addHeapSnapshotChunk","params":{"chunk":""}}');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  wire.emit('message', '{"id":1,"result":{}}');
  assert.deepEqual(await answer, {});
});

test('an inspector that accepts and does not answer is refused, and closes by itself later', options, async (t) => {
  const dir = folder(t);
  const go = path.join(dir, 'go');
  const child = await start(
    t,
    dir,
    `const fs = require('node:fs'); const wait = new Int32Array(new SharedArrayBuffer(4));
    fs.writeSync(1, 'ready'); while (!fs.existsSync(${JSON.stringify(go)})) Atomics.wait(wait, 0, 0, 5);
    setInterval(() => {}, 1000);`,
  );
  await assert.rejects(attach(child.pid, { patienceMs: 1000 }), {
    code: 'ERR_PLIMSOLL_INSPECTOR',
    message: /the event loop of the process is stuck/,
  });
  assert.ok(isOpen(child.pid));
  fs.writeFileSync(go, '');
  await until(() => !isOpen(child.pid));
  assert.deepEqual([child.exitCode, child.signalCode], [null, null]);
});

test('attach takes images of a process whose inspector does not answer', withImages, async (t) => {
  const dir = folder(t);
  const json = path.join(dir, 'r.json');
  const child = await start(t, dir, `${LOOP}\nrequire('node:fs').writeSync(1, 'ready'); stuck();`);
  const args = ['--yes', '--interval', '50ms', '--duration', '2s', '--dir', dir, '--json', json, String(child.pid)];
  const io = cli(t, 1000, 'attach', ...args);
  const [code] = await io.ended;
  assert.match(io.err, /event loop of the process is stuck.* Three heap images of it are taken instead/);
  assert.equal(code, 3, io.out);
  const report = JSON.parse(fs.readFileSync(json, 'utf8'));
  assert.deepEqual(violations(report), []);
  assert.deepEqual(
    report.snapshots.map(({ method }) => method),
    ['image', 'image', 'image'],
  );
});

test('a signal ends the wait for the first answer', options, async (t) => {
  const dir = folder(t);
  const child = await start(t, dir, `${LOOP}\nrequire('node:fs').writeSync(1, 'ready'); stuck();`);
  const io = cli(t, 2 ** 30, 'attach', '--yes', '--dir', dir, String(child.pid));
  await until(() => isOpen(child.pid));
  io.child.kill('SIGTERM');
  const [code] = await io.ended;
  assert.equal(code, 143);
  assert.match(io.err, /ended by a signal before anything could be observed/);
});

/** A process that is stuck from the moment on that this file is there. */
const stuckOnce = (file) => `${LOOP}
const { existsSync } = require('node:fs');
setInterval(() => { keep(); if (existsSync(${JSON.stringify(file)})) stuck(); }, 5);
process.stdout.write('ready');`;

test('attach takes images where the loop gets stuck during the observation', withImages, async (t) => {
  const dir = folder(t);
  const json = path.join(dir, 'r.json');
  const go = path.join(dir, 'go');
  const child = await start(t, dir, stuckOnce(go));
  const args = ['--yes', '--interval', '100ms', '--duration', '8s', '--dir', dir, '--json', json, String(child.pid)];
  const io = cli(t, 1500, 'attach', ...args);
  await until(() => /snapshot 1 of 3: file/.test(io.err) || io.child.exitCode !== null);
  fs.writeFileSync(go, '');
  const [code] = await io.ended;
  assert.match(io.err, /the event loop of pid \d+ does not answer; three heap images of it are taken/);
  const report = JSON.parse(fs.readFileSync(json, 'utf8'));
  assert.deepEqual(violations(report), []);
  assert.deepEqual(
    report.snapshots.map(({ method }) => method),
    ['image', 'image', 'image'],
  );
  assert.equal(code, 3, io.out);
  assert.equal(report.verdict.state, 'leak');
  assert.ok(report.verdict.bytesPerMinute > 0);
  assert.match(report.notes.join('\n'), /the event loop of the process did not answer from .* into the observation on/);
  assert.match(report.notes.join('\n'), /snapshots are not compared with images: .*\.heapsnapshot/);
});

test('a loop that gets stuck while it is only observed ends the observation with a report', options, async (t) => {
  const dir = folder(t);
  const go = path.join(dir, 'go');
  const child = await start(t, dir, stuckOnce(go));
  const io = cli(t, 1500, 'attach', '--no-snapshots', '--interval', '50ms', '--duration', '10m', String(child.pid));
  await until(() => /observing pid/.test(io.err) || io.child.exitCode !== null);
  fs.writeFileSync(go, '');
  await io.ended;
  assert.match(io.out.replaceAll(/\s+/g, ' '), /the event loop of the process did not answer from/);
});

test('a signal ends an observation in which the loop does not answer, with a report', options, async (t) => {
  const dir = folder(t);
  const go = path.join(dir, 'go');
  const child = await start(t, dir, stuckOnce(go));
  const io = cli(t, 2 ** 30, 'attach', '--no-snapshots', '--interval', '50ms', '--duration', '10m', String(child.pid));
  await until(() => /observing pid/.test(io.err) || io.child.exitCode !== null);
  fs.writeFileSync(go, '');
  io.child.kill('SIGTERM');
  const [code, signal] = await io.ended;
  assert.deepEqual([code, signal], [0, null]);
  assert.match(io.out, /^plimsoll: /);
});
