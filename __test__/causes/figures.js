'use strict';
// Whether the figures of a report add up: for each leaking program, how much of the heap's growth its suspects explain, and
// whether a suspect's bytes are the difference of its object's retained sizes where that object alone holds them.
//   node __test__/causes/figures.js [NODE VERSION] [PART OF A TITLE ...]    STEPS=1200 and WARM=STEPS unless given; SLICE=1/4
// LEAKS=FOLDER measures the leaks in published packages of that folder instead (published.js): one that leaks less than 2 MB
// again, with four times the steps.
// V8 compiles code until a program has warmed up, and drops it when it is not used: 20 KB in a small program and 150 KB in an
// HTTP server. With fewer steps, before the first snapshot or after it, that is a large part of what grows. Exits with 1 where
// the median is below 95 %, one program below 85 %, a sum not exact, or a suspect's bytes not within 5 % of the growth of its
// retained size.

const fs = require('node:fs');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { growthOf, shareOf } = require('../../lib/report/growth.js');
const { percent, bytes: size } = require('../../lib/report/units.js');
const { programs } = require('./programs.js');
const { runProgram } = require('./run.js');
const { publishedLeaks, runPublished } = require('./published.js');
const { seeded } = require('./names.js');
const { retainedRatio, withoutOthers, isNear } = require('./retained.js');
const { nodeOf } = require('../support/nodes.js');

const [MEDIAN, WORST] = [0.95, 0.85];
/** So much more than V8's code is the leak of a published package at least. */
const LEAST_LEAK = 2 * 1024 ** 2;
const MORE = 4;
const steps = Number(process.env.STEPS ?? 1200);
const warm = Number(process.env.WARM ?? steps);
/** Of so many slices of the programs, this one. */
const [slice, slices] = (process.env.SLICE ?? '1/1').split('/').map(Number);
const arguments_ = process.argv.slice(2);
const version = arguments_.find((each) => /^\d+$/.test(each));
const titles = arguments_.filter((each) => each !== version);
const random = seeded(Number(process.env.SEED ?? 1));
const print = (line) => process.stdout.write(`${line}\n`);

const analyzed = async (paths, options) =>
  JSON.parse(await requireAnalyzer().analyzeSnapshots(paths, JSON.stringify(options)));

async function figuresOf(program) {
  if (program.folder === undefined) return measured(program, runProgram, steps);
  const figures = await measured(program, runPublished, steps);
  return figures.growth.explainedBytes < LEAST_LEAK ? measured(program, runPublished, MORE * steps) : figures;
}

async function measured(program, run, count) {
  const node = version && nodeOf(version);
  const { dir, snapshots } = await run(program, { random, steps: count, warm, ...(node && { node }) });
  try {
    const answer = await analyzed(snapshots, { leastGrowth: 0 });
    const growth = growthOf(answer.snapshots, answer.suspects);
    const isExact = growth.unexplainedBytes === answer.unexplained.bytes;
    const ratio = (suspect) => retainedRatio(suspect, snapshots, { areStable: true });
    const ratios = await Promise.all(withoutOthers(answer.suspects, snapshots.at(-1)).map(ratio));
    return { ...program, growth, isExact, ratios, share: shareOf(growth.explainedBytes, growth.bytes) ?? 0 };
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

async function main() {
  const all = process.env.LEAKS === undefined ? programs : publishedLeaks(process.env.LEAKS);
  const chosen = all.filter(
    ({ title, expect }) => expect !== null && (titles.length === 0 || titles.some((part) => title.includes(part))),
  );
  const rows = [];
  for (const program of chosen.filter((_, at) => at % slices === slice - 1)) rows.push(await figuresOf(program));
  rows.sort((a, b) => a.share - b.share);
  const inexact = rows.filter(({ isExact }) => !isExact);
  for (const { title, share, growth } of rows.filter((row) => row.share < MEDIAN || inexact.includes(row)))
    print(`${percent(share).padStart(5)}  of ${size(growth.bytes)}  ${title}`);
  const alone = rows.flatMap(({ title, ratios }) =>
    ratios.filter((ratio) => ratio !== null).map((ratio) => ({ title, ratio })),
  );
  const far = alone.filter(({ ratio }) => !isNear(ratio));
  for (const { title, ratio } of far) print(`not its retained sizes: ${title}, ${ratio.toFixed(2)} of them`);
  const median = rows[rows.length >> 1].share;
  print(
    `\nexplained: ${percent(median)} in the median, ${percent(rows[0].share)} in the worst of ${rows.length} programs`,
  );
  print(
    `bytes within 5 % of the retained sizes: ${alone.length - far.length} of ${alone.length} suspects that hold them alone`,
  );
  print(`sums that are exact: ${rows.length - inexact.length} of ${rows.length}`);
  const isMet = median >= MEDIAN && rows[0].share >= WORST && inexact.length === 0 && far.length === 0;
  process.exitCode = isMet ? 0 : 1;
}

main();
