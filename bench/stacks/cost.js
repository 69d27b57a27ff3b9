'use strict';
// What plimsoll costs the stacks of __test__/stacks: requests a second, p50 and p99, CPU for each request and resident
// memory, with `--import plimsoll/register` and its default options (B), without (A) and without again (A', the control).
//
//   npm ci --ignore-scripts --prefix bench/stacks && npm ci --prefix __test__/stacks
//   node bench/stacks/cost.js --dir DIR [NAME ...] [--rounds 2] [--turns 6] [--seconds 1.5] [--connections 10]
//   node bench/stacks/cost.js --dir DIR --table     the table of all rounds in DIR/cost.jsonl
//
// A round starts three new servers and warms them up. Then they take turns in changing order, each with the same number
// of requests, as fast as they are answered: autocannon, or the clients of the stack where it is not HTTP. CPU is the
// run time of all threads of the server. With two cores or more a server has the first, and what asks it the second.
// The table has medians over rounds, and ratios as geometric means over turns with 95 % intervals of Student's t.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { pathToFileURL } = require('node:url');
const { parseArgs } = require('node:util');
const { startServers, stop, behindNginx } = require('../../__test__/stacks/host.js');

const SERVICES = path.join(__dirname, '../../__test__/stacks/services');
const REGISTER = pathToFileURL(path.join(__dirname, '../../register.js')).href;
/** What autocannon asks of a stack; the others have clients of their own. */
const REQUESTS = {
  'health-metrics': [{ path: '/orders' }, { path: '/health' }],
  'nest-request-scope': [{ path: '/orders/1', headers: { 'x-user': 'user-1' } }],
  'fastify-pg': [{ path: '/items/1' }],
  'socket-io': undefined,
  'ws-nginx': undefined,
  'graphql-dataloader': [
    {
      path: '/graphql',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'query ($id: ID!) { user(id: $id) { name bio } }', variables: { id: '1' } }),
    },
  ],
  'next-route': Array.from({ length: 100 }, (_, id) => ({ path: `/api/items/${id}` })),
  'bullmq-listener': [{ path: '/user-1' }],
  'outbound-agents': [{ path: '/rates/1' }],
  'aborted-streams': [{ path: '/20/export-1' }],
  'native-gzip': [{ path: '/feed-1' }],
  lambda: [{ path: '/invoke', method: 'POST', body: JSON.stringify({ order: 1, lines: 20 }) }],
};
const VARIANTS = ['a', 'control', 'b'];
const WARM_UP_SECONDS = 2;
/** The share of turns of which Student's t with so many degrees of freedom and more has 95 %. */
const T95 = [NaN, 12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13];

const { values, positionals } = parseArgs({
  options: {
    dir: { type: 'string' },
    rounds: { type: 'string', default: '2' },
    turns: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '1.5' },
    connections: { type: 'string', default: '10' },
    table: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
if (values.dir === undefined) throw new Error('--dir DIR is missing: where the results go');
const dir = path.resolve(values.dir);
const results = path.join(dir, 'cost.jsonl');
const connections = Number(values.connections);
const onCore = (core) => (os.availableParallelism() > 1 ? ['taskset', '-c', String(core)] : []);

const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
const quantile = (numbers, share) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))];

/** The run time of all threads, ms. */
function cpuOf(pid) {
  const tasks = `/proc/${pid}/task`;
  const ns = fs.readdirSync(tasks).map((task) => fs.readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]);
  return ns.reduce((sum, each) => sum + Number(each), 0) / 1e6;
}

const rssOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

async function startServer({ name, variant, ports, folder }) {
  const work = path.join(folder, variant);
  fs.mkdirSync(work, { recursive: true });
  const preload = variant === 'b' ? ['--import', REGISTER] : [];
  const [command, ...args] = [...onCore(0), process.execPath, ...preload, path.join(SERVICES, 'service.js'), name];
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', fs.openSync(path.join(work, 'stderr'), 'w')],
    env: { ...process.env, ...ports, LEAK: '0', NODE_ENV: 'production', PLIMSOLL_DIR: work, AWAKE_MS: '1000000000' },
  });
  let printed = '';
  for await (const data of child.stdout.iterator({ destroyOnReturn: false })) {
    printed += data;
    if (/^port \d+$/m.test(printed)) break;
  }
  child.stdout.resume();
  const own = Number(/^port (\d+)$/m.exec(printed)?.[1]);
  const stack = require(path.join(SERVICES, `${name}.js`));
  const port = stack.proxied ? await behindNginx(path.join(work, 'proxy'), own) : own;
  return { name, variant, child, port, work, stack };
}

async function endServer({ child, stack, work }) {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  if (stack.proxied) stop(path.join(work, 'proxy'));
}

/** So many requests, or so many seconds. @returns {Promise<number[]>} what each took, ms */
const ask = (server, end) => (REQUESTS[server.name] === undefined ? byClients(server, end) : byAutocannon(server, end));

async function byAutocannon({ name, port }, { amount, seconds }) {
  const latencies = [];
  const options = { url: `http://127.0.0.1:${port}`, connections, requests: REQUESTS[name] };
  const run = require('autocannon')({ ...options, ...(amount ? { amount } : { duration: seconds }) });
  run.on('response', (client, status, bytes, ms) => latencies.push(ms));
  const { errors, non2xx } = await run;
  if (errors + non2xx > 0) throw new Error(`${name}: ${errors} errors, ${non2xx} answers that are not 2xx`);
  return latencies;
}

async function byClients({ port, stack }, { amount = Infinity, seconds = Infinity }) {
  const latencies = [];
  const end = performance.now() + seconds * 1000;
  let i = 0;
  const client = async () => {
    while (i < amount && performance.now() < end) {
      const begun = performance.now();
      await stack.request({ port, i: i++ });
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  return latencies;
}

async function turn(server, amount) {
  const { pid } = server.child;
  const [cpu, begun] = [cpuOf(pid), performance.now()];
  const latencies = await ask(server, { amount });
  const seconds = (performance.now() - begun) / 1000;
  return {
    perSecond: latencies.length / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpu: (cpuOf(pid) - cpu) / latencies.length,
  };
}

async function round(name, ports) {
  const folder = fs.mkdtempSync(path.join(dir, `${name}-`));
  const servers = [];
  try {
    for (const variant of VARIANTS) servers.push(await startServer({ name, variant, ports, folder }));
    let fewest = Infinity;
    for (const server of servers) {
      const warm = await ask(server, { seconds: WARM_UP_SECONDS });
      fewest = Math.min(fewest, warm.length / WARM_UP_SECONDS);
    }
    const amount = Math.max(connections, Math.round(fewest * Number(values.seconds)));
    const turns = Object.fromEntries(VARIANTS.map((variant) => [variant, []]));
    for (let n = 0; n < Number(values.turns); n++) {
      const order = n % 2 === 0 ? servers : servers.toReversed();
      for (const at of order.keys()) {
        const server = order[(at + n) % order.length];
        turns[server.variant].push(await turn(server, amount));
      }
    }
    const rss = Object.fromEntries(servers.map(({ variant, child }) => [variant, rssOf(child.pid)]));
    return { name, node: process.versions.node, amount, turns, rss };
  } finally {
    for (const server of servers) await endServer(server);
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** `1.003 [.998, 1.008]`: of numbers that are ratios. */
function interval(ratios) {
  const logs = ratios.map(Math.log);
  const mean = logs.reduce((sum, each) => sum + each, 0) / logs.length;
  const variance = logs.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (logs.length - 1);
  const half = (T95[logs.length - 1] ?? 2) * Math.sqrt(variance / logs.length);
  const [at, low, high] = [mean, mean - half, mean + half].map((each) => short(Math.exp(each)));
  return `${at} [${low}, ${high}]`;
}

const short = (number) => number.toFixed(3).replace(/^0/, '');
const figure = (number) => (number < 10 ? short(number) : Math.round(number).toLocaleString('en-US'));

/** CPU and p99, with plimsoll and of the control, each turn beside those without. */
function ratiosOf(rounds) {
  return ['cpu', 'p99'].flatMap((key) => {
    const turns = rounds.flatMap(({ turns: { a, control, b } }) =>
      b.map((each, n) => [a[n], control[n], each].map((of) => of[key])),
    );
    const withIt = turns.map(([a, control, b]) => b / Math.sqrt(a * control));
    return [interval(withIt), interval(turns.map(([a, control]) => control / a))];
  });
}

function table() {
  const rounds = fs.readFileSync(results, 'utf8').trim().split('\n').map(JSON.parse);
  const lines = [
    '| stack | requests/s: without, with | p50, ms | p99, ms | CPU a request, ms | rss, MB | CPU: with / without | control | p99: with / without | control |',
    '|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const name of Object.keys(REQUESTS)) {
    const own = rounds.filter((each) => each.name === name);
    if (own.length === 0) continue;
    const all = (variant, key) => own.flatMap(({ turns }) => turns[variant].map((each) => each[key]));
    const both = (of) => ['a', 'b'].map((variant) => figure(quantile(of(variant), 0.5))).join(', ');
    const measured = ['perSecond', 'p50', 'p99', 'cpu'].map((key) => both((variant) => all(variant, key)));
    const rss = both((variant) => own.map((each) => each.rss[variant]));
    lines.push(`| ${[name, ...measured, rss, ...ratiosOf(own)].join(' | ')} |`);
  }
  lines.push(`| all | | | | | | ${ratiosOf(rounds).join(' | ')} |`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function main() {
  fs.mkdirSync(dir, { recursive: true });
  fs.chmodSync(dir, 0o711); // PostgreSQL runs as a user of its own
  const [pin, ...to] = onCore(1);
  if (pin !== undefined) spawnSync(pin, ['-a', '-p', ...to, String(process.pid)], { stdio: 'ignore' });
  const names = positionals.length > 0 ? positionals : Object.keys(REQUESTS);
  const servers = path.join(dir, 'servers');
  const ports = startServers(servers);
  try {
    for (const name of names) require(path.join(SERVICES, `${name}.js`)).prepare?.();
    for (let n = 0; n < Number(values.rounds); n++) {
      for (const name of names) {
        const line = JSON.stringify(await round(name, ports));
        fs.appendFileSync(results, `${line}\n`);
        process.stdout.write(`${name} ${n + 1} of ${values.rounds}\n`);
      }
    }
  } finally {
    stop(servers);
    fs.rmSync(servers, { recursive: true, force: true });
  }
}

if (values.table) table();
else void main();
