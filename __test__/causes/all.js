'use strict';
// npm run test:causes: every program on Node 20, 22, 24 and 26, with ids as V8 gives them and with those of a forked child.
// Prints what was wrong and a table; exits with 1 where anything was. Arguments: versions, and a part of a title.
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
const titles = arguments_.filter((each) => !/^\d+$/.test(each));
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));

async function faultOf(snapshots, expect) {
  const { suspects } = JSON.parse(await requireNative().analyzeSnapshots(snapshots));
  return judge(suspects, expect);
}

async function main() {
  const chosen = programs.filter(({ title }) => titles.length === 0 || titles.some((part) => title.includes(part)));
  const rows = [];
  for (const version of versions.length > 0 ? versions : SUPPORTED) {
    const node = nodeOf(version);
    const random = seeded(seed);
    const row = { version, ids: 0, names: 0, total: 0 };
    for (const program of chosen) {
      const { dir, snapshots, expect } = await runProgram(program, { node, random });
      row.total++;
      for (const mode of ['ids', 'names']) {
        if (mode === 'names') snapshots.forEach((snapshot) => scramble(snapshot));
        const fault = await faultOf(snapshots, expect);
        if (fault === null) row[mode]++;
        else print(`node ${version}, by ${mode}: ${program.title}: ${fault}`);
      }
      fs.rmSync(dir, { recursive: true, force: true });
    }
    rows.push(row);
  }
  print(`\nSEED=${seed}\n\nNode  matched by ids  matched by names`);
  for (const { version, ids, names, total } of rows) print(`${version.padEnd(6)}${`${ids} of ${total}`.padEnd(16)}${names} of ${total}`);
  process.exitCode = rows.every(({ ids, names, total }) => ids === total && names === total) ? 0 : 1;
}

main();
