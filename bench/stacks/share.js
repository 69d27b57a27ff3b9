'use strict';
// The share of a server's processor time that is plimsoll's, by a thousand samples a second. `perf record` shows that of
// its threads, of its binary, and of V8's sampling of allocations, which it turns on; V8's profiler, in a second run of
// the same length, that of its JavaScript. A ratio of two servers (cost.js) does not show a share of less than some
// percent. This does not show what plimsoll makes slower elsewhere.
//
//   npm ci --ignore-scripts --prefix bench/stacks && npm ci --prefix __test__/stacks
//   node bench/stacks/share.js --dir DIR [NAME ...] [--seconds 20] [--connections 10]
//
// Needs Linux with perf. Intervals are Wilson's, of 95 %.

const fs = require('node:fs');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { parseArgs } = require('node:util');
const { setTimeout: wait } = require('node:timers/promises');
const { startServers, stop } = require('../../__test__/stacks/host.js');
const { SERVICES, REQUESTS, startServer, endServer, ask } = require('./servers.js');

const ROOT = path.join(__dirname, '../..');
const PROFILED = path.join(__dirname, 'profiled.js');
const WARM_UP_SECONDS = 3;
/** Samples a second. */
const FREQUENCY = 999;
/** V8's functions that sample allocations. */
const SAMPLING = /SamplingHeapProfiler|AllocationObserver|AllocationCounter/;

const { values, positionals } = parseArgs({
  options: {
    dir: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    connections: { type: 'string', default: '10' },
  },
  allowPositionals: true,
});
if (values.dir === undefined) throw new Error('--dir DIR is missing: where the servers work');
const dir = path.resolve(values.dir);
const connections = Number(values.connections);

/** What a sample of perf is of; undefined for what is not plimsoll's. */
function partOf({ thread, symbol, binary }) {
  if (thread.startsWith('plimsoll')) return 'threads';
  if (path.basename(binary).startsWith('plimsoll')) return 'binary';
  return SAMPLING.test(symbol) ? 'sampling' : undefined;
}

/** Whether a frame of a profile is of a file of the package. */
const isOurs = ({ url }) => url.includes(`${ROOT}/lib/`) || url.includes(`${ROOT}/register.js`);

/** Samples of a profile of V8's: all in which the thread was not idle, and those in files of the package. */
function countProfile({ nodes, samples }) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const busy = samples.map((id) => frames.get(id)).filter(({ functionName }) => functionName !== '(idle)');
  return { busy: busy.length, javascript: busy.filter(isOurs).length };
}

/** Of a line of `perf script`: the thread's name, an address, the symbol, and the binary in brackets. */
function sampleOf(line) {
  const found = /^\s*(.*?)\s+[0-9a-f]+ (.*) \((.*)\)\s*$/.exec(line);
  return found === null ? undefined : { thread: found[1], symbol: found[2], binary: found[3] };
}

async function record(pid, file, work) {
  const perf = spawn('perf', ['record', '-q', '-F', `${FREQUENCY}`, '-p', `${pid}`, '-o', file], { stdio: 'ignore' });
  await once(perf, 'spawn');
  await work();
  const ended = once(perf, 'exit');
  perf.kill('SIGINT');
  await ended;
}

/** Wilson's interval of a share. @returns {[number, number]} */
function interval(count, all) {
  const z = 1.96;
  const middle = (count + z ** 2 / 2) / (all + z ** 2);
  const half = (z / (all + z ** 2)) * Math.sqrt((count * (all - count)) / all + z ** 2 / 4);
  return [Math.max(0, middle - half), middle + half];
}

/** The profile that the server writes at the second signal. */
async function profile(pid, file, work) {
  process.kill(pid, 'SIGWINCH');
  await work();
  process.kill(pid, 'SIGWINCH');
  while (!fs.existsSync(file)) await wait(50);
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

async function measure(name, ports) {
  const work = path.join(dir, name);
  const env = { PROFILE: path.join(work, 'profile.json') };
  const server = await startServer({ name, has: true, ports, work, env, flags: ['--require', PROFILED] });
  const { pid } = server.child;
  const file = path.join(work, 'perf.data');
  const load = (seconds) => ask(server, { seconds }, connections);
  try {
    await load(WARM_UP_SECONDS);
    await record(pid, file, () => load(Number(values.seconds)));
    const options = { encoding: 'utf8', maxBuffer: 2 ** 30 };
    const { stdout } = spawnSync('perf', ['script', '-i', file, '-F', 'comm,ip,sym,dso'], options);
    const samples = stdout
      .split('\n')
      .map(sampleOf)
      .filter((sample) => sample !== undefined);
    const parts = { threads: 0, binary: 0, sampling: 0 };
    for (const part of samples.map(partOf)) if (part !== undefined) parts[part]++;
    const profiled = countProfile(await profile(pid, env.PROFILE, () => load(Number(values.seconds))));
    return { name, samples: samples.length, ...parts, ...profiled };
  } finally {
    await endServer(server);
    fs.rmSync(work, { recursive: true, force: true });
  }
}

const percent = (share) => `${(100 * share).toFixed(2)} %`;

function print(rows) {
  const all = { samples: 0, threads: 0, binary: 0, sampling: 0, busy: 0, javascript: 0 };
  for (const row of rows) for (const key of Object.keys(all)) all[key] += row[key];
  const lines = [
    '| stack | samples | threads | binary | sampling of allocations | JavaScript | together |',
    '|---|---|---|---|---|---|---|',
  ];
  for (const { name, samples, busy, threads, binary, sampling, javascript } of [...rows, { name: 'all', ...all }]) {
    const [native, script] = [threads + binary + sampling, javascript];
    const together = native / samples + script / busy;
    // Both are small, so that their intervals' widths add up as squares.
    const [ofNative, ofScript] = [interval(native, samples), interval(script, busy)];
    const half = (at) => Math.hypot(ofNative[at] - native / samples, ofScript[at] - script / busy);
    const cells = [
      `${samples.toLocaleString('en-US')}, ${busy.toLocaleString('en-US')}`,
      ...[threads, binary, sampling].map((count) => percent(count / samples)),
      percent(script / busy),
      `${percent(together)} [${percent(Math.max(0, together - half(0)))}, ${percent(together + half(1))}]`,
    ];
    lines.push(`| ${[name, ...cells].join(' | ')} |`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function main() {
  fs.mkdirSync(dir, { recursive: true });
  fs.chmodSync(dir, 0o711); // PostgreSQL runs as a user of its own
  const names = positionals.length > 0 ? positionals : Object.keys(REQUESTS);
  const servers = path.join(dir, 'servers');
  const ports = startServers(servers);
  const rows = [];
  try {
    for (const name of names) require(path.join(SERVICES, `${name}.js`)).prepare?.();
    for (const name of names) rows.push(await measure(name, ports));
  } finally {
    stop(servers);
    fs.rmSync(servers, { recursive: true, force: true });
  }
  print(rows);
}

void main();
