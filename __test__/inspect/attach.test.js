'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { attach, checkExists, configuredPort, listeningPorts } = require('../../lib/inspect/target.js');
const { main } = require('../../lib/cli/main.js');
const { violations } = require('../support/reports.js');

const PROGRAM = path.join(__dirname, '../children/plain-leak.js');
const linux = process.platform !== 'linux' && 'reads /proc';

/** A Node process of another program, running. */
async function start(t, { flags = ['--inspect-port=0'], program = PROGRAM, env, stderr = 'ignore' } = {}) {
  const child = spawn(process.execPath, [...flags, program], {
    stdio: ['ignore', 'pipe', stderr],
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-attach-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

const capture = () => {
  const io = {
    env: {},
    out: '',
    err: '',
    stdout: { write: (text) => (io.out += text) },
    stderr: { write: (text) => (io.err += text) },
  };
  return io;
};

/** The command line with what it wrote. */
async function cli(...args) {
  const io = capture();
  const code = await main(['attach', ...args], io);
  return { code, ...io };
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test(
  'a running process is observed, its leak named, and its inspector closed again',
  { skip: linux, timeout: 240_000 },
  async (t) => {
    const child = await start(t);
    const dir = folder(t);
    const json = path.join(dir, 'r.json');
    const html = path.join(dir, 'r.html');
    const { code, out, err } = await cli(
      '--yes',
      '--interval',
      '100ms',
      '--duration',
      '6s',
      '--dir',
      dir,
      '--json',
      json,
      '--html',
      html,
      String(child.pid),
    );
    const report = JSON.parse(fs.readFileSync(json, 'utf8'));
    assert.deepEqual(violations(report), []);
    assert.equal(report.pid, child.pid);
    assert.equal(report.process.script, PROGRAM);
    assert.equal(report.snapshots.length, 3);
    for (const { path: file, method, bytes } of report.snapshots) {
      assert.equal(method, 'inspector');
      assert.equal(fs.statSync(file).size, bytes);
      assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    }
    const [suspect] = report.suspects;
    assert.deepEqual([suspect.cause, suspect.name, path.basename(suspect.file)], ['map', 'visits', 'plain-leak.js']);
    assert.equal(report.verdict.state, 'leak');
    assert.equal(
      report.verdict.channels.find(({ channel }) => channel === 'heap').state,
      'leak',
      'the chart says the same',
    );
    assert.ok(report.verdict.bytesPerMinute > 0);
    assert.equal(code, 3);
    assert.match(out, /^plimsoll: heap leak, .*\n(?:.*\n)*? +1\. Map `visits`/);
    assert.match(err, /each stops it, now for about .*\n(?:.*\n)*plimsoll: snapshot 1 of 3/);
    const estimates = [...err.matchAll(/snapshot (\d) of 3: the heap has (.*), the process stops for about (.*)\n/g)];
    assert.deepEqual(
      estimates.map(([, number]) => number),
      ['1', '2', '3'],
    );
    assert.equal(new Set(estimates.map(([, , heap]) => heap)).size, 3, 'each names the heap at that snapshot');
    assert.match(fs.readFileSync(html, 'utf8'), /visits/);
    assert.deepEqual(
      fs.readdirSync(dir).filter((name) => name.endsWith('.partial')),
      [],
    );
    await until(() => listeningPorts(child.pid).size === 0);
    assert.equal(child.exitCode, null, 'it runs on');
  },
);

test('with --redact the leak is named and no secret reaches the disk', { skip: linux, timeout: 240_000 }, async (t) => {
  const dir = folder(t);
  const program = path.join(dir, 'ledger.js');
  fs.writeFileSync(
    program,
    `
    const entries = new Map();
    let id = 0;
    setInterval(() => { for (let n = 0; n < 50; n++) entries.set(process.env.MARK + id, { token: process.env.MARK + id++ }); }, 10);
    process.stdout.write('ready');`,
  );
  const mark = `q${crypto.randomBytes(8).toString('hex')}`;
  const child = await start(t, { program, env: { MARK: mark } });
  const dumps = path.join(dir, 'dumps');
  fs.mkdirSync(dumps);
  const { err } = await cli(
    '--yes',
    '--redact',
    '--interval',
    '100ms',
    '--duration',
    '4s',
    '--dir',
    dumps,
    '--json',
    path.join(dir, 'r.json'),
    String(child.pid),
  );
  assert.match(err, /without its data/);
  const { snapshots, suspects } = JSON.parse(fs.readFileSync(path.join(dir, 'r.json'), 'utf8'));
  assert.equal(snapshots.length, 3);
  for (const { path: file, bytes } of snapshots) {
    const text = fs.readFileSync(file, 'latin1');
    assert.equal(text.length, bytes);
    assert.equal(text.includes(mark), false);
    assert.ok(JSON.parse(text).strings.includes('(length 18)'), 'the secrets, by their length');
  }
  assert.deepEqual(
    [suspects[0].cause, suspects[0].name, path.basename(suspects[0].file)],
    ['map', 'entries', 'ledger.js'],
  );
});

// Node 20 crashed once in about forty times when its inspector was closed beside the farewell of a connection.
test('a process lives, however often it is attached to', { skip: linux, timeout: 120_000 }, async (t) => {
  const child = await start(t);
  for (let i = 0; i < 20; i++) {
    const { close } = await attach(child.pid);
    await close();
    await until(() => listeningPorts(child.pid)?.size === 0 || child.signalCode !== null);
    assert.deepEqual([child.exitCode, child.signalCode], [null, null]);
  }
});

test(
  'without consent the process is not touched; where it is only observed, nothing is stopped',
  { skip: linux },
  async (t) => {
    const child = await start(t, { stderr: 'pipe' });
    let said = '';
    child.stderr.on('data', (chunk) => (said += chunk));
    const dir = folder(t);
    const refused = await cli('--dir', dir, String(child.pid));
    assert.equal(refused.code, 2);
    assert.match(refused.err, /secrets included[^]*--yes/);
    const observed = await cli(
      '--no-snapshots',
      '--interval',
      '50ms',
      '--duration',
      '1200',
      '--dir',
      dir,
      String(child.pid),
    );
    assert.equal(observed.code, 0);
    assert.match(observed.out, /^plimsoll: /);
    assert.deepEqual(fs.readdirSync(dir), []);
    await until(() => listeningPorts(child.pid).size === 0);
    assert.equal(said.split('Debugger listening').length - 1, 1, 'the inspector was opened once, to observe');
  },
);

test(
  'a directory for snapshots is made, and refused where it cannot be',
  { skip: linux, timeout: 240_000 },
  async (t) => {
    const child = await start(t);
    const pid = String(child.pid);
    const taken = path.join(folder(t), 'file');
    fs.writeFileSync(taken, '');
    const refused = await cli('--yes', '--dir', taken, pid);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /snapshots and reports cannot be written to .*file \(.*is not a directory\)/);
    assert.doesNotMatch(refused.err, /observing/);
    const dir = path.join(folder(t), 'new', 'snapshots');
    const { code, out } = await cli('--yes', '--interval', '50ms', '--duration', '1200', '--dir', dir, pid);
    assert.ok(code === 0 || code === 3, out);
    assert.equal(fs.readdirSync(dir).length, 3, out);
    assert.equal(fs.statSync(dir).mode & 0o777, 0o700);
  },
);

test('an inspector that was open before stays open, at the port that was chosen', { skip: linux }, async (t) => {
  const child = await start(t, { flags: ['--inspect=127.0.0.1:0'] });
  const [port] = listeningPorts(child.pid);
  const { session, port: found, close } = await attach(child.pid, { port });
  assert.equal(found, port);
  assert.equal(await session.evaluate('process.pid'), child.pid);
  await close();
  assert.ok(listeningPorts(child.pid).has(port));
});

test('the port of --inspect-port is honoured, in all its spellings', { skip: linux }, async (t) => {
  const free = net.createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address();
  free.close();
  await once(free, 'close');
  for (const flags of [[`--inspect-port=${port}`], ['--inspect-port', `127.0.0.1:${port}`]]) {
    const child = await start(t, { flags });
    assert.equal(configuredPort(child.pid), port);
    const attached = await attach(child.pid);
    assert.equal(attached.port, port);
    await attached.close();
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

test('what cannot be attached to is left alone, with the reason', { skip: linux }, async (t) => {
  const sleeper = spawn('sleep', ['60']);
  t.after(() => sleeper.kill('SIGKILL'));
  await once(sleeper, 'spawn');
  await assert.rejects(attach(sleeper.pid), { code: 'ERR_PLIMSOLL_NOT_NODE', message: /sleep/ });
  assert.equal(sleeper.exitCode, null);
  const gone = spawn('true');
  await once(gone, 'exit');
  await assert.rejects(attach(gone.pid), { code: 'ERR_PLIMSOLL_NO_PROCESS' });
  assert.throws(() => checkExists(gone.pid), { code: 'ERR_PLIMSOLL_NO_PROCESS' });
  // The system would take the lower bits of it.
  const cut = process.ppid + 2 ** 32;
  await assert.rejects(attach(cut), { code: 'ERR_PLIMSOLL_NO_PROCESS' });
  assert.throws(() => checkExists(cut), { code: 'ERR_PLIMSOLL_NO_PROCESS' });
  await assert.rejects(attach(process.pid), { code: 'ERR_PLIMSOLL_ATTACH' });
});

test('a port that another process has is found out, not waited for in silence', { skip: linux }, async (t) => {
  const other = await start(t, { flags: ['--inspect=127.0.0.1:0'] });
  const [port] = listeningPorts(other.pid);
  const child = await start(t, { flags: [`--inspect-port=${port}`] });
  await assert.rejects(attach(child.pid, { patienceMs: 300 }), {
    code: 'ERR_PLIMSOLL_INSPECTOR',
    message: new RegExp(`port ${port} is taken`),
  });
  assert.equal(child.exitCode, null);
});

test('a process that ends while it is observed still has its report', { skip: linux, timeout: 240_000 }, async (t) => {
  const child = await start(t);
  const io = capture();
  const running = main(['attach', '--no-snapshots', '--interval', '50ms', '--duration', '200s', String(child.pid)], io);
  await until(() => io.err.includes('observing'));
  child.kill('SIGKILL');
  await running;
  assert.match(io.out, /the process ended while it was observed/);
});

test('wrong usage is refused before anything is touched', async () => {
  for (const args of [
    [],
    ['x'],
    ['1', '2'],
    ['0'],
    ['--port', '0', '1'],
    ['--interval', '1s', '--duration', '3s', '1'],
    ['--limit', 'much', '1'],
    ['--durration', '1m', '1'],
  ]) {
    const { code, err } = await cli(...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(err, /^plimsoll: /);
  }
});

const root =
  linux || (process.getuid() !== 0 && 'takes root: a process of another user, and one in a network of its own');

test('a process of another user is refused, with what to do', { skip: root }, async (t) => {
  const child = await start(t);
  const nobody = { uid: 65_534, gid: 65_534, encoding: 'utf8', env: { PATH: process.env.PATH } };
  const { status, stderr } = spawnSync(
    process.execPath,
    [path.join(__dirname, '../../bin/plimsoll.js'), 'attach', '--no-snapshots', String(child.pid)],
    nobody,
  );
  assert.equal(status, 1);
  assert.match(
    stderr,
    new RegExp(`^plimsoll: pid ${child.pid} belongs to another user; run plimsoll attach as that user\\.\n$`),
  );
  assert.equal(listeningPorts(child.pid).size, 0, 'its inspector was not opened');
});

test(
  'a process in a container of its own is reached with the rights, and refused without',
  { skip: root },
  async (t) => {
    // A network of its own is what a pod has, and what keeps its loopback from us.
    const child = spawn(
      'unshare',
      [
        '--net',
        '--mount',
        '--pid',
        '--fork',
        '--kill-child',
        'sh',
        '-c',
        'ip link set lo up && exec "$@"',
        'sh',
        process.execPath,
        PROGRAM,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '' } },
    );
    t.after(() => child.kill('SIGKILL'));
    const [output] = await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data')]);
    if (/unshare|ip:|ip link/.test(output)) return t.skip(`no network can be made here: ${output}`);
    const pid = Number(fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
    const bin = path.join(__dirname, '../../bin/plimsoll.js');
    const without = ['--bounding-set=-sys_admin', process.execPath, bin, 'attach', '--no-snapshots', String(pid)];
    const { status, stderr } = spawnSync('setpriv', without, { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /a container with a loopback of its own.*as root on the node.*kubectl debug --target/);
    assert.equal(child.exitCode, null, 'and it runs on: no signal was sent');
    const { session, close } = await attach(pid);
    assert.equal(await session.evaluate('process.pid'), 1, 'it is the first process of its namespace');
    await close();
    assert.equal(fs.readlinkSync('/proc/thread-self/ns/net'), fs.readlinkSync(`/proc/${process.pid}/ns/net`));
    assert.notEqual(fs.readlinkSync('/proc/self/ns/net'), fs.readlinkSync(`/proc/${pid}/ns/net`));
  },
);

const flagless = !process.allowedNodeEnvironmentFlags.has('--disable-sigusr1') && 'this Node has no --disable-sigusr1';

test('a process that takes no SIGUSR1 is left alone', { skip: linux || flagless }, async (t) => {
  const child = await start(t, { flags: ['--disable-sigusr1'] });
  await assert.rejects(attach(child.pid), { code: 'ERR_PLIMSOLL_NO_INSPECTOR' });
  assert.equal(child.exitCode, null, 'the signal would have killed it');
});
