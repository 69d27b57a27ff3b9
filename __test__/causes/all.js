'use strict';
// npm run test:causes: every program on Node 20, 22, 24 and 26, with snapshots of each of the kinds in MODES.
// Prints what was wrong and a table; exits with 1 where anything was. Arguments: versions, --MODE, a part of a title.
// SLICE=1/4 runs a part of them. LEAKS=FOLDER runs the leaks in published packages of that folder and their fixed
// versions instead (published.js), with STEPS and WARM as in figures.js.
const fs = require('node:fs');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { programs } = require('./programs.js');
const { runProgram } = require('./run.js');
const { publishedLeaks, publishedFixed, runPublished, judgePublished } = require('./published.js');
const { judge, byIds } = require('./judge.js');
const { scramble } = require('./scramble.js');
const { seeded } = require('./names.js');
const { SUPPORTED, nodeOf, imagesOff } = require('../support/nodes.js');

const print = (line) => process.stdout.write(`${line}\n`);
const arguments_ = process.argv.slice(2);
const versions = arguments_.filter((each) => /^\d+$/.test(each));
const flags = arguments_.filter((each) => each.startsWith('--'));
const titles = arguments_.filter((each) => !versions.includes(each) && !flags.includes(each));
const [slice, slices] = (process.env.SLICE ?? '1/1').split('/').map(Number);
const leaks = process.env.LEAKS;
const steps = Number(process.env.STEPS ?? 1200);
const warm = Number(process.env.WARM ?? steps);
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));

/** How the snapshots come about: by which `take`, and whether ids are then taken from them. What is forked has its own in each. */
const MODES = {
  ids: { title: 'in process, by ids' },
  names: { title: 'in process, by names', scrambled: true },
  forked: { title: 'forked', take: { method: 'fork' } },
  redacted: { title: 'forked and redacted', take: { method: 'fork', redact: true } },
  images: { title: 'heap images', take: { method: 'image' } },
};

for (const flag of flags)
  if (!Object.hasOwn(MODES, flag.slice(2)))
    throw new Error(`${flag} is unknown; expected one of --${Object.keys(MODES).join(', --')}`);
const modes = Object.entries(MODES).filter(([name]) => flags.length === 0 || flags.includes(`--${name}`));

/** What is wrong in each of the modes that share a `take`: [mode, fault or null]; in all of them where the program fails. */
async function faultsOf(program, take, node, random) {
  const own = modes.filter((each) => each[1].take === take);
  try {
    return await judged(program, own, take, node, random);
  } catch (error) {
    return own.map(([name]) => [name, error.message]);
  }
}

/**
 * Redaction leaves of a delay the order of magnitude, of the name of an event for the most part a hash, and nothing of a
 * name or a file that is data.
 */
function judgeRedacted(suspects, expect) {
  if (expect?.data) return null;
  const name = expect?.cause.includes('listeners') ? [...expect.name, 'redacted-'] : expect?.name;
  return judge(suspects, expect && { ...expect, name, delay: undefined });
}

function faultOf(program, mode, suspects, expect) {
  if (program.folder !== undefined) return judgePublished(suspects, program);
  const expected = mode === 'ids' ? byIds(expect) : expect;
  return mode === 'redacted' ? judgeRedacted(suspects, expected) : judge(suspects, expected);
}

async function judged(program, own, take, node, random) {
  const run = program.folder === undefined ? runProgram : runPublished;
  const counted = program.folder === undefined ? {} : { steps, warm };
  const { dir, snapshots, expect } = await run(program, { node, random, take, ...counted });
  const faults = [];
  try {
    for (const [name, mode] of own) {
      if (mode.scrambled) snapshots.forEach((snapshot) => scramble(snapshot));
      const { suspects } = JSON.parse(
        await requireAnalyzer().analyzeSnapshots(snapshots, JSON.stringify({ leastGrowth: 0 })),
      );
      faults.push([name, faultOf(program, name, suspects, expect)]);
    }
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
  return faults;
}

/** The modes that a Node has. */
function modesOf(version, node) {
  const off = modes.some(([name]) => name === 'images') ? imagesOff(node) : null;
  if (off !== null) print(`node ${version}, images: skipped, ${off}`);
  return modes.filter(([name]) => name !== 'images' || off === null);
}

async function main() {
  const all = leaks === undefined ? programs : [...publishedLeaks(leaks), ...publishedFixed(leaks)];
  const chosen = all
    .filter(({ title }) => titles.length === 0 || titles.some((part) => title.includes(part)))
    .filter((_, at) => at % slices === slice - 1);
  const rows = [];
  for (const version of versions.length > 0 ? versions : SUPPORTED) {
    const node = nodeOf(version);
    const own = modesOf(version, node);
    const right = Object.fromEntries(own.map(([name]) => [name, 0]));
    for (const take of new Set(own.map(([, mode]) => mode.take))) {
      // The same names in each mode.
      const random = seeded(seed);
      for (const program of chosen) {
        for (const [name, fault] of await faultsOf(program, take, node, random)) {
          if (fault === null) right[name]++;
          else print(`node ${version}, ${name}: ${program.title}: ${fault}`);
        }
      }
    }
    for (const [name, { title }] of own) rows.push({ version, title, right: right[name] });
  }
  print(`\nSEED=${seed}\n\nNode  snapshots                right`);
  for (const { version, title, right } of rows)
    print(`${version.padEnd(6)}${title.padEnd(25)}${right} of ${chosen.length}`);
  process.exitCode = rows.every(({ right }) => right === chosen.length) ? 0 : 1;
}

main();
