'use strict';
// node --expose-gc sim [--seed N] [--minutes M] [--only NAME] [--record FILE] [--mutant NAME] [--fresh]
//
// Programs drawn at random over the public surface, against plain models; docs/reliability.md says what it checks.

const fs = require('node:fs');
const { parseArgs } = require('node:util');
const { campaign } = require('./campaign.js');
const { describeFailure } = require('./failure.js');
const { copyPackage, load } = require('./package-copy.js');
const { editsOf } = require('./mutants/list.js');
const { PARTS } = require('./parts/index.js');
const { Record } = require('./record.js');
const known = require('./failures.json');

const MINUTE = 60_000;

function readArguments() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string', default: '1' },
      only: { type: 'string' },
      record: { type: 'string', default: process.env.PLIMSOLL_SIM_RECORD },
      mutant: { type: 'string' },
      fresh: { type: 'boolean', default: false },
    },
  });
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  const minutes = Number(values.minutes);
  const parts = PARTS.filter(({ name }) => values.only === undefined || name === values.only);
  if (!Number.isInteger(seed)) throw new RangeError(`--seed takes an integer, not ${values.seed}`);
  if (!(minutes > 0)) throw new RangeError(`--minutes takes a number above 0, not ${values.minutes}`);
  if (parts.length === 0)
    throw new RangeError(`--only takes one of ${PARTS.map(({ name }) => name).join(', ')}, not ${values.only}`);
  return { ...values, seed, minutes, parts };
}

function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function main() {
  const { seed, minutes, parts, mutant, record: recordFile, fresh } = readArguments();
  // The first signal ends the run after the program that runs, with its record; the second one at once.
  let isOver = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => (isOver = true));
  process.stdout.write(`Simulation: seed ${seed}, ${minutes} min, parts ${parts.map(({ name }) => name).join(', ')}\n`);
  const folder = copyPackage(mutant === undefined ? [] : editsOf(mutant));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const record = new Record(recordFile);
  // What no program waits for: it belongs to the part whose slice runs.
  process.on('uncaughtException', (error) => {
    process.stdout.write(`uncaught, seed ${seed} failed: ${error?.stack ?? error}\n`);
    process.exit(1);
  });
  const begun = Date.now();
  // A defect has minutes of processor time: what else runs on the machine does not count.
  const spent = () => (mutant === undefined ? Date.now() - begun : processorMs());
  const failure = await campaign({
    parts,
    pack: load(folder),
    seed,
    known: fresh ? [] : known,
    goesOn: () => !isOver && spent() < minutes * MINUTE,
    shrinks: mutant === undefined,
    note: (part, done) => record.add(part.name, done),
  });
  record.close(seed, (Date.now() - begun) / MINUTE, failure);
  process.stdout.write(record.describe());
  if (failure === null) return;
  process.stdout.write(`\n${describeFailure(failure)}`);
  process.exitCode = 1;
}

main().catch((error) => {
  process.stderr.write(`${error?.stack ?? error}\n`);
  process.exitCode = 2;
});
