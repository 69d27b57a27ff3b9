'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { resolveOptions, optionsFromEnv } = require('../../lib/options.js');
const { Queue, MOST_JOBS, LEASE_MS } = require('../../lib/send/queue.js');
const { Work, ATTEMPTS } = require('../../lib/send/work.js');
const { Sender, environment } = require('../../lib/send/sender.js');
const { objectName } = require('../../lib/send/object-name.js');
const { requireNative } = require('../../lib/native.js');
const { argumentsOf } = require('../../lib/send/to/exec.js');
const { temporary, withIds, queue, send, until, unpacked, filesBelow } = require('../support/egress.js');

const { image: noImages } = requireNative().snapshotSupport();
const ID = '0123456789ab';
const job = (file, kind = 'report') => ({ kind, file, object: `s/h/${file}`, raw: false, own: false });
const settings = (dir, given, rest) => ({
  dir,
  destinations: withIds(given),
  raw: false,
  remove: false,
  maxBytes: 2 ** 30,
  rate: 2 ** 30,
  ...rest,
});

test('bad destinations are refused at the start, without their secrets', () => {
  const bad = [
    'ftp://x',
    'https://user:hidden@h/',
    'https://h/?sig=hidden',
    'https:env:1',
    'https:file:rel',
    'file:rel',
    'exec:',
    'exec:[1]',
    's3://',
    's3://B',
    'http://h/',
    '',
    7,
    null,
    {},
  ];
  for (const each of bad)
    assert.throws(
      () => resolveOptions({ send: [each] }),
      ({ code, message }) => code === 'ERR_PLIMSOLL_OPTION' && !message.includes('hidden'),
      String(each),
    );
  assert.throws(
    () => resolveOptions({ send: 'https://h/?sig=hidden' }),
    ({ message }) => !message.includes('hidden'),
  );
  assert.throws(() => resolveOptions({ send: Array(9).fill('file:/x') }), { code: 'ERR_PLIMSOLL_OPTION' });
});

test('PLIMSOLL_SEND is a list; commas in the arguments of exec belong to them', () => {
  const { send: given } = optionsFromEnv({ PLIMSOLL_SEND: 'file:/x, exec:["a,b","]"],s3://bucket/p' });
  assert.deepEqual(given, ['file:/x', 'exec:["a,b","]"]', 's3://bucket/p']);
});

test('send turns redaction on, and redact: false needs sendRaw', () => {
  assert.equal(resolveOptions({ send: ['file:/x'] }).redact, true);
  assert.equal(resolveOptions({ send: [] }).redact, false);
  assert.equal(resolveOptions({ send: ['file:/x'], sendRaw: true }).redact, false);
  assert.throws(() => resolveOptions({ send: ['file:/x'], redact: false }), { code: 'ERR_PLIMSOLL_OPTION' });
});

test('s3 without its packages is an error at the start that names the command', (t) => {
  assert.throws(
    () => new Sender(resolveOptions({ send: ['s3://bucket'] }), { dir: temporary(t), warn: () => {} }),
    ({ code, message }) => code === 'ERR_PLIMSOLL_OPTION' && message.includes('npm install @aws-sdk/client-s3'),
  );
});

test('a job is claimed once, also by several senders at a time', (t) => {
  const dir = temporary(t);
  const senders = Array.from({ length: 4 }, (_, n) => new Queue(dir, { pid: process.pid + n }));
  for (let n = 0; n < 10; n++) senders[0].add(job(`plimsoll-${n}.json`), [ID]);
  const entries = senders[0].list();
  const claimed = entries.map((entry) => senders.map((each) => each.claim(entry)).filter(Boolean).length);
  assert.deepEqual(claimed, Array(10).fill(1));
});

test('a claim that is not renewed is free after the lease', (t) => {
  const dir = temporary(t);
  let now = Date.now();
  const [one, two] = [process.pid, process.ppid].map((pid) => new Queue(dir, { now: () => now, pid }));
  one.add(job('plimsoll-1.json'), [ID]);
  assert.notEqual(one.claim(one.list()[0]), null);
  assert.equal(two.claim(two.list()[0]), null);
  now += LEASE_MS + 1;
  assert.notEqual(two.claim(two.list()[0]), null);
});

test('the queue is bounded, and snapshots are dropped first', (t) => {
  const dir = temporary(t);
  const jobs = new Queue(dir);
  jobs.add(job('Heap.1.heapsnapshot', 'snapshot'), [ID]);
  let dropped = 0;
  for (let n = 0; n < MOST_JOBS; n++) dropped += jobs.add(job(`plimsoll-${n}.json`), [ID]);
  assert.equal(dropped, 1);
  assert.equal(jobs.list().length, MOST_JOBS);
  assert.ok(jobs.list().every(({ rank }) => rank === 0));
});

test('a job that cannot be written leaves no file', (t) => {
  const dir = temporary(t);
  const write = fs.writeFileSync;
  let written = 0;
  t.mock.method(fs, 'writeFileSync', (...args) => {
    write(...args);
    if (++written === 2) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  });
  assert.throws(() => new Queue(dir).add(job('plimsoll-1.json'), [ID, '0123456789ab']), { code: 'ENOSPC' });
  assert.deepEqual(fs.readdirSync(dir), []);
});

test('a job of another form sends nothing', (t) => {
  const dir = temporary(t);
  const jobs = new Queue(dir);
  const forms = [
    { ...job('plimsoll-1.json'), file: '../secret' },
    { ...job('plimsoll-1.json'), file: 'passwd' },
    { ...job('plimsoll-1.json'), object: '../x' },
    { ...job('plimsoll-1.json'), kind: 'toString' },
    'no object',
  ];
  forms.forEach((form, n) =>
    fs.writeFileSync(path.join(dir, `.plimsoll-send-0-000000000000${n}-1.0.1-${ID}.job`), JSON.stringify(form)),
  );
  assert.equal(jobs.list().length, forms.length);
  assert.deepEqual(
    jobs.list().map((entry) => jobs.claim(entry)),
    forms.map(() => null),
  );
});

test('files arrive in order: report, profile, snapshot', async (t) => {
  const dir = temporary(t);
  const order = [];
  queue(
    dir,
    ['file:/x'],
    [
      { file: 'Heap.1.heapsnapshot', kind: 'snapshot' },
      { file: 'Heap.1.heapprofile', kind: 'profile' },
      { file: 'plimsoll-1-001.json' },
    ],
  );
  const sent = async (_, { kind }) => order.push(kind);
  await new Work(settings(dir, ['file:/x']), () => {}, { send: sent }).run();
  assert.deepEqual(order, ['report', 'profile', 'snapshot']);
});

/** An upload to a disk without space. */
async function full() {
  throw Object.assign(new Error('full'), { code: 'ENOSPC' });
}

test('failures are bounded, and the job stays for the next process', async (t) => {
  const dir = temporary(t);
  const jobs = queue(dir, ['file:/x'], [{ file: 'plimsoll-1-001.json' }]);
  const events = [];
  await new Work(settings(dir, ['file:/x']), ({ event, code }) => events.push(`${event} ${code}`), {
    send: full,
    pause: async () => {},
  }).run();
  assert.deepEqual(events, [...Array(ATTEMPTS).fill('retried ENOSPC'), 'failed ENOSPC']);
  assert.deepEqual(
    jobs.list().map(({ holder }) => holder),
    [undefined],
  );
});

test('a file that was written again meanwhile is not removed: the next job sends it', async (t) => {
  const dir = temporary(t);
  queue(dir, ['file:/x'], [{ file: 'plimsoll-1-001.json' }]);
  const local = path.join(dir, 'plimsoll-1-001.json');
  const sent = async () => {
    fs.writeFileSync(`${local}.new`, 'later');
    fs.renameSync(`${local}.new`, local);
    return 1;
  };
  await new Work(settings(dir, ['file:/x'], { remove: true }), () => {}, { send: sent }).run();
  assert.equal(fs.readFileSync(local, 'utf8'), 'later');
});

test('file: has whole files; local ones are removed after arrival at each destination, if asked', async (t) => {
  const [dir, one, two] = [temporary(t), temporary(t), temporary(t)];
  const given = [`file:${one}`, `file:${two}`];
  queue(dir, given, [{ file: 'plimsoll-1-001.json' }]);
  await send(t, dir, given, { remove: true });
  for (const target of [one, two]) {
    const [name, ...others] = filesBelow(target);
    assert.deepEqual(others, []);
    assert.equal(unpacked(fs.readFileSync(path.join(target, name)), name), 'content of plimsoll-1-001.json');
  }
  assert.deepEqual(filesBelow(dir), []);
});

test('a file that has not arrived is kept, also with sendDelete', async (t) => {
  const [dir, target] = [temporary(t), temporary(t)];
  queue(dir, [`file:${target}`], [{ file: 'plimsoll-1-001.json' }]);
  const { events } = await send(t, dir, [`file:${target}`], { remove: true, maxBytes: 3 });
  assert.deepEqual(
    events.map(({ code }) => code),
    ['ERR_PLIMSOLL_TOO_LARGE'],
  );
  assert.deepEqual(filesBelow(dir), ['plimsoll-1-001.json']);
});

test('what is not redacted, an image that cannot be read and a symbolic link stay here', async (t) => {
  const [dir, target] = [temporary(t), temporary(t)];
  const given = [`file:${target}`];
  queue(dir, given, [
    { file: 'plimsoll-1-001.json', raw: true },
    { file: 'Heap.1.heapimage', kind: 'snapshot' },
  ]);
  const jobs = new Queue(dir);
  fs.symlinkSync(__filename, path.join(dir, 'plimsoll-link.json'));
  jobs.add(
    job('plimsoll-link.json'),
    withIds(given).map(({ id }) => id),
  );
  const { events } = await send(t, dir, given);
  assert.deepEqual(events.map(({ code }) => code).toSorted(), [
    'ERR_PLIMSOLL_NOT_REDACTED',
    'ERR_PLIMSOLL_SOURCE',
    'ERR_PLIMSOLL_SOURCE',
  ]);
  assert.deepEqual(filesBelow(target), []);
  queue(dir, given, [{ file: 'Heap.1.heapimage', kind: 'snapshot' }]);
  await send(t, dir, given, { raw: true });
  assert.deepEqual(
    filesBelow(target)
      .map((file) => path.basename(file, path.extname(file)))
      .toSorted(),
    ['Heap.1.heapimage', 'plimsoll-1-001.json'],
  );
});

test('in place of a heap image its redacted snapshot is sent', { skip: noImages ?? false }, async (t) => {
  const [dir, target] = [temporary(t), temporary(t)];
  const program = path.join(__dirname, '../children/image-leak.js');
  const { taken } = JSON.parse(execFileSync(process.execPath, [program, dir], { encoding: 'utf8' }));
  const file = path.basename(taken[0].path);
  const options = resolveOptions({ dir, send: [`file:${target}`] });
  const sender = new Sender(options, { dir, warn: assert.fail });
  t.after(() => sender.stop());
  sender.add('snapshot', taken[0].path, { redacted: false });
  // A report starts the process at once.
  fs.writeFileSync(path.join(dir, 'plimsoll-1-001.json'), '{}');
  sender.add('report', path.join(dir, 'plimsoll-1-001.json'), { redacted: true });
  await until(() => sender.stats().arrived === 2, 'both arrive');
  const name = filesBelow(target).find((each) => each.includes(file.replace('.heapimage', '.heapsnapshot')));
  const text = unpacked(fs.readFileSync(path.join(target, name)), name);
  assert.ok(JSON.parse(text).strings.includes('sessions'));
  assert.equal(/visitor \d/.test(text), false);
  await until(() => !fs.readdirSync(dir).some((each) => each.endsWith('.partial')), 'no copy is left');
});

test('exec gets the path as one argument, without a shell and without our variables', async (t) => {
  const [dir, target] = [temporary(t), temporary(t)];
  const out = path.join(target, 'out $(x).json');
  const script = `require('fs').writeFileSync(process.argv[1], JSON.stringify([process.argv.slice(2), Object.keys(process.env).filter((n) => n.startsWith('PLIMSOLL'))]))`;
  const given = [{ exec: [process.execPath, '-e', script, out, '{file}', 'to {object}; rm'] }];
  queue(dir, given, [{ file: 'plimsoll-1-001.json' }]);
  const { events } = await send(t, dir, given, { env: { PLIMSOLL_SEND_HEADERS: 'a: b' } });
  assert.deepEqual(
    events.map(({ event }) => event),
    ['arrived'],
  );
  const [[file, object], variables] = JSON.parse(fs.readFileSync(out, 'utf8'));
  assert.equal(path.dirname(file), dir);
  assert.match(object, /^to service\/host\/plimsoll-1-001\.json\.(gz|zst); rm$/);
  assert.deepEqual(variables, []);
  assert.deepEqual(argumentsOf(['cp'], { path: '/a b', object: 'o' }), ['cp', '/a b']);
});

test('the environment of the sender has what it needs, and nothing that loads plimsoll', () => {
  const env = {
    PATH: '/bin',
    NODE_OPTIONS: '--import x',
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    PLIMSOLL_SEND: 'x',
    PLIMSOLL_SEND_HEADERS: 'h',
    PLIMSOLL_URL: 'u',
    AWS_REGION: 'r',
  };
  assert.deepEqual(Object.keys(environment([{ env: 'PLIMSOLL_URL' }], env)), [
    'PATH',
    'PLIMSOLL_SEND_HEADERS',
    'PLIMSOLL_URL',
    'AWS_REGION',
  ]);
});

test('names of objects are plain', () => {
  const name = objectName('plimsoll-1-001.json', {
    env: { OTEL_RESOURCE_ATTRIBUTES: 'a=b,service.name=../../ö x' },
    host: '..',
  });
  assert.match(name, /^.._.._x\/unknown\/\d{8}T\d{9}Z-\d+-0\/plimsoll-1-001\.json$/);
  assert.equal(
    objectName('f', { env: { OTEL_SERVICE_NAME: 'shop' }, host: 'pod-1' })
      .split('/')
      .slice(0, 2)
      .join('/'),
    'shop/pod-1',
  );
});

test('a leak is reported elsewhere, redacted, and the service ends without a listener or a warning', async (t) => {
  const [dir, target] = [temporary(t), temporary(t)];
  const script = path.join(__dirname, '../children/send-leak.js');
  const service = spawn(process.execPath, [script, dir, `file:${target}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => service.kill('SIGKILL'));
  await until(() => filesBelow(target).some((name) => /json\.(gz|zst)$/.test(name)), 'the first report');
  const name = filesBelow(target).find((each) => /json\.(gz|zst)$/.test(each));
  const report = JSON.parse(unpacked(fs.readFileSync(path.join(target, name)), name));
  assert.equal(report.verdict.state, 'leak');
  assert.equal(report.redacted, true);
  assert.match(name, /^shop\/[\w.-]+\/\d{8}T\d{9}Z-\d+-0\/plimsoll-/);
  service.kill('SIGTERM');
  const output = [];
  service.stdout.on('data', (chunk) => output.push(chunk));
  await once(service, 'close');
  const { sends, before, after } = JSON.parse(Buffer.concat(output).toString());
  assert.ok(sends.queued >= 1);
  assert.equal(sends.failed, 0);
  assert.equal(after, before);
});
