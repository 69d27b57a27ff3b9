'use strict';
// node sim/mutants/run.js [--minutes M] [NAME or PART ...]
//
// Puts each defect of list.js into a copy of the package and runs the simulation of its part on it, with a fresh seed.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { MUTANTS } = require('./list.js');

const SIM = path.join(__dirname, '../index.js');
/** Time to copy, load and shrink, beyond the minutes of simulation. */
const GRACE = 120_000;
/** The exit code of a run that failed. */
const FOUND = 1;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '10' } },
});

function tryMutant({ name, part }) {
  const begun = Date.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--no-warnings', SIM, '--mutant', name, '--only', part, '--minutes', values.minutes, '--fresh'],
    { encoding: 'utf8', timeout: Number(values.minutes) * 60_000 + GRACE, maxBuffer: 2 ** 28 },
  );
  if (status !== null && status !== 0 && !/ failed: /.test(stdout)) throw new Error(`${name}: ${stderr}`);
  const seconds = Math.round((Date.now() - begun) / 1000);
  const reason = stdout.match(/ failed: (.*)$/m)?.[1] ?? '';
  // A run that was killed hung, which is a failure as well.
  return { name, found: status === FOUND || status === null, seconds, reason: status === null ? 'hung' : reason };
}

const chosen = MUTANTS.filter(
  ({ name, part }) => positionals.length === 0 || positionals.some((each) => each === name || each === part),
);
const results = [];
for (const mutant of chosen) {
  const result = tryMutant(mutant);
  results.push(result);
  const { name, found, seconds, reason } = result;
  process.stdout.write(`${found ? 'found' : 'NOT FOUND'}  ${name}  ${seconds} s  ${reason.slice(0, 100)}\n`);
}
const found = results.filter((result) => result.found).length;
process.stdout.write(`${found} of ${results.length} found\n`);
if (found < 0.9 * results.length) process.exitCode = 1;
