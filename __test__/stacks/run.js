'use strict';
// Services as people run them, each healthy and with the leak that is typical of it, under load and watched by `plimsoll run`.
//
//   npm run test:stacks [-- NAME ...] [--duration 3m] [--window 40s] [--limit 256m] [--at-once 4] [--only leak|healthy] [--nodes 20,22,24] [--keep DIR]
//     --by docs|run: what starts the stacks: the lines of docs/stacks.md, or `plimsoll run`; by default the lines for
//       the leaks, and `plimsoll run`, which always writes a report, for the healthy ones
//     --leaks cache,listener,promise,client: of production, only these
//
// A leak has to be the first suspect, with the file and the line that say `the leak`, as docs/stacks.md shows it; a
// healthy service has to end without a leak or a suspicion. PostgreSQL, Redis and nginx are Debian's (setup.sh).

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn, execFileSync, execSync } = require('node:child_process');
const { once } = require('node:events');
const { parseArgs } = require('node:util');
const { setTimeout: wait } = require('node:timers/promises');
const { nodeOf } = require('../support/nodes.js');
const { startServers, stop, behindNginx, connects, freePort, load } = require('./host.js');
const { linesOf, shows } = require('./documented.js');
const { isNamed, expected } = require('./named.js');
const { STACKS, PRODUCTION } = require('./names.js');
const production = require('./production.js');
const { parseDuration } = require('../../lib/check-options.js');

const SERVICES = path.join(__dirname, 'services');
const SERVICE = path.join(SERVICES, 'service.js');
const ROOT = path.join(__dirname, '../..');
const PLIMSOLL = path.join(ROOT, 'bin/plimsoll.js');

const { values, positionals } = parseArgs({
  options: {
    duration: { type: 'string', default: '3m' },
    limit: { type: 'string', default: '256m' },
    window: { type: 'string', default: '40s' },
    'at-once': { type: 'string', default: '4' },
    nodes: { type: 'string' },
    only: { type: 'string' },
    leaks: { type: 'string' },
    by: { type: 'string' },
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

/** Between two looks at whether a service listens, or has a report, ms. */
const LOOK_MS = 500;

/** Runs one variant of a stack, and returns what its report says. */
async function run({ name, leaks, node, ports }) {
  const stack = require(path.join(SERVICES, `${name}.js`));
  const id = `${name}-${leaks ? 'leak' : 'healthy'}-${node.version}`;
  const evidence = path.join(dir, id);
  fs.rmSync(evidence, { recursive: true, force: true });
  fs.mkdirSync(evidence, { recursive: true });
  const given = await freePort();
  const env = {
    ...process.env,
    ...ports,
    PORT: String(given),
    LEAK: leaks ? '1' : '0',
    PATH: `${path.dirname(node.bin)}:${process.env.PATH}`,
  };
  const byDocs = (values.by ?? (leaks ? 'docs' : 'run')) === 'docs';
  const started = (byDocs ? asDocumented : underRun)({ stack, name, leaks, evidence, env, node });
  const { child, reportIn } = started;
  const ended = once(child, 'close');
  const printed = portOf(child.stdout, fs.createWriteStream(path.join(evidence, 'stdout')));
  const listening = byDocs && stack.listensOnPort ? connectable(given, child) : printed;
  const port = await Promise.race([listening, ended.then(() => undefined)]);
  if (port === undefined) return { id, fault: `does not start: see ${evidence}` };
  const proxy = path.join(evidence, 'proxy');
  const traffic = load(stack, stack.proxied ? await behindNginx(proxy, port) : port);
  const [code] = await ended;
  clearInterval(started.end);
  traffic.stop();
  if (stack.proxied) stop(proxy);
  const report = reportIn();
  return { id, code, ...traffic.counts, ...judge(stack, name, leaks, report) };
}

const stderrIn = (evidence) => ['ignore', 'pipe', fs.openSync(path.join(evidence, 'stderr'), 'w')];

/** Under `plimsoll run`, which always writes a report. */
function underRun({ name, evidence, env, node }) {
  const { duration, window, limit } = values;
  const json = path.join(evidence, 'report.json');
  const args = ['run', '--duration', duration, '--window', window, '--limit', limit, '--dir', evidence, '--json', json];
  const argv = [PLIMSOLL, ...args, SERVICE, name];
  const child = spawn(node.bin, argv, { stdio: stderrIn(evidence), env });
  return { child, reportIn: () => JSON.parse(fs.readFileSync(json, 'utf8')) };
}

/**
 * By the line of docs/stacks.md, with the stack's program in place of the user's. There is a report if there was a
 * leak, and the stack ends with it.
 */
function asDocumented({ stack, name, leaks, evidence, env }) {
  const { window, limit } = values;
  const command = linesOf(name).start.replace(/\bnode \S+\.js$/, `node ${SERVICE} ${name}`);
  const child = spawn(command, {
    cwd: stack.folder ?? __dirname,
    shell: true,
    detached: true, // a group of its own, which ends as a whole
    stdio: stderrIn(evidence),
    env: {
      ...env,
      PLIMSOLL_DIR: evidence,
      PLIMSOLL_WINDOW: window,
      PLIMSOLL_LIMIT: limit,
      PLIMSOLL_REPORT: 'json',
      PLIMSOLL_COOLDOWN: '0',
    },
  });
  const last = Date.now() + parseDuration(values.duration);
  const isNamedYet = () => leaks && judge(stack, name, leaks, lastReport(evidence)).fault === undefined;
  const end = setInterval(() => {
    if (Date.now() < last && !isNamedYet()) return;
    clearInterval(end);
    endGroup(child.pid);
  }, LOOK_MS);
  return { child, end, reportIn: () => lastReport(evidence) };
}

function endGroup(pid) {
  try {
    for (const signal of ['SIGTERM', 'SIGCONT']) process.kill(-pid, signal); // Lambda's process may be frozen
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function lastReport(evidence) {
  const own = /^plimsoll-\d+-.*\.json$/;
  const last = fs
    .readdirSync(evidence)
    .filter((name) => own.test(name))
    .toSorted()
    .at(-1);
  if (last === undefined) return { verdict: { state: 'without a report' } };
  return JSON.parse(fs.readFileSync(path.join(evidence, last), 'utf8'));
}

/** When a file of this folder was changed, ms; 0 where there is none. */
const changed = (file) => fs.statSync(path.join(__dirname, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** The packages of the lock file, one of which is compiled for minutes. npm writes a list of what it installed last. */
function installPackages() {
  if (changed('node_modules/.package-lock.json') > changed('package-lock.json')) return;
  execFileSync('npm', ['ci', '--silent', '--prefix', __dirname], { stdio: 'inherit' });
}

/** Runs the lines of docs/stacks.md that install plimsoll, with the package as it is here. */
function install() {
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', dir], { cwd: ROOT }));
  const file = path.join(dir, packed.filename);
  const quiet = { npm_config_audit: 'false', npm_config_fund: 'false', npm_config_loglevel: 'error' };
  const env = { ...process.env, ...quiet, npm_config_save: 'false' };
  for (const line of new Set(names.map((name) => linesOf(name).install))) {
    execSync(line.replace(/ plimsoll$/, ` ${file}`), { cwd: __dirname, env, stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

/** The port, when something listens there. */
async function connectable(port, child) {
  while (child.exitCode === null) {
    if (await connects(port)) return port;
    await wait(LOOK_MS);
  }
  return undefined;
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
  const shown = linesOf(name).leaks.some((leak) => shows(leak, report));
  const undocumented = `docs/stacks.md does not show this ${report.verdict.channel} leak`;
  return {
    state,
    named,
    fault: !isNamed(stack, name, first) ? `expected ${expected(stack, name)}` : shown ? undefined : undocumented,
  };
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
  installPackages();
  if (values.by !== 'run') install();
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
  const stacks = `${names.length} stacks on ${nodes.length} versions of Node, ${values.only ?? 'healthy and leaking'}`;
  say(`${stacks}: ${faults} faults, ${Math.round(performance.now() / 60_000)} min`);
  if (values.keep === undefined && faults === 0) fs.rmSync(dir, { recursive: true, force: true });
  process.exitCode = faults === 0 ? 0 : 1;
}

void main();
