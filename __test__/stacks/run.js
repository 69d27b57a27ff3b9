'use strict';
// Services as people run them, each healthy and with the leak that is typical of it, under load and watched by `plimsoll run`.
//
//   npm run test:stacks [-- NAME ...] [--duration 3m] [--window 40s] [--limit 256m] [--at-once 2] [--only leak|healthy] [--nodes 20,22,24] [--keep DIR]
//
// A leak has to be the first suspect, with the file and the line that say `the leak`; a healthy service has to end
// without a leak or a suspicion. PostgreSQL, Redis and nginx are Debian's (setup.sh).

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { parseArgs } = require('node:util');
const { nodeOf } = require('../support/nodes.js');
const { startServers, stop, behindNginx, load } = require('./host.js');
const production = require('./production.js');

/** Four leaks in one worker of two under PM2: production.js. */
const PRODUCTION = 'production';
const STACKS = [
  PRODUCTION,
  'health-metrics',
  'nest-request-scope',
  'fastify-pg',
  'socket-io',
  'ws-nginx',
  'graphql-dataloader',
  'next-route',
  'bullmq-listener',
  'outbound-agents',
  'aborted-streams',
  'native-gzip',
  'lambda',
];
const SERVICES = path.join(__dirname, 'services');
const PLIMSOLL = path.join(__dirname, '../../bin/plimsoll.js');

const { values, positionals } = parseArgs({
  options: {
    duration: { type: 'string', default: '3m' },
    limit: { type: 'string', default: '256m' },
    window: { type: 'string', default: '40s' },
    'at-once': { type: 'string', default: '2' },
    nodes: { type: 'string' },
    only: { type: 'string' },
    keep: { type: 'string' },
  },
  allowPositionals: true,
});
/** Whether the leak is on. */
const VARIANTS = { leak: [true], healthy: [false], both: [true, false] }[values.only ?? 'both'];
const names = positionals.length > 0 ? positionals : STACKS;
const nodes =
  values.nodes === undefined
    ? [{ version: process.versions.node.split('.')[0], bin: process.execPath }]
    : values.nodes.split(',').map((version) => ({ version, bin: nodeOf(version) }));
const dir = values.keep ?? fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-stacks-'));

const say = (text) => process.stdout.write(`${text}\n`);

/** Runs one variant of a stack, and returns what its report says. */
async function run({ name, leaks, node, ports }) {
  const stack = require(path.join(SERVICES, `${name}.js`));
  const id = `${name}-${leaks ? 'leak' : 'healthy'}-${node.version}`;
  const evidence = path.join(dir, id);
  fs.mkdirSync(evidence, { recursive: true });
  const json = path.join(evidence, 'report.json');
  const { duration, window, limit } = values;
  const args = ['run', '--duration', duration, '--window', window, '--limit', limit, '--dir', evidence, '--json', json];
  const child = spawn(node.bin, [PLIMSOLL, ...args, path.join(SERVICES, 'service.js'), name], {
    stdio: ['ignore', 'pipe', fs.openSync(path.join(evidence, 'stderr'), 'w')],
    env: { ...process.env, ...ports, LEAK: leaks ? '1' : '0', PATH: `${path.dirname(node.bin)}:${process.env.PATH}` },
  });
  const out = fs.createWriteStream(path.join(evidence, 'stdout'));
  const ended = once(child, 'exit');
  const port = await Promise.race([portOf(child.stdout, out), ended.then(() => undefined)]);
  if (port === undefined) return { id, fault: `does not start: see ${evidence}` };
  const proxy = path.join(evidence, 'proxy');
  const traffic = load(stack, stack.proxied ? await behindNginx(proxy, port) : port);
  const [code] = await ended;
  traffic.stop();
  if (stack.proxied) stop(proxy);
  const report = JSON.parse(fs.readFileSync(json, 'utf8'));
  return { id, code, ...traffic.counts, ...judge(stack, name, leaks, report) };
}

/** The port that a service prints; what it prints goes into a file. */
function portOf(stdout, file) {
  return new Promise((resolve) => {
    stdout.on('data', (data) => {
      file.write(data);
      const found = /^port (\d+)$/m.exec(data);
      if (found !== null) resolve(Number(found[1]));
    });
  });
}

/** What is wrong with a report, or undefined. */
function judge(stack, name, leaks, report) {
  const { state } = report.verdict;
  const [first] = report.suspects ?? [];
  const named = first === undefined ? 'no suspect' : `${first.cause} ${first.name} at ${first.file}:${first.line}`;
  if (!leaks) {
    const accused = state === 'leak' || state === 'suspect';
    return { state, named, fault: accused ? `a healthy service is called ${state}` : undefined };
  }
  if (state !== 'leak') return { state, named, fault: `the verdict is ${state}` };
  const expected = `expected ${stack.causes} ${stack.package ?? placeOf(stack, name).join(':')}`;
  const fault = isNamed(stack, name, first) ? undefined : expected;
  return { state, named, fault };
}

/** The file and the line of the leak. */
function placeOf({ source, line: text = '// the leak' }, name) {
  const file = source ?? `${name}.js`;
  const lines = fs.readFileSync(path.join(SERVICES, file), 'utf8').split('\n');
  return [path.basename(file), lines.findIndex((each) => each.includes(text)) + 1];
}

function isNamed(stack, name, suspect) {
  if (suspect === undefined || !stack.causes.includes(suspect.cause)) return false;
  if (stack.advice !== undefined && !stack.advice.test(suspect.advice)) return false;
  if (stack.package !== undefined) return suspect.package?.name === stack.package;
  const [file, line] = placeOf(stack, name);
  return path.basename(suspect.file ?? '') === file && suspect.line === line;
}

/** The runs of one name on one version of Node. */
function runsOf(name, node, ports) {
  const { window } = values;
  if (name !== PRODUCTION) return VARIANTS.map((leaks) => () => run({ name, leaks, node, ports }));
  const leaks = VARIANTS.flatMap((leaking) => (leaking ? production.LEAKS : [undefined]));
  return leaks.map((leak) => () => production.run({ dir, leak, node, ports, window, duration: values.duration }));
}

async function main() {
  fs.mkdirSync(dir, { recursive: true });
  fs.chmodSync(dir, 0o711); // PostgreSQL runs as a user of its own, and its files are below
  const servers = path.join(dir, 'services');
  const ports = startServers(servers);
  let faults = 0;
  try {
    for (const name of names) {
      if (name === PRODUCTION) production.prepare({ dir, ports });
      else require(path.join(SERVICES, `${name}.js`)).prepare?.();
    }
    const queue = nodes.flatMap((node) => names.flatMap((name) => runsOf(name, node, ports)));
    const work = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const result = await next().catch((error) => ({ fault: error.stack }));
        if (result.fault !== undefined) faults++;
        say(`${result.fault === undefined ? 'ok  ' : 'FAIL'} ${JSON.stringify(result)}`);
      }
    };
    await Promise.all(Array.from({ length: Number(values['at-once']) }, work));
  } finally {
    stop(servers);
  }
  say(
    `${names.length} stacks on ${nodes.length} versions of Node, ${values.only ?? 'healthy and leaking'}: ${faults} faults`,
  );
  if (values.keep === undefined && faults === 0) fs.rmSync(dir, { recursive: true, force: true });
  process.exitCode = faults === 0 ? 0 : 1;
}

void main();
