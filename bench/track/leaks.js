'use strict';
// Programs that leak one thing each (__test__/children/track), in real time under `plimsoll run
// --track` on each supported Node: the first suspect of the report must be the line that leaks, and
// no other suspect may be named at that line. Snapshots are taken as by default, so that most suspects are
// merged from both kinds of evidence.
//   npm run test:track-leaks [-- 20 26] [-- --only listener --jobs 2]

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { leaksOn } = require('../../__test__/children/track/programs.js');
const { SUPPORTED, nodeOf } = require('../../__test__/support/nodes.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const DRIVE = path.join(__dirname, '../../__test__/children/track/drive.js');
const OPTIONS = [
  '--track',
  '--window',
  '6s',
  '--interval',
  '250ms',
  '--limit',
  '256m',
  '--duration',
  '20s',
  '--quiet',
  '--json',
  'r.json',
];

const { values, positionals } = parseArgs({
  options: { jobs: { type: 'string', default: '2' }, only: { type: 'string', default: '' }, keep: { type: 'boolean' } },
  allowPositionals: true,
});

async function reportOf(node, program) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-track-'));
  try {
    const child = spawn(node, [BIN, 'run', ...OPTIONS, '--dir', dir, DRIVE, program], {
      cwd: dir,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    await new Promise((resolve) => child.once('close', resolve));
    const json = path.join(dir, 'r.json');
    if (!fs.existsSync(json)) throw new Error(stderr);
    return JSON.parse(fs.readFileSync(json, 'utf8'));
  } finally {
    if (!values.keep) fs.rmSync(dir, { recursive: true, force: true });
  }
}

const said = (suspect) => `${suspect.cause} ${suspect.name} ${path.basename(suspect.file ?? '')}:${suspect.line}`;

/** What is wrong with a report, or null. */
function faultOf({ suspects }, { cause, file, line }) {
  const [first] = suspects;
  if (first === undefined) return 'no suspect';
  if (first.file !== file || first.line !== line) return `first is ${said(first)}`;
  if (first.cause !== cause) return `it is called ${said(first)}`;
  const again = suspects.slice(1).filter((suspect) => suspect.file === file && suspect.line === line);
  return again.length > 0 ? `named twice: ${again.map(said).join(', ')}` : null;
}

async function main() {
  const versions = positionals.length > 0 ? positionals : SUPPORTED;
  const chosen = (version) => leaksOn(version).filter(({ program }) => program.includes(values.only));
  const queue = versions.flatMap((version) => chosen(version).map((each) => ({ version, ...each })));
  const rows = Object.fromEntries(
    versions.map((version) => [
      version,
      { 'right site first': 0, of: chosen(version).length, 'merged with a snapshot': 0, 'leak by memory': 0 },
    ]),
  );
  const work = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const report = await reportOf(nodeOf(job.version), job.program);
      const fault = faultOf(report, job);
      const row = rows[job.version];
      if (fault === null) row['right site first']++;
      else process.stdout.write(`Node ${job.version}, ${job.program}: ${fault}\n`);
      if (report.suspects[0]?.tracked !== undefined && report.suspects[0].bytes !== null)
        row['merged with a snapshot']++;
      if (report.verdict.state === 'leak') row['leak by memory']++;
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, work));
  console.table(rows);
  process.exitCode = Object.values(rows).every((row) => row['right site first'] === row.of) ? 0 : 1;
}

main();
