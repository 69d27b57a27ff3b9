'use strict';
// Real leaks in published packages, judged as a user would judge them: each folder of
// ../shared/leaks is copied, installed and run under `plimsoll run`, leaking and fixed.
//
//   node bench/leaks.js [--only debug,mem] [--runs 3] [--from ../shared/leaks] [--jobs 1] [--duration 90s] [--keep DIR]
//
// The leaks go by the iteration: on a machine too busy for their rate (1 MB/s) a longer duration is fair.
// Prints a table, and exits with 1 where a leak was missed or a fixed version accused.

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const ROOT = path.join(__dirname, '..');
const { values } = parseArgs({
  options: {
    from: { type: 'string', default: path.join(ROOT, '../shared/leaks') },
    only: { type: 'string' },
    kind: { type: 'string', default: 'leak,ok' },
    runs: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    duration: { type: 'string', default: '90s' },
    keep: { type: 'string', default: path.join(os.tmpdir(), 'plimsoll-leaks') },
    node: { type: 'string', default: process.execPath },
  },
});

const folders = fs
  .readdirSync(values.from, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && fs.existsSync(path.join(values.from, entry.name, 'expected.json')))
  .map((entry) => entry.name)
  .filter((name) => values.only === undefined || values.only.split(',').includes(name));

/** The folder stays as it is: npm installs into a copy, which is kept for the next time. */
function install(name) {
  const to = path.join(values.keep, name);
  fs.mkdirSync(values.keep, { recursive: true });
  for (const file of fs.readdirSync(values.from))
    if (file.endsWith('.js')) fs.copyFileSync(path.join(values.from, file), path.join(values.keep, file));
  fs.cpSync(path.join(values.from, name), to, { recursive: true });
  if (!fs.existsSync(path.join(to, 'node_modules')))
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: to, stdio: 'inherit' });
  return to;
}

function watchProgram(cwd, script, rate) {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-leak-'));
  const json = path.join(work, 'report.json');
  const args = [
    path.join(ROOT, 'bin/plimsoll.js'),
    'run',
    '--window',
    '30s',
    '--duration',
    values.duration,
    '--limit',
    '512m',
    '--dir',
    work,
    '--json',
    json,
    script,
  ];
  return new Promise((resolve) => {
    const child = spawn(values.node, args, {
      cwd,
      env: { ...process.env, FOREVER: '1', RATE: String(rate), NODE_OPTIONS: '--max-old-space-size=256' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    child.stderr.on('data', (chunk) => {
      log += chunk;
    });
    child.once('exit', (code) => {
      const report = fs.existsSync(json) ? JSON.parse(fs.readFileSync(json, 'utf8')) : null;
      fs.rmSync(work, { recursive: true, force: true });
      resolve({ code, report, log });
    });
  });
}

const slashes = (text) => String(text ?? '').replaceAll('\\', '/');

/** The rank of the first suspect that is the culprit, from 1; 0 for none. */
function rank(suspects, expected) {
  const name = new RegExp(expected.name);
  return (
    1 +
    suspects.findIndex((suspect) => {
      const places = [suspect.file, ...suspect.sites.map((site) => site.file)].map(slashes);
      const names = [suspect.name, ...suspect.path, ...suspect.sites.map((site) => site.function)];
      return (
        expected.causes.includes(suspect.cause) &&
        names.some((text) => name.test(String(text))) &&
        places.some((place) => place.includes(expected.file))
      );
    })
  );
}

function judge(kind, expected, { code, report }) {
  if (report === null) return { right: false, text: `no report, exit ${code}` };
  const { state, channel } = report.verdict;
  if (kind === 'ok')
    return { right: state !== 'leak' && code === 0, text: `${state}${channel ? ` (${channel})` : ''}` };
  const at = rank(report.suspects, expected);
  const culprit = report.suspects[Math.max(0, at - 1)];
  const right = state === 'leak' && channel === expected.channel && at >= 1 && at <= 3 && code === 3;
  return {
    right,
    text: `${state} (${channel}), culprit ${at > 0 ? `#${at}` : 'not named'}: ${culprit ? `${culprit.cause} ${culprit.name} ${path.basename(String(culprit.file))}:${culprit.line}` : '-'}`,
  };
}

async function main() {
  const tasks = folders.flatMap((name) =>
    values.kind.split(',').flatMap((kind) => Array.from({ length: Number(values.runs) }, () => ({ name, kind }))),
  );
  const installed = new Map(folders.map((name) => [name, install(name)]));
  const rows = [];
  const next = async () => {
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
      const cwd = installed.get(task.name);
      const expected = JSON.parse(fs.readFileSync(path.join(cwd, 'expected.json'), 'utf8'));
      const result = await watchProgram(cwd, `${task.kind}.js`, expected.rate);
      const { right, text } = judge(task.kind, expected, result);
      rows.push({ ...task, right });
      console.log(`${right ? 'right' : 'WRONG'}  ${task.name.padEnd(16)} ${`${task.kind}.js`.padEnd(8)} ${text}`);
      if (!right) console.log(result.log.replaceAll(/^/gm, '       | '));
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, next));
  const right = rows.filter((row) => row.right).length;
  console.log(`${right} of ${rows.length} right`);
  return right === rows.length ? 0 : 1;
}

main().then((code) => {
  process.exitCode = code;
});
