'use strict';
// Egress against a real S3 server (moto), a full disk, a slow HTTPS server, and services that are killed 5 s after the
// verdict. __test__/evidence/egress-setup.js installs what it needs.

const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, fork, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { temporary, queue, start, send, until, unpacked, filesBelow, serve } = require('../support/egress.js');
const { setUp } = require('./egress-setup.js');

const isAsked = process.env.PLIMSOLL_TEST_ALL_ROUNDS === '1';
const { modules, motoServer } = isAsked ? setUp() : { modules: '', motoServer: '' };
const peers = isAsked
  ? ['client-s3', 'lib-storage'].map((name) => require.resolve(`@aws-sdk/${name}`, { paths: [modules] }))
  : [];
const evidence = (title, run) =>
  test(title, { skip: isAsked ? false : 'npm run test:evidence runs it; it installs an S3 server' }, run);
const RUNS = 20;
const AT_A_TIME = 2;
const ENOUGH = 19;
const KILLED_AFTER_MS = 5000;
const BUCKET = 'evidence';
const S3 = [`s3://${BUCKET}/plimsoll`];
const PART = 8 * 2 ** 20;

/** Kills a process that may have ended. */
function end(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** A port that is free now. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {any} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** An S3 server with a bucket. */
async function store(t, variables = {}) {
  const port = await freePort();
  const server = spawn(motoServer, ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
    env: { ...process.env, ...variables },
  });
  t.after(() => server.kill('SIGKILL'));
  const env = {
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'hidden-value',
  };
  await until(
    () =>
      fetch(`${env.AWS_ENDPOINT_URL_S3}/moto-api/`).then(
        () => true,
        () => false,
      ),
    'the S3 server',
  );
  const { S3Client, CreateBucketCommand, ListObjectsV2Command, GetObjectCommand } = require(peers[0]);
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new S3Client({
    endpoint: env.AWS_ENDPOINT_URL_S3,
    region: 'us-east-1',
    credentials,
    forcePathStyle: true,
  });
  t.after(() => client.destroy());
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const keys = async () =>
    ((await client.send(new ListObjectsV2Command({ Bucket: BUCKET }))).Contents ?? []).map(({ Key }) => Key);
  const bytes = async (Key) =>
    Buffer.from(await (await client.send(new GetObjectCommand({ Bucket: BUCKET, Key }))).Body.transformToByteArray());
  return { env, keys, bytes, server };
}

const toS3 = { peers: { peers } };

evidence('S3: a report, and a snapshot of several parts', async (t) => {
  const dir = temporary(t);
  const { env, keys, bytes } = await store(t);
  const snapshot = require('node:crypto')
    .randomBytes(2 * PART)
    .toString('base64');
  queue(dir, S3, [{ file: 'plimsoll-1-001.json' }, { file: 'Heap.1.heapsnapshot', kind: 'snapshot', text: snapshot }]);
  const { events, text } = await send(t, dir, S3, { env, ...toS3 });
  assert.deepEqual(
    events.map(({ event, kind }) => `${event} ${kind}`),
    ['arrived report', 'arrived snapshot'],
  );
  const names = await keys();
  assert.equal(names.length, 2);
  for (const name of names)
    assert.equal(
      unpacked(await bytes(name), name),
      name.includes('snapshot') ? snapshot : 'content of plimsoll-1-001.json',
    );
  assert.ok(!text.includes('hidden-value'));
});

evidence('S3: a sender that is killed in the middle of a snapshot; the next one repeats it', async (t) => {
  const dir = temporary(t);
  const { env, keys, bytes } = await store(t);
  const snapshot = require('node:crypto')
    .randomBytes(3 * PART)
    .toString('base64');
  queue(dir, S3, [{ file: 'plimsoll-1-001.json' }, { file: 'Heap.1.heapsnapshot', kind: 'snapshot', text: snapshot }]);
  const first = start(t, dir, S3, { env, ...toS3, rate: 2 * PART });
  // The report is there; the snapshot takes seconds at this rate.
  await until(
    () => filesBelow(dir).some((name) => name.startsWith('.plimsoll-send-2-') && name.endsWith('.claimed')),
    'a claim',
  );
  await until(async () => (await keys()).length === 1, 'the report');
  first.child.kill('SIGKILL');
  await first.ended;
  assert.equal((await keys()).length, 1);
  await send(t, dir, S3, { env, ...toS3 });
  const name = (await keys()).find((each) => each.includes('snapshot'));
  assert.equal(unpacked(await bytes(name), name), snapshot);
});

evidence('S3: wrong credentials and a bucket that does not exist', async (t) => {
  const dir = temporary(t);
  // moto verifies signatures and policies from its first request on.
  const { env } = await store(t, { INITIAL_NO_AUTH_ACTION_COUNT: '1' });
  queue(dir, S3, [{ file: 'plimsoll-1-001.json' }]);
  const denied = await send(t, dir, S3, { env, ...toS3 });
  assert.deepEqual(
    denied.events.map(({ event, code }) => [event, code]),
    [['failed', 'HTTP_403']],
  );
  assert.ok(!denied.text.includes('hidden-value'));
  const open = await store(t);
  const other = ['s3://does-not-exist'];
  queue(dir, other, [{ file: 'plimsoll-1-002.json' }]);
  const { events } = await send(t, dir, other, { env: open.env, ...toS3 });
  assert.deepEqual(
    events.map(({ event, code }) => [event, code]),
    [['failed', 'HTTP_404']],
  );
});

evidence('S3: a server that is away for a while', async (t) => {
  const dir = temporary(t);
  const port = await freePort();
  const env = {
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
  };
  const jobs = queue(dir, S3, [{ file: 'plimsoll-1-001.json' }]);
  const { events } = await send(t, dir, S3, { env, ...toS3 });
  assert.deepEqual([events.length, events.at(-1).event, events.at(-1).code], [7, 'failed', 'ECONNREFUSED']);
  assert.equal(jobs.list().length, 1);
  const up = await store(t);
  await send(t, dir, S3, { env: up.env, ...toS3 });
  assert.equal((await up.keys()).length, 1);
});

evidence('file: a full disk; the file arrives when there is room', async (t) => {
  const dir = temporary(t);
  const disk = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
  t.after(() => {
    execFileSync('umount', [disk]);
    fs.rmdirSync(disk);
  });
  fs.writeFileSync(path.join(disk, 'ballast'), Buffer.alloc(240 * 1024));
  const given = [`file:${disk}`];
  const text = require('node:crypto')
    .randomBytes(48 * 1024)
    .toString('base64');
  queue(dir, given, [{ file: 'plimsoll-1-001.json', text }]);
  const { child, ended } = start(t, dir, given);
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  await until(() => output.includes('ENOSPC'), 'a failure');
  assert.deepEqual(filesBelow(disk), ['ballast'], 'no part of a file is left');
  fs.rmSync(path.join(disk, 'ballast'));
  const { events } = await ended;
  assert.equal(events.at(-1).event, 'arrived');
  const name = filesBelow(disk)[0];
  assert.equal(unpacked(fs.readFileSync(path.join(disk, name)), name), text);
});

/** Reads a request with pauses. */
function slow(request) {
  const pace = setInterval(() => (request.isPaused() ? request.resume() : request.pause()), 50);
  request.on('close', () => clearInterval(pace));
  return false;
}

evidence('https: a slow server gets all of a file', async (t) => {
  const dir = temporary(t);
  const { url, received, env } = await serve(t, { early: slow });
  const text = require('node:crypto')
    .randomBytes(4 * 2 ** 20)
    .toString('base64');
  queue(dir, [url], [{ file: 'Heap.1.heapsnapshot', kind: 'snapshot', text }]);
  await send(t, dir, [url], { env, rate: 2 ** 21 });
  const [[name, { body }]] = [...received];
  assert.equal(unpacked(body, name), text);
});

evidence(
  `services that are killed ${KILLED_AFTER_MS} ms after the verdict: the first report has arrived`,
  async (t) => {
    const { env, keys } = await store(t);
    const script = path.join(__dirname, '../children/send-leak.js');
    let arrived = 0;
    let next = 0;
    const one = async (run) => {
      const dir = temporary(t);
      const service = fork(script, [dir, `${S3[0]}/run-${run}`], {
        cwd: modules,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      await once(service, 'message');
      await sleep(KILLED_AFTER_MS);
      // As a pod ends: the service and its sender at once.
      const senders = filesBelow(dir).flatMap((name) => /\.job\.(\d+)_/.exec(name)?.[1] ?? []);
      for (const pid of [service.pid, ...senders.map(Number)]) end(pid);
      const names = await keys();
      if (names.some((name) => name.startsWith(`plimsoll/run-${run}/shop/`))) arrived++;
    };
    const worker = async () => {
      while (next < RUNS) await one(next++);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
    t.diagnostic(`first report arrived: ${arrived} of ${RUNS} runs`);
    assert.ok(arrived >= ENOUGH, `arrived: ${arrived} of ${RUNS}`);
  },
);
