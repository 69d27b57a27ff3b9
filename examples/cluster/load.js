'use strict';
// A load run: the service with a fault in its first worker, under requests, until its watch has named the worker and the
// fault, and calls the other one steady. Exit code 0 then, 1 where that does not come about in WITHIN seconds.
//   npm run load

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { setTimeout: delay } = require('node:timers/promises');

const { WITHIN = 120, RATE = 250 } = process.env;
const PRODUCTS = 500;
/** As large as cookies get. */
const HEADERS = { cookie: `session=${'x'.repeat(4000)}` };
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-cluster-'));

const QUICKLY = { PLIMSOLL_WINDOW: '6s', PLIMSOLL_INTERVAL: '250ms', PLIMSOLL_LIMIT: '256m', PLIMSOLL_COOLDOWN: '0', PLIMSOLL_LOG: 'silent', PLIMSOLL_REPORT: 'json', PLIMSOLL_DIR: dir };

/** Ports of the workers and of the primary, when all are ready. */
function start() {
  const service = spawn(process.execPath, [path.join(__dirname, 'primary.js')], {
    env: { ...process.env, ...QUICKLY, LEAK: '1', PORT: '0', ADMIN_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let said = '';
    service.once('exit', (code) => reject(new Error(`the service ended with code ${code}`)));
    service.stdout.on('data', (chunk) => {
      said += chunk;
      const workers = [...said.matchAll(/pid (\d+) on .*:(\d+)$/gm)];
      const admin = /admin on (\d+)$/m.exec(said);
      if (workers.length === 2 && admin !== null) resolve({ service, port: Number(workers[0][2]), admin: Number(admin[1]) });
    });
  });
}

function get(port, route) {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path: route, headers: HEADERS, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk) => (body += chunk)).on('end', () => resolve({ status: response.statusCode, body }));
      })
      .on('error', reject);
  });
}

/** Each request has a connection of its own, and so the cluster gives them to the workers in turns. */
function load(port) {
  const failures = [];
  const timer = setInterval(() => {
    const id = Math.floor(Math.random() * PRODUCTS);
    get(port, `/products/${id}`).then(({ status }) => status !== 200 && failures.push(status), (error) => failures.push(error.message));
  }, 1000 / RATE);
  return { failures, stop: () => clearInterval(timer) };
}

/** The reports that the workers have written so far. */
function reports() {
  const files = fs.readdirSync(dir).filter((name) => /^plimsoll-\d.*\.json$/.test(name));
  return files.map((name) => JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8')));
}

async function verdicts(admin) {
  const { body } = await get(admin, '/stats');
  return JSON.parse(body).map(({ pid, stats }) => ({ pid, state: stats?.verdict.state ?? 'silent' }));
}

async function main() {
  const { service, port, admin } = await start();
  const { failures, stop } = load(port);
  try {
    for (const end = Date.now() + WITHIN * 1000; Date.now() < end; await delay(500)) {
      const [leaking, other] = await verdicts(admin);
      const report = reports().find(({ pid }) => pid === leaking.pid);
      if (leaking.state !== 'leak' || other.state !== 'steady' || report === undefined) continue;
      const [suspect] = report.suspects;
      console.log(`pid ${leaking.pid}: leak, ${suspect.cause} ${suspect.name} at ${path.basename(suspect.file)}:${suspect.line}`);
      console.log(`pid ${other.pid}: steady`);
      const { body } = await get(admin, '/metrics');
      console.log(body.split('\n').filter((line) => /^plimsoll_(leak|verdict).* [1-9]/.test(line)).join('\n'));
      const health = JSON.parse((await get(port, '/readyz')).body);
      console.log(`/readyz ${health.status}; requests that failed: ${failures.length}`);
      return failures.length === 0 ? 0 : 1;
    }
    console.error('not found in time:', JSON.stringify(await verdicts(admin)));
    return 1;
  } finally {
    stop();
    service.removeAllListeners('exit').kill('SIGTERM');
    await new Promise((resolve) => service.once('exit', resolve));
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

main().then((code) => (process.exitCode = code));
