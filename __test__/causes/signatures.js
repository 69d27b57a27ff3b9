'use strict';
// Whether the same leak has the same signature: in ten runs, each in a folder of its own, on each Node that is supported, and
// after a patch release that moves its lines.
//   node __test__/causes/signatures.js [PART OF A TITLE ...]    RUNS=10 NODES_OF=20,22,24,26 unless given
// Prints a row for each leak. Exits with 1 where a leak has two signatures, or two leaks have one.

const fs = require('node:fs');
const { analyze } = require('../..');
const { programs } = require('./programs.js');
const { runProgram } = require('./run.js');
const { seeded } = require('./names.js');
const { SUPPORTED, nodeOf } = require('../support/nodes.js');

const TITLES = new Set([
  'map: class field',
  'map: TypeScript',
  'set: ES module',
  'object: module level',
  'array: bundle',
  'a package in node_modules',
  'map: a cache of a package, which the application fills',
  'listeners: shared emitter',
  'timers: interval',
  'closure: chain',
]);
const RUNS = Number(process.env.RUNS ?? 10);
const NODES = (process.env.NODES_OF ?? SUPPORTED.join()).split(',');
const print = (line) => process.stdout.write(`${line}\n`);

/** The first suspect's signature. The program has the same names in each run. */
async function signatureOf(program, node) {
  const { dir, snapshots } = await runProgram(program, { random: seeded(1), ...(node && { node }) });
  try {
    const { suspects } = await analyze(snapshots, { sourceRoots: [dir] });
    return suspects[0]?.signature ?? 'no suspect';
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

/** A file of a patch release: another version, and each line of code two lines further down. */
function releasedFile([file, text]) {
  if (file.endsWith('package.json')) return [file, JSON.stringify({ ...JSON.parse(text), version: '9.9.10' })];
  return [file, /\.(?:[cm]?js|ts)$/.test(file) ? `\n// A patch release.\n\n${text.replace(/^\n/, '')}` : text];
}

/** How many of these are the one given. @param {string} signature @param {string[]} all */
const agree = (signature, all) => `${all.filter((each) => each === signature).length} of ${all.length}`;

async function checked(program) {
  const runs = [];
  for (let run = 0; run < RUNS; run++) runs.push(await signatureOf(program));
  const nodes = [];
  for (const version of NODES) nodes.push(await signatureOf(program, nodeOf(version)));
  const release = await signatureOf({
    ...program,
    files: Object.fromEntries(Object.entries(program.files).map(releasedFile)),
  });
  const [signature] = runs;
  const isSame = [...runs, ...nodes, release].every((each) => each === signature) && signature !== 'no suspect';
  print(
    `${isSame ? 'same ' : 'OTHER'}  ${signature}  runs ${agree(signature, runs)}, Nodes ${agree(signature, nodes)}, patch release ${agree(signature, [release])}  ${program.title}`,
  );
  return { signature, isSame };
}

async function main() {
  const parts = process.argv.slice(2);
  const isChosen = ({ title }) => (parts.length === 0 ? TITLES.has(title) : parts.some((part) => title.includes(part)));
  const rows = [];
  for (const program of programs.filter((each) => each.expect !== null && isChosen(each)))
    rows.push(await checked(program));
  const different = new Set(rows.map(({ signature }) => signature)).size;
  const same = rows.filter(({ isSame }) => isSame).length;
  print(`\n${same} of ${rows.length} leaks have one signature each; ${different} signatures are different`);
  process.exitCode = same === rows.length && different === rows.length ? 0 : 1;
}

main();
