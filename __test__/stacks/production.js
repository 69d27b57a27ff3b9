'use strict';
// The production case: Express 5, Prisma and PostgreSQL behind nginx, two workers under PM2 in cluster mode that PM2
// restarts by their memory. The first worker leaks. Its report names the cause, the file and the line, and is still
// there after PM2 has restarted the worker. The other worker and the healthy service are not accused.

const fs = require('node:fs');
const path = require('node:path');
const { exec, execFile, execFileSync } = require('node:child_process');
const { setTimeout: wait } = require('node:timers/promises');
const { promisify } = require('node:util');
const { freePort, behindNginx, stop, load } = require('./host.js');
const { linesOf, shows } = require('./documented.js');
const { parseDuration } = require('../../lib/check-options.js');

const execute = promisify(execFile);
const executeLine = promisify(exec);

const SERVICE = path.join(__dirname, 'services/production/server.js');
const SCHEMA = path.join(__dirname, 'services/production/schema.prisma');
const PM2 = path.join(__dirname, 'node_modules/pm2/bin/pm2');
const ITEMS = 1000;
/** Requests a minute. */
const RATE = 1200;
/** The limit of the line in docs/stacks.md, and of a leak that takes less: a client is smaller than a page. */
const LIMIT = '350';
const limitOf = (leak) => (leak === 'client' ? '220' : LIMIT);
/** The causes that fit each leak; the line is the one that says so in server.js. */
const LEAKS = {
  cache: ['object'],
  listener: ['listeners'],
  promise: ['promises'],
  client: ['map'],
};
const LONGEST_MS = 600_000;
/** The longest time that a post-mortem may take after the restart. */
const POST_MORTEM_MS = 180_000;

/** Prisma's client, without the engines that it would download, and the table. */
function prepare({ dir, ports }) {
  const nothing = path.join(dir, 'no-engine');
  fs.writeFileSync(nothing, '');
  execFileSync(process.execPath, [require.resolve('prisma/build/index.js'), 'generate', '--schema', SCHEMA], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: nothing,
      PRISMA_QUERY_ENGINE_LIBRARY: nothing,
      CHECKPOINT_DISABLE: '1',
    },
  });
  const table = `create table "Item" (id int primary key, name text not null);
    insert into "Item" select id, 'item ' || id from generate_series(0, ${ITEMS - 1}) id`;
  execFileSync('psql', ['-q', '-h', '127.0.0.1', '-p', ports.PGPORT, '-U', 'plimsoll', '-d', 'postgres', '-c', table]);
}

/** The service under a PM2 of its own, started by the line of docs/stacks.md. */
async function start({ dir, leak, node, port, ports, window }) {
  const env = {
    ...process.env,
    LEAK: leak,
    PORT: String(port),
    NODE_ENV: 'production',
    DATABASE_URL: `postgresql://plimsoll@127.0.0.1:${ports.PGPORT}/postgres`,
    PLIMSOLL_DIR: dir,
    PLIMSOLL_WINDOW: window,
    PLIMSOLL_REPORT: 'json,html',
    PM2_HOME: path.join(dir, 'pm2'),
    PM2_DISCRETE_MODE: 'true',
    PATH: `${path.dirname(node.bin)}${path.delimiter}${process.env.PATH}`,
  };
  const pm2 = async (...args) => (await execute(node.bin, [PM2, ...args], { env })).stdout;
  const line = linesOf('production').start.replace('server.js', SERVICE).replaceAll(LIMIT, limitOf(leak));
  try {
    await executeLine(`${line} --wait-ready --listen-timeout 60000`, { cwd: __dirname, env });
  } catch (error) {
    await pm2('kill');
    throw error;
  }
  return { pm2, workers: async () => JSON.parse(await pm2('jlist')) };
}

/** The reports in the folder, and the post-mortems. */
const reportsIn = (dir) =>
  fs
    .readdirSync(dir)
    .filter((name) => /^plimsoll-(post-mortem-.*-)?\d+.*\.json$/.test(name))
    .map((name) => JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8')));

const isAlarm = ({ verdict }) => verdict.state === 'leak' || verdict.state === 'suspect';

async function until(condition, deadline = Date.now() + LONGEST_MS) {
  for (;;) {
    const value = await condition();
    if (value || Date.now() > deadline) return value;
    await wait(500);
  }
}

function lineOf(leak) {
  const lines = fs.readFileSync(SERVICE, 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(`// leaks: ${leak}`)) + 1;
}

/**
 * What is wrong with what a leaking service left, or undefined. A worker that PM2 restarts before its own report is
 * there has a post-mortem, which the next worker writes.
 */
async function judgeLeak({ dir, leak, workers, pid }) {
  const restarted = await until(async () => (await workers()).find((worker) => worker.pm_id === 0).pid !== pid);
  if (!restarted) return { fault: 'PM2 does not restart the worker' };
  const line = lineOf(leak);
  const ofWorker = () => reportsIn(dir).filter((report) => report.pid === pid && report.suspects?.length > 0);
  const shown = linesOf('production').leaks.filter(({ place }) => place === `server.js:${line}`);
  const fits = (report) => LEAKS[leak].includes(report.suspects[0].cause) && shown.some((each) => shows(each, report));
  const report = await until(() => ofWorker().find(fits), Date.now() + POST_MORTEM_MS);
  if (report !== undefined) return { is: described(report) };
  const others = ofWorker().map(described).join('; ') || 'no report';
  return { is: others, fault: `expected ${LEAKS[leak]} server.js:${line}, as docs/stacks.md shows it` };
}

function described({ postMortem, suspects: [{ cause, name, file, line }] }) {
  const by = postMortem === undefined ? 'the worker' : 'the post-mortem';
  return `${cause} ${name} at ${file}:${line}, by ${by}`;
}

async function request({ port, i }) {
  const response = await fetch(`http://127.0.0.1:${port}/items/${i % ITEMS}`, { signal: AbortSignal.timeout(10_000) });
  await response.text();
}

/** Runs one of the leaks, or the healthy service for `duration` (`3m`). */
async function run({ dir: parent, leak, node, ports, window, duration }) {
  const id = `production-${leak ?? 'healthy'}-${node.version}`;
  const dir = path.join(parent, id);
  fs.rmSync(dir, { recursive: true, force: true });
  fs.mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const { pm2, workers } = await start({ dir, leak, node, port, ports, window });
  const proxied = await behindNginx(path.join(dir, 'proxy'), port);
  const traffic = load({ request, rate: RATE / 60 }, proxied);
  try {
    const [first, ...others] = await workers();
    if (leak === undefined) await wait(parseDuration(duration));
    const result = leak === undefined ? {} : await judgeLeak({ dir, leak, workers, pid: first.pid });
    const innocent = leak === undefined ? [first, ...others] : others;
    const pids = new Set(innocent.map(({ pid }) => pid));
    const accused = reportsIn(dir).find((report) => pids.has(report.pid) && isAlarm(report));
    if (accused !== undefined) result.fault ??= `a healthy worker is called ${accused.verdict.state}`;
    return { id, ...traffic.counts, ...result };
  } finally {
    traffic.stop();
    stop(path.join(dir, 'proxy'));
    await pm2('kill');
  }
}

module.exports = { LEAKS: Object.keys(LEAKS), prepare, run };
