'use strict';
// For tests of `send`: the sender's process, a directory with files to send, and an HTTPS server with a CA of its own.

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { once } = require('node:events');
const { Queue } = require('../../lib/send/queue.js');
const { destinationsOf, idOf } = require('../../lib/destinations.js');

const PROCESS = path.join(__dirname, '../../lib/send/process.js');
const DEADLINE_MS = 60_000;

/** A directory that is removed after the test. */
function temporary(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-send-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Destinations as the sender's process takes them. */
const withIds = (given) => destinationsOf(given).map((destination) => ({ ...destination, id: idOf(destination) }));

/** Queues files of `dir` with the text `content of NAME`. */
function queue(dir, given, files) {
  const jobs = new Queue(dir);
  for (const { file, kind = 'report', text = `content of ${file}`, raw = false, own = false } of files) {
    fs.writeFileSync(path.join(dir, file), text);
    jobs.add(
      { kind, file, object: `service/host/${file}`, raw, own },
      withIds(given).map(({ id }) => id),
    );
  }
  return jobs;
}

/** Starts the sender's process; `ended` resolves with its events. */
function start(t, dir, given, { env = {}, ...settings } = {}) {
  const argv = [PROCESS];
  const child = spawn(process.execPath, argv, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const destinations = withIds(given).map((each) => ({ ...each, ...settings.peers }));
  child.stdin.end(
    JSON.stringify({ dir, destinations, raw: false, remove: false, maxBytes: 2 ** 30, rate: 2 ** 30, ...settings }),
  );
  const ended = once(child, 'close').then(([code]) => ({
    code,
    events: output
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
    text: output + errors,
  }));
  return { child, ended };
}

const send = (t, ...rest) => start(t, ...rest).ended;

/** Waits for a condition. */
async function until(isTrue, what) {
  const ends = Date.now() + DEADLINE_MS;
  while (!(await isTrue())) {
    if (Date.now() > ends) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The text of a file that was sent. */
const unpacked = (bytes, name) =>
  (name.endsWith('.zst')
    ? zlib.zstdDecompressSync(bytes)
    : name.endsWith('.gz')
      ? zlib.gunzipSync(bytes)
      : bytes
  ).toString();

/** Files below a directory, as their paths. */
const filesBelow = (dir) =>
  fs
    .readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => fs.statSync(path.join(dir, name)).isFile())
    .toSorted();

/** A CA, and a certificate of it for localhost; needs the program openssl. */
function certificates(dir) {
  const run = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  run('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=plimsoll test CA');
  const forServer = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  run(
    'req',
    '-x509',
    ...key,
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-keyout',
    'key.pem',
    '-out',
    'cert.pem',
    ...forServer,
  );
  const read = (name) => fs.readFileSync(path.join(dir, name));
  return { ca: path.join(dir, 'ca.pem'), key: read('key.pem'), cert: read('cert.pem') };
}

/** An HTTPS server; `answer(request, body, response)` is called with the whole body, unless `early` answers first. */
async function serve(t, { answer, early = () => false }) {
  const { ca, key, cert } = certificates(temporary(t));
  const received = new Map();
  const server = https.createServer({ key, cert }, (request, response) => {
    const chunks = [];
    request.on('error', () => {});
    if (early(request, response)) return;
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const status = answer?.(request) ?? 200;
      if (status === 200) received.set(request.url, { body: Buffer.concat(chunks), headers: request.headers });
      response.writeHead(status).end();
    });
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `https://localhost:${/** @type {any} */ (server.address()).port}`,
    received,
    env: { NODE_EXTRA_CA_CERTS: ca },
  };
}

module.exports = { temporary, withIds, queue, start, send, until, unpacked, filesBelow, serve };
