'use strict';
// Applications by other authors for a long time, under a mix of requests, watched by `plimsoll run` with its default
// options; with --leaks each has a plug-in that leaks. With --record they run without plimsoll, and their memory is
// recorded for bench/detect. Stacks of __test__/stacks can be named too.
//
//   npm ci --ignore-scripts --prefix bench/stacks
//   node bench/stacks [NAME ...] [--duration 20m] [--window 3m] [--at-once 2] [--limit BYTES] [--leaks | --record]
//     --dir DIR     what a run leaves; a run whose result is in DIR/results.jsonl is not repeated

const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { parseArgs } = require('node:util');
const { setTimeout: wait } = require('node:timers/promises');
const { parseDuration } = require('../../lib/check-options.js');
const { freePort, connects, load, behindNginx, startServers, stop } = require('../../__test__/stacks/host.js');
const { isNamed, expected } = require('../../__test__/stacks/named.js');

const APPS = path.join(__dirname, 'apps');
const STACKS = path.join(__dirname, '../../__test__/stacks/services');
const PLIMSOLL = path.join(__dirname, '../../bin/plimsoll.js');
const RECORDER = path.join(__dirname, '../detect/record.js');
const NAMES = ['json-server', 'oidc-provider', 'apollo-server', 'verdaccio', 'vite', 'webpack', 'tsserver', 'aedes'];
/** Between two collections that a recording provokes, ms. */
const PROBE_MS = 5000;
const START_MS = 120_000;

const { values, positionals } = parseArgs({
  options: {
    duration: { type: 'string', default: '20m' },
    window: { type: 'string', default: '3m' },
    limit: { type: 'string' },
    'at-once': { type: 'string', default: '2' },
    dir: { type: 'string' },
    leaks: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
if (values.dir === undefined) throw new Error('--dir DIR is missing: where the results go');
const dir = path.resolve(values.dir);
const results = path.join(dir, 'results.jsonl');

const appOf = (name) => {
  const app = path.join(APPS, `${name}.js`);
  return fs.existsSync(app) ? require(app) : stackAsApp(name);
};

/** A stack of __test__/stacks, which prints its port. */
function stackAsApp(name) {
  const stack = require(path.join(STACKS, `${name}.js`));
  const program = ({ leaks, servers }) => ({
    script: path.join(STACKS, 'service.js'),
    args: [name],
    env: { ...servers, LEAK: leaks ? '1' : '0' },
    prints: true,
  });
  return { ...stack, program };
}

/** Waits until the application listens. @returns {Promise<number>} its port */
async function listening({ prints, listens = true }, port, child, ended) {
  if (!listens) return port;
  const deadline = Date.now() + START_MS;
  let printed = '';
  if (prints) child.stdout.on('data', (data) => (printed += data));
  for (;;) {
    if (ended.value) throw new Error('ended before it listened');
    if (Date.now() > deadline) throw new Error(`does not listen after ${START_MS} ms`);
    const found = prints ? Number(/^port (\d+)$/m.exec(printed)?.[1] ?? 0) : port;
    if (found !== 0 && (await connects(found))) return found;
    await wait(200);
  }
}

/** What starts the application: recorded, or watched. */
function commandOf({ script, args }, folder, name) {
  const { duration, window, limit } = values;
  if (values.record) {
    const env = {
      RECORD: path.join(dir, `stack-${name}-ok.txt`),
      RECORD_PROBE: String(PROBE_MS),
      RECORD_SECONDS: String(parseDuration(duration) / 1000),
    };
    return { argv: ['--require', RECORDER, script, ...args], env };
  }
  const options = [
    '--window',
    window,
    '--duration',
    duration,
    '--dir',
    folder,
    '--html',
    path.join(folder, 'report.html'),
  ];
  if (limit !== undefined) options.push('--limit', limit);
  return { argv: [PLIMSOLL, 'run', ...options, '--json', path.join(folder, 'report.json'), script, ...args], env: {} };
}

async function run(name, id, servers) {
  const app = appOf(name);
  app.prepare?.();
  const folder = path.join(dir, id);
  fs.rmSync(folder, { recursive: true, force: true });
  const work = path.join(folder, 'work');
  fs.mkdirSync(work, { recursive: true });
  const port = await freePort();
  const plugin = values.leaks && NAMES.includes(name) ? copyPlugin(name, work) : undefined;
  const program = app.program({ dir: work, port, plugin, leaks: values.leaks, servers });
  const { argv, env } = commandOf(program, folder, name);
  const child = spawn(process.execPath, argv, {
    cwd: program.cwd ?? work,
    env: { ...process.env, NODE_ENV: 'production', ...program.env, ...env },
    stdio: ['pipe', 'pipe', fs.openSync(path.join(folder, 'stderr'), 'w')],
  });
  child.stdin.on('error', () => {});
  child.stdout.pipe(fs.createWriteStream(path.join(folder, 'stdout')));
  const ended = { value: false };
  const exit = once(child, 'exit').finally(() => (ended.value = true));
  const proxy = path.join(folder, 'proxy');
  let traffic;
  try {
    const at = await listening(program, port, child, ended);
    const entry = app.proxied ? await behindNginx(proxy, at) : at;
    const request = (each) => app.request({ ...each, dir: work, child });
    traffic = load({ rate: app.rate, request }, entry);
    const [code] = await exit;
    return { code, ...traffic.counts, ...(values.record ? {} : judge(app, name, folder)) };
  } finally {
    traffic?.stop();
    app.end?.();
    if (app.proxied) stop(proxy);
    if (!ended.value) child.kill();
  }
}

/** What the report says, and what is wrong with it. */
function judge(app, name, folder) {
  const report = JSON.parse(fs.readFileSync(path.join(folder, 'report.json'), 'utf8'));
  const { state, bytesPerMinute } = report.verdict;
  const [first] = report.suspects ?? [];
  const named =
    first && `${first.cause} ${first.name} at ${path.relative(process.cwd(), first.file ?? '')}:${first.line}`;
  const base = { state, bytesPerMinute: Math.round(bytesPerMinute ?? 0), uptimeMs: report.uptimeMs, named };
  const accused = state === 'leak' || state === 'suspect';
  if (!values.leaks) return { ...base, fault: accused ? `called ${state}` : undefined };
  if (state !== 'leak') return { ...base, fault: `the verdict is ${state}` };
  if (!NAMES.includes(name)) {
    return { ...base, fault: isNamed(app, name, first) ? undefined : `expected ${expected(app, name)}` };
  }
  const [file, line] = placeOf(name);
  const fits = app.causes.includes(first?.cause) && first.line === line && path.basename(first.file ?? '') === file;
  return { ...base, fault: fits ? undefined : `expected ${app.causes} ${file}:${line}` };
}

const pluginOf = (name) =>
  ['js', 'mjs'].map((each) => path.join(__dirname, `plugins/${name}.${each}`)).find((file) => fs.existsSync(file));

/** The plug-in is a file of the application's folder: sources elsewhere are not read for a report. */
function copyPlugin(name, work) {
  const file = path.join(work, path.basename(pluginOf(name)));
  fs.copyFileSync(pluginOf(name), file);
  return file;
}

function placeOf(name) {
  const file = pluginOf(name);
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  return [path.basename(file), lines.findIndex((each) => each.includes('// the leak')) + 1];
}

async function main() {
  fs.mkdirSync(dir, { recursive: true });
  fs.chmodSync(dir, 0o711); // PostgreSQL runs as a user of its own
  const done = fs.existsSync(results) ? fs.readFileSync(results, 'utf8').trim().split('\n').map(JSON.parse) : [];
  const kind = values.record ? 'record' : values.leaks ? 'leak' : 'healthy';
  const names = positionals.length > 0 ? positionals : NAMES;
  const queue = names.filter((name) => !done.some(({ id }) => id === `${name}-${kind}`));
  const needsServers = queue.some((name) => !NAMES.includes(name));
  const folder = path.join(dir, 'servers');
  const servers = needsServers ? startServers(folder) : {};
  const work = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const id = `${name}-${kind}`;
      const { duration, window, limit = 'default' } = values;
      const base = { id, node: process.versions.node, duration, window, limit };
      const result = await run(name, id, servers).catch((error) => ({ error: error.stack }));
      const line = JSON.stringify({ ...base, ...result });
      process.stdout.write(`${line}\n`);
      if (result.error === undefined) fs.appendFileSync(results, `${line}\n`);
      else process.exitCode = 1;
      if (result.fault !== undefined) process.exitCode = 1;
    }
  };
  try {
    await Promise.all(Array.from({ length: Number(values['at-once']) }, work));
  } finally {
    if (needsServers) stop(folder);
  }
}

void main();
