'use strict';
// plimsoll demo: the main job on a small service. It leaks under real load, is watched, its leaks
// are named; then the fixed service runs steady.

const os = require('node:os');
const fs = require('node:fs');
const path = require('node:path');
const { render } = require('../report/terminal.js');
const { bytes, count, duration } = require('../report/units.js');
const { startLoad } = require('./load.js');
const { Supervisor } = require('./supervisor.js');
const { print, viewOf } = require('./views.js');

const EXAMPLES = path.join(__dirname, '../../examples');
/** Requests a second; with the example's sessions about 1.5 MB/s are left behind. */
const RATE = 250;
const WINDOW_MS = 20_000;
const INTERVAL_MS = 500;
const LEAKY_MS = 60_000;
const FIXED_MS = 45_000;
/** A small heap, so that a minute is enough to see where it ends. */
const HEAP_MB = 256;
/** What ends the demo, and not only its service. */
const INTERRUPTS = new Set(['SIGINT', 'SIGTERM', 'SIGHUP']);
const INTERRUPTED = 130;

/**
 * A copy of the leaky service outside node_modules: the advice for a suspect in a package is to report it to its
 * author.
 */
function leakyService(dir) {
  const file = path.join(EXAMPLES, 'leaky-service.js');
  if (!EXAMPLES.split(path.sep).includes('node_modules')) return file;
  const copy = path.join(dir, path.basename(file));
  fs.copyFileSync(file, copy);
  return copy;
}

/** @returns {Promise<any>} the report; null if the user has ended it */
async function phase(script, ms, io, dir) {
  const write = (text) => io.stdout.write(text);
  let load;
  let progress;
  const started = Date.now();
  const supervisor = new Supervisor({
    file: process.execPath,
    args: [`--max-old-space-size=${HEAP_MB}`, script],
    interval: INTERVAL_MS,
    duration: ms,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...io.env,
      PLIMSOLL_WINDOW: String(WINDOW_MS),
      PLIMSOLL_INTERVAL: String(INTERVAL_MS),
      PLIMSOLL_DIR: dir,
      PLIMSOLL_SNAPSHOT_ON: 'suspect,leak',
      PLIMSOLL_COOLDOWN: '0',
      PLIMSOLL_LIMIT: '512m',
    },
    say: (line) => print(io.stdout, line, '  '),
    found: () => {}, // the report at the end is the same, and whole
    onSpawn(child) {
      child.stdout.setEncoding('utf8');
      child.stdout.once('data', (line) => {
        const port = Number(/listening on (\d+)/.exec(line)?.[1]);
        load = startLoad({ port, rate: RATE });
        progress = setInterval(() => {
          const { answered } = load.stats();
          const left = Math.max(0, ms - (Date.now() - started));
          print(
            io.stdout,
            `${duration(Date.now() - started)}: ${count(answered)} requests answered${residentOf(child.pid)}; ${duration(left)} to go`,
            '  ',
          );
        }, 10_000);
      });
    },
  });
  try {
    const { exit, reports } = await supervisor.run();
    if (!exit.byUs && INTERRUPTS.has(exit.signal)) return null;
    const report = reports[0];
    if (report === undefined) throw new Error('the demo service ended before it could be observed');
    const file = path.join(dir, `${path.basename(script, '.js')}.json`);
    fs.writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 });
    write(`\n${render(report, { ...viewOf(io.stdout, io.env), files: [file] })}\n`);
    return report;
  } finally {
    clearInterval(progress);
    load?.stop();
  }
}

/** Resident memory of another process, if procfs has it. */
function residentOf(pid) {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1];
    return `, service at ${bytes(Number(kilobytes) * 1024)}`;
  } catch {
    return '';
  }
}

async function run(values, positionals, io) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-demo-'));
  const write = (text) => io.stdout.write(text);
  print(
    io.stdout,
    `examples/leaky-service.js: a Map of sessions that only grows, and a listener per request. It runs for ${duration(LEAKY_MS)} at ${RATE} requests a second.\n`,
    '1. ',
  );
  const leaky = await phase(leakyService(dir), LEAKY_MS, io, dir);
  if (leaky === null) return INTERRUPTED;
  print(
    io.stdout,
    `examples/bounded-service.js: the same service with a BoundedMap and without the listener. It runs for ${duration(FIXED_MS)} under the same load.\n`,
    '2. ',
  );
  const fixed = await phase(path.join(EXAMPLES, 'bounded-service.js'), FIXED_MS, io, dir);
  if (fixed === null) return INTERRUPTED;
  const named = ['sessions', 'change'].filter((name) => leaky.suspects.some((suspect) => suspect.name.includes(name)));
  const found = leaky.verdict.state === 'leak' && named.length === 2;
  const quiet = fixed.verdict.state !== 'leak' && fixed.verdict.state !== 'suspect';
  write(
    found
      ? 'The leaky service: both leaks found and named.\n'
      : `The leaky service: verdict ${leaky.verdict.state}, named ${named.join(', ') || 'none'} of two.\n`,
  );
  write(
    quiet
      ? 'The fixed service: it runs steady.\n'
      : `The fixed service: verdict ${fixed.verdict.state}, but nothing leaks in it.\n`,
  );
  write(`The reports are in ${dir}\n`);
  return found && quiet ? 0 : 1;
}

module.exports = {
  summary: 'watch a leaky service under load, then the fixed one (about two minutes)',
  usage: '',
  exits: '0 if both leaks were named and the fixed service was steady, 1 otherwise; 130 for Ctrl-C',
  example: 'npx plimsoll demo',
  options: {},
  run,
};
