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
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const { startServers, stop } = require('../../__test__/stacks/host.js');
const { SERVICES, REQUESTS, onCore, startServer, endServer, ask } = require('./servers.js');

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

const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
const quantile = (numbers, share) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))];

/** The run time of all threads, ms. */
function cpuOf(pid) {
  const tasks = `/proc/${pid}/task`;
  const ns = fs.readdirSync(tasks).map((task) => fs.readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]);
  return ns.reduce((sum, each) => sum + Number(each), 0) / 1e6;
}

const rssOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

async function turn(server, amount) {
  const { pid } = server.child;
  const [cpu, begun] = [cpuOf(pid), performance.now()];
  const latencies = await ask(server, { amount }, connections);
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
    for (const variant of VARIANTS) {
      const server = await startServer({ name, has: variant === 'b', ports, work: path.join(folder, variant) });
      servers.push({ ...server, variant });
    }
    let fewest = Infinity;
    for (const server of servers) {
      const warm = await ask(server, { seconds: WARM_UP_SECONDS }, connections);
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
