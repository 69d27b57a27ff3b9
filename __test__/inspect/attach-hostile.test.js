'use strict';
// An attached process is not trusted: what it says enters no path, steers no terminal and throws nothing.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { EventEmitter } = require('node:events');
const { listeningPorts } = require('../../lib/inspect/target.js');
const { Session } = require('../../lib/inspect/session.js');
const { main } = require('../../lib/cli/main.js');
const { violations } = require('../support/reports.js');
const { startTarget } = require('../support/targets.js');

const options = { skip: process.platform !== 'linux' && 'reads /proc', timeout: 120_000 };

function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-hostile-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

/** A process with code that runs first. */
async function start(t, dir, code) {
  const program = path.join(dir, 'app.js');
  fs.writeFileSync(program, `${code}\nsetInterval(() => {}, 1000); process.stdout.write('ready');`);
  return startTarget(t, program);
}

async function cli(...args) {
  const io = {
    env: {},
    out: '',
    err: '',
    stdout: { write: (text) => (io.out += text) },
    stderr: { write: (text) => (io.err += text) },
  };
  const code = await main(['attach', ...args], io);
  return { code, ...io };
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test('snapshots are named by the pid that the user gave', options, async (t) => {
  const dir = folder(t);
  const dumps = path.join(dir, 'a/b');
  fs.mkdirSync(dumps, { recursive: true });
  const child = await start(
    t,
    dir,
    `const { pid } = process; let asked = 0;
    Object.defineProperty(process, 'pid', { get: () => (asked++ === 0 ? pid : '1/../../escaped') });`,
  );
  const json = path.join(dir, 'r.json');
  await cli('--yes', '--interval', '50ms', '--duration', '1200ms', '--dir', dumps, '--json', json, String(child.pid));
  const report = JSON.parse(fs.readFileSync(json, 'utf8'));
  assert.equal(report.pid, child.pid);
  assert.equal(report.snapshots.length, 3, JSON.stringify(report.refusals));
  for (const { path: file } of report.snapshots) {
    assert.equal(path.dirname(file), dumps);
    assert.match(path.basename(file), new RegExp(`^Heap\\.\\d+\\.\\d+\\.${child.pid}\\.0\\.00[123]\\.heapsnapshot$`));
  }
  assert.deepEqual(fs.readdirSync(dir).toSorted(), ['a', 'app.js', 'r.json']);
});

for (const [what, code] of [
  ['no object', 'process.memoryUsage = () => undefined;'],
  ['texts', "process.memoryUsage = () => ({ rss: '1', heapTotal: 1, heapUsed: 1, external: 1 });"],
  ['negative figures', 'process.memoryUsage = () => ({ rss: 1, heapTotal: -1, heapUsed: 1, external: 1 });'],
  ['no numbers', 'process.memoryUsage = () => ({ rss: NaN, heapTotal: 1, heapUsed: 1, external: 1 });'],
  ['bigints', 'process.memoryUsage = () => ({ rss: 1n, heapTotal: 1, heapUsed: 1, external: 1 });'],
  ['huge figures', 'process.memoryUsage = () => ({ rss: 1e300, heapTotal: 1, heapUsed: 1, external: 1 });'],
  [
    'escape sequences',
    "process.memoryUsage = () => { throw new Error('\\u001b]0;owned\\u0007\\u001b[2J'.repeat(1000)); };",
  ],
  ['an uptime of centuries', 'process.uptime = () => 1e18;'],
]) {
  test(`a process that answers ${what} is refused with one line, and its inspector closed`, options, async (t) => {
    const child = await start(t, folder(t), code);
    const { code: status, err } = await cli(
      '--no-snapshots',
      '--interval',
      '50ms',
      '--duration',
      '1200ms',
      String(child.pid),
    );
    assert.equal(status, 1);
    assert.match(err, /^plimsoll: (the process (returns|refused)|Runtime.evaluate: Object)[^\n]*\n$/);
    assert.equal(err.includes('\u001b'), false);
    assert.ok(err.length < 1000);
    await until(() => listeningPorts(child.pid).size === 0);
  });
}

test('texts of the process are bounded, and are null where they are none', options, async (t) => {
  const dir = folder(t);
  const child = await start(
    t,
    dir,
    "process.argv[1] = { a: 1 }; Object.defineProperty(process, 'version', { value: 'x'.repeat(1e6) });",
  );
  const json = path.join(dir, 'r.json');
  await cli('--no-snapshots', '--interval', '50ms', '--duration', '1200ms', '--json', json, String(child.pid));
  const report = JSON.parse(fs.readFileSync(json, 'utf8'));
  assert.deepEqual(violations(report), []);
  assert.deepEqual([report.node.length, report.process.script], [4096, null]);
});

/** A socket that the test speaks through. */
class Wire extends EventEmitter {
  closed = false;
  sent = [];
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closed = true;
    this.emit('close');
  }
}

test('no message of an inspector throws in the session', async () => {
  const wire = new Wire();
  const session = new Session(wire);
  const events = [];
  session.on('HeapProfiler.x', (params) => events.push(params));
  for (const message of [
    'null',
    '7',
    '[]',
    '{"method":"error"}',
    '{"method":"close"}',
    '{"method":7}',
    '{"id":99}',
    '{"id":null}',
    '{"method":"HeapProfiler.x"}',
  ])
    wire.emit('message', message);
  assert.deepEqual(
    events.map((each) => ({ ...each })),
    [{}],
  );
  const answers = [
    [{ result: null }, undefined],
    [{ result: { result: null } }, undefined],
    [{ result: { result: { value: 3 } } }, 3],
  ];
  for (const [answer, value] of answers) {
    const asked = session.evaluate('1');
    wire.emit('message', JSON.stringify({ id: wire.sent.at(-1).id, ...answer }));
    assert.equal(await asked, value);
  }
  const refused = session.evaluate('1');
  wire.emit('message', JSON.stringify({ id: wire.sent.at(-1).id, error: { message: { a: '\u001b' } } }));
  await assert.rejects(refused, { code: 'ERR_PLIMSOLL_INSPECTOR' });
  const pending = session.evaluate('1');
  wire.emit('message', 'not JSON');
  assert.equal(wire.closed, true);
  await assert.rejects(pending, { code: 'ERR_PLIMSOLL_INSPECTOR' });
});
