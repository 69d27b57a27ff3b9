'use strict';
// What the guard costs a plain http service, or one on Fastify: CPU time of the server's process for each
// request at a fixed rate, with and without, and p99 latency beside an A/A control.
//
//   node bench/overhead.js [--server http|fastify] [--by register|watch] [--pairs 30] [--seconds 5] [--rate 2000] [--warm-up 15000] [--env NAME=VALUE]
//
// --by register: the preload, with what Node itself takes for --import. --by watch: the service calls watch().
// fastify is that of the integration tests: npm ci --prefix __test__/integrations
//
// Each round starts three new servers: without (A), without again (A', the control) and with (B). Each
// answers --warm-up requests as fast as it can, for until V8 has compiled what is hot, compiling is most of the
// CPU time. Then they take turns: CONNECTIONS requests at once to the one, and when all are answered as many to
// the next, as often as makes the rate for each of them.
//
// So whatever else the machine does falls on all three alike within milliseconds, and each always has the same
// work at a time. That is most of the precision: where all were loaded at once (as this file did before, with
// bursts of a whole second's requests), how many requests a server found waiting was chance, and the more there are
// the cheaper is each. Of four servers without plimsoll, the standard deviation of a server's CPU per request
// over 3,000 requests was 2.9 % so and .8 % in turns. What is left is of the process (where its code and its heap happen to
// lie: layout.js), which only more processes make smaller: hence many short rounds.
//
// A request's latency is from its sending to the end of its answer, so a server is not charged with the
// others' turns. Printed: the ratios B/sqrt(A A') and A'/A, geometric means over rounds with the 95 % interval
// of Student's t. The first round warms the machine up and does not count.
// Steadier where servers and load share a core: taskset -c 0 node bench/overhead.js

const { fork } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { pathToFileURL } = require('node:url');
const { setTimeout: delay } = require('node:timers/promises');
const { KeepAlive } = require('./keep-alive.js');
const { scatter } = require('./layout.js');
const SERVERS = require('./servers.js');

const CONNECTIONS = 5;
const REGISTER = pathToFileURL(path.join(__dirname, '../register.js')).href;
const { values } = parseArgs({
  options: {
    serve: { type: 'boolean' },
    server: { type: 'string', default: 'http' },
    by: { type: 'string', default: 'register' },
    watched: { type: 'boolean' },
    pairs: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '2000' },
    'warm-up': { type: 'string', default: '15000' },
    env: { type: 'string', multiple: true, default: [] },
  },
});

async function serve() {
  const kept = scatter();
  if (values.watched) require('..').watch({ snapshotOn: [] });
  process.send({ port: await SERVERS[values.server]() });
  let before;
  process.on('message', (message) => {
    if (message === 'start') before = process.cpuUsage();
    else process.send({ ...process.cpuUsage(before), kept: kept.length });
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
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => KeepAlive.connect(port)));
  return { name, child, connections, /** ms */ latencies: [] };
}

/** As fast as it can. */
async function warmUp({ connections }) {
  const each = Number(values['warm-up']) / CONNECTIONS;
  await Promise.all(
    connections.map(async (connection) => {
      for (let n = 0; n < each; n++) await connection.request();
    }),
  );
}

/** One request on each connection. */
const turn = ({ connections, latencies }) =>
  Promise.all(
    connections.map(async (connection) => {
      const sent = performance.now();
      await connection.request();
      latencies.push(performance.now() - sent);
    }),
  );

/** Turns at the rate; if the servers cannot keep it up, as many in more time. */
async function takeTurns(servers) {
  const period = (CONNECTIONS * 1000) / Number(values.rate);
  const turns = Math.round((Number(values.seconds) * 1000) / period);
  const begun = performance.now();
  for (let n = 0; n < turns; n++) {
    // Each is as often the first, after the pause, and follows each other as often.
    const order = Math.floor(n / servers.length) % 2 === 0 ? servers : servers.toReversed();
    for (const at of order.keys()) await turn(order[(at + n) % order.length]);
    const early = begun + (n + 1) * period - performance.now();
    if (early > 0) await delay(early);
  }
}

async function stop({ child, name, latencies }) {
  const { user, system } = await ask(child, 'stop');
  const sorted = latencies.toSorted((x, y) => x - y);
  return [name, { cpu: (user + system) / latencies.length, p99: sorted[Math.floor(sorted.length * 0.99)] }];
}

async function round(n) {
  const servers = [];
  try {
    const names = ['a', 'control', 'b'];
    for (const at of names.keys()) servers.push(await start(names[(at + n) % names.length]));
    await Promise.all(servers.map(warmUp));
    for (const { child } of servers) child.send('start');
    const begun = performance.now();
    await takeTurns(servers);
    const seconds = (performance.now() - begun) / 1000;
    return { rate: servers[0].latencies.length / seconds, ...Object.fromEntries(await Promise.all(servers.map(stop))) };
  } finally {
    for (const { child, connections } of servers) {
      for (const connection of connections) connection.close();
      child.kill('SIGKILL');
    }
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
  const watched = (key) =>
    rounds.map(({ a, control, b }) => Math.log(b[key]) - (Math.log(a[key]) + Math.log(control[key])) / 2);
  const control = (key) => rounds.map((each) => Math.log(each.control[key] / each.a[key]));
  const rate = rounds.reduce((sum, each) => sum + each.rate, 0) / rounds.length;
  console.log(
    `${values.server}, ${rounds.length} rounds, ${rate.toFixed(0)} requests/s; ratio to the server without plimsoll, 95 % interval`,
  );
  const guarded = `with plimsoll by ${values.by}`;
  row('CPU per request', guarded, watched('cpu'));
  row('CPU per request', 'A/A control', control('cpu'));
  row('p99 latency', guarded, watched('p99'));
  row('p99 latency', 'A/A control', control('p99'));
}

if (!['register', 'watch'].includes(values.by) || !Object.hasOwn(SERVERS, values.server))
  throw new Error('--by is register or watch, --server http or fastify');
if (values.serve) serve();
else main();
