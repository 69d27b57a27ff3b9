'use strict';
// node sim/mutants/run.js [--minutes M] [--record FILE [--within M]] [NAME or PART ...]
//
// Puts each defect of list.js into a copy of the package and runs the simulation of its part on it, with a fresh seed.
// --minutes are minutes of processor time.
// With --record, a run goes on where the last one ended: it passes over the defects that FILE says are found, and over
// those that were looked for as long. It begins no defect when --within minutes have passed.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { MUTANTS } = require('./list.js');

const SIM = path.join(__dirname, '../index.js');
/** Seconds of processor time for one program, beyond the minutes of simulation. A run that takes more hangs. */
const GRACE = 60;
/** Runs a command with a limit of seconds. */
const LIMITED = 'ulimit -t "$0"; exec "$@"';
/** The exit code of a run that failed. */
const FOUND = 1;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    record: { type: 'string' },
    within: { type: 'string', default: 'Infinity' },
  },
});
const minutes = Number(values.minutes);
const end = Date.now() + Number(values.within) * 60_000;

function tryMutant({ name, part }) {
  const begun = Date.now();
  const options = ['--mutant', name, '--only', part, '--minutes', String(minutes), '--fresh'];
  const { status, stdout, stderr } = spawnSync(
    'sh',
    [
      '-c',
      LIMITED,
      String(Math.ceil(minutes * 60) + GRACE),
      process.execPath,
      '--expose-gc',
      '--no-warnings',
      SIM,
      ...options,
    ],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  if (status !== null && status !== 0 && !/ failed: /.test(stdout)) throw new Error(`${name}: ${stderr}`);
  const seconds = Math.round((Date.now() - begun) / 1000);
  const reason = stdout.match(/ failed: (.*)$/m)?.[1] ?? '';
  // A run that was killed hung, which is a failure as well.
  return { name, found: status === FOUND || status === null, seconds, reason: status === null ? 'hung' : reason };
}

/** What former runs found: by the name of the defect. @returns {Record<string, object>} */
function readRecord() {
  if (values.record === undefined || !fs.existsSync(values.record)) return {};
  return JSON.parse(fs.readFileSync(values.record, 'utf8'));
}

const chosen = MUTANTS.filter(
  ({ name, part }) => positionals.length === 0 || positionals.some((each) => each === name || each === part),
);
const done = readRecord();
for (const mutant of chosen) {
  const former = done[mutant.name];
  if (former !== undefined && (former.found || former.minutes >= minutes)) continue;
  if (Date.now() > end) break;
  const { name, ...result } = tryMutant(mutant);
  done[name] = { ...result, minutes };
  if (values.record !== undefined) fs.writeFileSync(values.record, JSON.stringify(done, null, 2));
  const { found, seconds, reason } = result;
  process.stdout.write(`${found ? 'found' : 'NOT FOUND'}  ${name}  ${seconds} s  ${reason.slice(0, 100)}\n`);
}
const results = chosen.map(({ name }) => done[name]).filter((result) => result !== undefined);
const found = results.filter((result) => result.found).length;
const left = chosen.length - results.length;
process.stdout.write(`${found} of ${results.length} found${left === 0 ? '' : `, ${left} not yet tried`}\n`);
if (found < 0.9 * results.length) process.exitCode = 1;
