'use strict';
// plimsoll fleet over many reports: time as a ratio to JSON.parse of the same files, and peak memory.
//
//   node bench/fleet.js [--reports 10000] [--rounds 3]

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { fleetReport } = require('../__test__/support/fleet-report.js');

const { values } = parseArgs({
  options: { reports: { type: 'string', default: '10000' }, rounds: { type: 'string', default: '3' } },
});
const REPORT_BYTES = 50_000;
const REPORTS = Number(values.reports);
const LEAKS = 5;

/** The floor: reads and parses each file, and keeps the count of suspects. */
const FLOOR = `
const fs = require('node:fs'), path = require('node:path');
let suspects = 0;
for (const name of fs.readdirSync(process.argv[1]))
  suspects += JSON.parse(fs.readFileSync(path.join(process.argv[1], name), 'utf8')).suspects.length;
console.log(suspects);`;
const FLEET = `
const { main } = require(${JSON.stringify(path.join(__dirname, '../lib/cli/main.js'))});
main(['fleet', process.argv[1], '--json']).then((code) => (process.exitCode = code));`;
const PEAK = `process.on('exit', () => require('node:fs').writeSync(2, 'peak ' + process.resourceUsage().maxRSS));`;

function measured(code, folder) {
  const started = process.hrtime.bigint();
  const [stdout, stderr] = [path.join(folder, '../out'), path.join(folder, '../err')].map((file) =>
    fs.openSync(file, 'w+'),
  );
  try {
    execFileSync(process.execPath, ['-e', PEAK + code, folder], { stdio: ['ignore', stdout, stderr] });
  } catch (error) {
    if (error.status !== 3) throw error;
  }
  const ms = Number(process.hrtime.bigint() - started) / 1e6;
  const text = fs.readFileSync(path.join(folder, '../out'), 'utf8');
  const [, kilobytes] = /peak (\d+)/.exec(fs.readFileSync(path.join(folder, '../err'), 'utf8'));
  return { ms, peak: kilobytes / 1024, text };
}

const median = (numbers) => numbers.toSorted((one, other) => one - other)[numbers.length >> 1];

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-fleet-'));
try {
  const folder = path.join(root, 'reports');
  fs.mkdirSync(folder);
  for (let at = 0; at < REPORTS; at++) {
    const report = fleetReport({ pod: `api-${at}`, leak: at % LEAKS, bytes: REPORT_BYTES });
    fs.writeFileSync(path.join(folder, `plimsoll-${at}.json`), JSON.stringify(report));
  }
  const rounds = Array.from({ length: Number(values.rounds) }, () => ({
    floor: measured(FLOOR, folder),
    fleet: measured(FLEET, folder),
  }));
  for (const { floor, fleet } of rounds) {
    const { reports, processes, leaks } = JSON.parse(fleet.text);
    if (Number(floor.text) !== REPORTS || reports !== REPORTS || processes !== REPORTS || leaks.length !== LEAKS)
      throw new Error(`wrong result: ${reports} reports, ${processes} processes, ${leaks.length} leaks`);
  }
  const ratio = median(rounds.map(({ floor, fleet }) => fleet.ms / floor.ms));
  const seconds = median(rounds.map(({ fleet }) => fleet.ms / 1000));
  console.log(`${REPORTS} reports of ${REPORT_BYTES} bytes, ${rounds.length} interleaved rounds`);
  console.log(`time: ${ratio.toFixed(2)} of reading and JSON.parse alone (${seconds.toFixed(1)} s)`);
  console.log(`peak: ${Math.max(...rounds.map(({ fleet }) => fleet.peak)).toFixed(0)} MB, bound 200 MB`);
} finally {
  fs.rmSync(root, { recursive: true, force: true });
}
