'use strict';
// What the guard costs a plain http service, or one on Fastify: CPU time of the server's process for each
// request at a fixed rate, with and without, and p99 latency beside an A/A control.
//
//   node bench/overhead.js [--server http|fastify] [--by register|watch] [--pairs 30] [--seconds 20] [--rate 1500] [--env NAME=VALUE]
//
// --by register: the preload, with what Node itself takes for --import. --by watch: the service calls watch().
// fastify is that of the integration tests: npm ci --prefix __test__/integrations
//
// Each round starts three servers: without (A), without again (A', the control) and with (B), and
// loads them at the same time, each at the rate, so that whatever else the machine does falls on all
// three alike. Before that each answers WARM_UP requests as fast as it can: until V8 has compiled what is hot,
// compiling is most of the CPU time, and differs between two runs by more than what is looked for here.
// Printed: the ratios B/sqrt(A A') and A'/A, geometric means over rounds with the 95 % interval
// of Student's t. The first round warms the machine up and does not count.
// Steadier where servers and load share a core: taskset -c 0 node bench/overhead.js

const { fork } = require('node:child_process');
const { createRequire } = require('node:module');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { pathToFileURL } = require('node:url');
const autocannon = require('autocannon');

const WARM_UP = 40_000; // requests
const REGISTER = pathToFileURL(path.join(__dirname, '../register.js')).href;
const { values } = parseArgs({
  options: {
    serve: { type: 'boolean' },
    server: { type: 'string', default: 'http' },
    by: { type: 'string', default: 'register' },
    watched: { type: 'boolean' },
    pairs: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '20' },
    rate: { type: 'string', default: '1500' },
    env: { type: 'string', multiple: true, default: [] },
  },
});

/** What a small JSON service does: a little allocation, a little string work. */
const page = (url) => ({ items: Array.from({ length: 50 }, (_, id) => ({ id, name: `item ${id}`, path: url })) });

/** Servers that answer every request so, listening on a port of their own. */
const SERVERS = {
  http() {
    const http = require('node:http');
    const server = http.createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(page(request.url)));
    });
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
  },
  async fastify() {
    const app = createRequire(path.join(__dirname, '../__test__/integrations/package.json'))('fastify')();
    app.get('/', async (request) => page(request.url));
    return new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port;
  },
};

async function serve() {
  if (values.watched) require('..').watch({ snapshotOn: [] });
  process.send({ port: await SERVERS[values.server]() });
  let before;
  process.on('message', (message) => {
    if (message === 'start') before = process.cpuUsage();
    else process.send(process.cpuUsage(before));
  });
}

const ask = (child, message) =>
  new Promise((resolve, reject) => {
    const ended = (code) => reject(new Error(`the server ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (answer) => {
      child.off('exit', ended);
      resolve(answer);
    });
    if (message !== undefined) child.send(message);
  });

async function start(name) {
  const extra = Object.fromEntries(values.env.map((pair) => pair.split('=')));
  const by = name === 'b' ? values.by : 'nothing';
  const execArgv = by === 'register' ? ['--import', REGISTER] : [];
  const args = ['--serve', '--server', values.server, ...(by === 'watch' ? ['--watched'] : [])];
  const child = fork(__filename, args, { execArgv, env: { ...process.env, PLIMSOLL_SNAPSHOT_ON: 'none', ...extra } });
  const { port } = await ask(child);
  return { name, child, url: `http://127.0.0.1:${port}/` };
}

async function load(server, options) {
  server.child.send('start');
  const { non2xx, errors, requests, latency } = await autocannon({ url: server.url, connections: 5, ...options });
  const { user, system } = await ask(server.child, 'stop');
  if (non2xx > 0 || errors > 0) throw new Error(`${errors} errors, ${non2xx} bad answers`);
  return [server.name, { cpu: (user + system) / requests.total, p99: latency.p99 }];
}

async function round(n) {
  const servers = [];
  try {
    const names = ['a', 'control', 'b'];
    for (const at of names.keys()) servers.push(await start(names[(at + n) % names.length]));
    await Promise.all(servers.map((server) => load(server, { amount: WARM_UP })));
    const measured = { duration: Number(values.seconds), overallRate: Number(values.rate) };
    return Object.fromEntries(await Promise.all(servers.map((server) => load(server, measured))));
  } finally {
    for (const { child } of servers) child.kill('SIGKILL');
  }
}

/** Two-sided 97.5 % quantile of Student's t (Abramowitz and Stegun 26.7.5, good to 3 digits). */
function student(df) {
  const z = 1.959964;
  const g1 = (z ** 3 + z) / 4;
  const g2 = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const g3 = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + g1 / df + g2 / df ** 2 + g3 / df ** 3;
}

const text = (x) => Math.exp(x).toFixed(4);

/** The geometric mean with its interval, of ratios given by their logarithms. */
function ratio(logs) {
  const mean = logs.reduce((sum, x) => sum + x, 0) / logs.length;
  const variance = logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (logs.length - 1);
  const half = student(logs.length - 1) * Math.sqrt(variance / logs.length);
  return `${text(mean)}  [${text(mean - half)}, ${text(mean + half)}]`;
}

const row = (what, who, logs) => console.log(`${`${what}, ${who}`.padEnd(40)} ${ratio(logs)}`);

async function main() {
  const rounds = [];
  for (let n = 0; n <= Number(values.pairs); n++) {
    const result = await round(n);
    if (n > 0) rounds.push(result);
    process.stderr.write(`\rround ${n} of ${values.pairs} `);
  }
  process.stderr.write('\n');
  const watched = (key) => rounds.map(({ a, control, b }) => Math.log(b[key]) - (Math.log(a[key]) + Math.log(control[key])) / 2);
  const control = (key) => rounds.map((each) => Math.log(each.control[key] / each.a[key]));
  console.log(`${values.server}, ${rounds.length} rounds, ${values.rate} requests/s; ratio to the server without plimsoll, 95 % interval`);
  const guarded = `with plimsoll by ${values.by}`;
  row('CPU per request', guarded, watched('cpu'));
  row('CPU per request', 'A/A control', control('cpu'));
  row('p99 latency', guarded, watched('p99'));
  row('p99 latency', 'A/A control', control('p99'));
}

if (!['register', 'watch'].includes(values.by) || !Object.hasOwn(SERVERS, values.server)) throw new Error('--by is register or watch, --server http or fastify');
if (values.serve) serve();
else main();
