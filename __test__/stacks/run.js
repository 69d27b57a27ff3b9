'use strict';
// Services as people run them, each healthy and with the leak that is typical of it, under load and watched by `plimsoll run`.
//
//   npm run test:stacks [-- NAME ...] [--duration 3m] [--window 40s] [--limit 256m] [--at-once 2] [--only leak|healthy] [--nodes 20,22,24] [--keep DIR]
//     --by register: started as docs/stacks.md says, by NODE_OPTIONS, in place of `plimsoll run`
//     --leaks cache,listener,promise,client: of production, only these
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
const { parseDuration } = require('../../lib/check-options.js');

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
    leaks: { type: 'string' },
    by: { type: 'string', default: 'run' },
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

const DOCS = fs.readFileSync(path.join(__dirname, '../../docs/stacks.md'), 'utf8');

const say = (text) => process.stdout.write(`${text}\n`);

/** Runs one variant of a stack, and returns what its report says. */
async function run({ name, leaks, node, ports }) {
  const stack = require(path.join(SERVICES, `${name}.js`));
  const id = `${name}-${leaks ? 'leak' : 'healthy'}-${node.version}`;
  const evidence = path.join(dir, id);
  fs.mkdirSync(evidence, { recursive: true });
  const { argv, env, reportIn } = values.by === 'register' ? registered(evidence) : underRun(evidence);
  const child = spawn(node.bin, [...argv, path.join(SERVICES, 'service.js'), name], {
    cwd: values.by === 'register' ? __dirname : undefined,
    stdio: ['ignore', 'pipe', fs.openSync(path.join(evidence, 'stderr'), 'w')],
    env: {
      ...process.env,
      ...ports,
      LEAK: leaks ? '1' : '0',
      PATH: `${path.dirname(node.bin)}:${process.env.PATH}`,
      ...env,
    },
  });
  const end = values.by === 'register' && setTimeout(() => child.kill(), parseDuration(values.duration));
  const out = fs.createWriteStream(path.join(evidence, 'stdout'));
  const ended = once(child, 'exit');
  const port = await Promise.race([portOf(child.stdout, out), ended.then(() => undefined)]);
  if (port === undefined) return { id, fault: `does not start: see ${evidence}` };
  const proxy = path.join(evidence, 'proxy');
  const traffic = load(stack, stack.proxied ? await behindNginx(proxy, port) : port);
  const [code] = await ended;
  clearTimeout(end);
  traffic.stop();
  if (stack.proxied) stop(proxy);
  const report = reportIn();
  return { id, code, ...traffic.counts, ...judge(stack, name, leaks, report) };
}

/** Under `plimsoll run`, which always writes a report. */
function underRun(evidence) {
  const { duration, window, limit } = values;
  const json = path.join(evidence, 'report.json');
  const args = ['run', '--duration', duration, '--window', window, '--limit', limit, '--dir', evidence, '--json', json];
  return { argv: [PLIMSOLL, ...args], env: {}, reportIn: () => JSON.parse(fs.readFileSync(json, 'utf8')) };
}

/** As docs/stacks.md says. There is a report where there was a leak. */
function registered(evidence) {
  const installed = path.join(__dirname, 'node_modules/plimsoll');
  if (!fs.existsSync(installed)) fs.symlinkSync(path.join(__dirname, '../..'), installed);
  const { window, limit } = values;
  const env = {
    NODE_OPTIONS: /NODE_OPTIONS="([^"]+)"/.exec(DOCS)[1],
    PLIMSOLL_DIR: evidence,
    PLIMSOLL_WINDOW: window,
    PLIMSOLL_LIMIT: limit,
    PLIMSOLL_REPORT: 'json',
    PLIMSOLL_COOLDOWN: '0',
  };
  const reportIn = () => {
    const own = /^plimsoll-\d+-.*\.json$/; // Lambda is a process of its own
    const last = fs
      .readdirSync(evidence)
      .filter((name) => own.test(name))
      .toSorted()
      .at(-1);
    if (last === undefined) return { verdict: { state: 'without a report' } };
    return JSON.parse(fs.readFileSync(path.join(evidence, last), 'utf8'));
  };
  return { argv: [], env, reportIn };
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
  const undocumented = `docs/stacks.md has no \`${first?.cause} ${first?.name}\` for ${name}`;
  const fault = !isNamed(stack, name, first) ? expected : isDocumented(name, first) ? undefined : undocumented;
  return { state, named, fault };
}

/** Whether the row of a stack in docs/stacks.md has the suspect: `map cache`, or the cause alone. */
function isDocumented(name, { cause, name: subject }) {
  const row = DOCS.split('\n').find((line) => line.startsWith('|') && line.includes(`(\`${name}\`)`)) ?? '';
  return row.includes(`\`${cause} ${subject}\``) || row.includes(`\`${cause}\``);
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
  const leaking = values.leaks?.split(',') ?? production.LEAKS;
  const leaks = VARIANTS.flatMap((variant) => (variant ? leaking : [undefined]));
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
