'use strict';
// Forks snapshots of a service under fire and counts how they end.
//   node bench/snapshot-fire/run.js [--count 500] [--heap 100] [--seconds 600] [--nice 19] [--cores DIR] [NODE ...]
// NODE: paths of Node binaries; the running one unless given. Exits with 1 if fewer than 99 % of
// the snapshots ended as forks, a file was not whole, or anything was left behind.
// --cores: children that crash leave a core file in DIR, if the kernel's core_pattern is a relative name.

const { execFileSync, fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '500' },
    heap: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '600' },
    nice: { type: 'string', default: '19' },
    cores: { type: 'string' },
  },
});

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

/** Core files are named by the kernel (core(5)). */
function coresIn(dir) {
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  return fs.readdirSync(dir).filter((file) => file.startsWith('core'));
}

function whole(file) {
  try {
    const { snapshot, nodes, edges } = JSON.parse(fs.readFileSync(file, 'utf8'));
    return (
      nodes.length === snapshot.node_count * snapshot.meta.node_fields.length &&
      edges.length === snapshot.edge_count * snapshot.meta.edge_fields.length
    );
  } catch {
    return false;
  }
}

async function fire(execPath) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-fire-'));
  const count = Number(values.count);
  const { cores } = values;
  const before = cores === undefined ? [] : coresIn(cores);
  const args = [dir, values.count, values.heap, values.seconds, values.nice, cores === undefined ? 'no' : 'cores'];
  const service = fork(path.join(__dirname, 'service.js'), args, {
    execPath,
    execArgv: ['--max-old-space-size=4096'],
    cwd: cores,
  });
  if (cores !== undefined) execFileSync('prlimit', ['--core=unlimited:unlimited', '--pid', String(service.pid)]);
  const result = {
    node: execPath,
    asked: count,
    fork: 0,
    'in-process': 0,
    refused: 0,
    broken: 0,
    crashed: false,
    settled: null,
    left: 0,
  };
  const retries = {};
  const refusals = {};
  const pauses = [];
  service.on('message', (message) => {
    if (message.end) {
      result.settled = message.settled;
      return;
    }
    for (const why of message.retries ?? []) retries[why] = (retries[why] ?? 0) + 1;
    if (message.path === undefined) {
      result.refused++;
      refusals[message.message] = (refusals[message.message] ?? 0) + 1;
      return;
    }
    result[message.method]++;
    if (message.method === 'fork') pauses.push(message.pauseMs);
    if (!whole(message.path)) result.broken++;
    fs.rmSync(message.path, { force: true });
  });
  const [code, signal] = await once(service, 'exit');
  result.crashed = result.settled === null ? `${signal ?? code}` : false;
  result.left = fs.readdirSync(dir).filter((file) => file.includes('.heapsnapshot')).length;
  fs.rmSync(dir, { recursive: true, force: true });
  if (cores !== undefined) result.cores = coresIn(cores).filter((core) => !before.includes(core));
  pauses.sort((a, b) => a - b);
  const taken = result.fork + result['in-process'] + result.refused;
  return {
    ...result,
    share: taken ? result.fork / taken : 0,
    pauseMs: { median: quantile(pauses, 0.5), p99: quantile(pauses, 0.99) },
    retries,
    refusals,
  };
}

async function main() {
  for (const execPath of positionals.length > 0 ? positionals : [process.execPath]) {
    const result = await fire(execPath);
    console.log(JSON.stringify(result, null, 2));
    if (result.share < 0.99 || result.broken > 0 || result.left > 0 || result.crashed) process.exitCode = 1;
  }
}

void main();
