'use strict';
// npm run test:causes: every program on Node 20, 22, 24 and 26, with snapshots of each of the kinds in MODES.
// Prints what was wrong and a table; exits with 1 where anything was. Arguments: versions, --MODE, a part of a title.
const fs = require('node:fs');
const { requireNative } = require('../../lib/native.js');
const { programs } = require('./programs.js');
const { runProgram } = require('./run.js');
const { judge } = require('./judge.js');
const { scramble } = require('./scramble.js');
const { seeded } = require('./names.js');
const { SUPPORTED, nodeOf } = require('../support/nodes.js');

const print = (line) => process.stdout.write(`${line}\n`);
const arguments_ = process.argv.slice(2);
const versions = arguments_.filter((each) => /^\d+$/.test(each));
const flags = arguments_.filter((each) => each.startsWith('--'));
const titles = arguments_.filter((each) => !versions.includes(each) && !flags.includes(each));
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));

/** How the snapshots come about, and what is done to them. What is forked has ids of its own in each of the three. */
const MODES = {
  ids: { title: 'in process, by ids' },
  names: { title: 'in process, by names', alter: (snapshot) => scramble(snapshot) },
  forked: { title: 'forked', take: { method: 'fork' } },
  redacted: { title: 'forked and redacted', take: { method: 'fork', redact: true } },
};

for (const flag of flags) if (!Object.hasOwn(MODES, flag.slice(2))) throw new Error(`${flag} is none of --${Object.keys(MODES).join(', --')}`);

async function faultOf(program, { take, alter }, node, random) {
  const { dir, snapshots, expect } = await runProgram(program, { node, random, take });
  try {
    if (alter !== undefined) snapshots.forEach((snapshot) => alter(snapshot));
    const { suspects } = JSON.parse(await requireNative().analyzeSnapshots(snapshots));
    return judge(suspects, expect);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

async function main() {
  const chosen = programs.filter(({ title }) => titles.length === 0 || titles.some((part) => title.includes(part)));
  const modes = Object.entries(MODES).filter(([name]) => flags.length === 0 || flags.includes(`--${name}`));
  const rows = [];
  for (const version of versions.length > 0 ? versions : SUPPORTED) {
    const node = nodeOf(version);
    for (const [name, mode] of modes) {
      // The same names in each mode.
      const random = seeded(seed);
      let right = 0;
      for (const program of chosen) {
        const fault = await faultOf(program, mode, node, random);
        if (fault === null) right++;
        else print(`node ${version}, ${name}: ${program.title}: ${fault}`);
      }
      rows.push({ version, title: mode.title, right });
    }
  }
  print(`\nSEED=${seed}\n\nNode  snapshots                right`);
  for (const { version, title, right } of rows) print(`${version.padEnd(6)}${title.padEnd(25)}${right} of ${chosen.length}`);
  process.exitCode = rows.every(({ right }) => right === chosen.length) ? 0 : 1;
}

main();
