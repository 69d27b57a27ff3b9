'use strict';
// Whether the figures of a report add up: for each leaking program, how much of the heap's growth its suspects explain, and
// whether a suspect's bytes are the difference of its object's retained sizes where that object alone holds them.
//   node __test__/causes/figures.js [NODE VERSION] [PART OF A TITLE ...]    STEPS=1200 unless given
// V8 compiles some 20 KB of code in any program: with fewer steps that is a large part of what grows. Exits with 1 where the
// median is below 95 %, one program below 85 %, or a sum not exact.

const fs = require('node:fs');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { growthOf, shareOf } = require('../../lib/report/growth.js');
const { percent, bytes: size } = require('../../lib/report/units.js');
const { programs } = require('./programs.js');
const { runProgram } = require('./run.js');
const { seeded } = require('./names.js');
const { nodeOf } = require('../support/nodes.js');

const [MEDIAN, WORST, NEAR] = [0.95, 0.85, 0.05];
const steps = Number(process.env.STEPS ?? 1200);
const arguments_ = process.argv.slice(2);
const version = arguments_.find((each) => /^\d+$/.test(each));
const titles = arguments_.filter((each) => each !== version);
const random = seeded(Number(process.env.SEED ?? 1));
const print = (line) => process.stdout.write(`${line}\n`);

const analyzed = async (paths, options) =>
  JSON.parse(await requireAnalyzer().analyzeSnapshots(paths, JSON.stringify(options)));

/** The retained size of an object; 0 where the snapshot does not have it. */
async function retainedSize(snapshot, id) {
  return id === null ? 0 : (await analyzed([snapshot], { path: id })).way.retained;
}

/** Whether a suspect's bytes are the growth of its object's retained size; null where others hold them as well. */
async function isRetained({ ids, bytes }, snapshots) {
  if (ids.length === 0 || ids.at(-1) === null) return null;
  const [first, last] = [await retainedSize(snapshots[0], ids[0]), await retainedSize(snapshots.at(-1), ids.at(-1))];
  // It dominates little of what it leads to.
  if (last - first < bytes / 2) return null;
  return Math.abs(bytes / (last - first) - 1) <= NEAR;
}

async function figuresOf(program) {
  const node = version && nodeOf(version);
  const { dir, snapshots } = await runProgram(program, { random, steps, ...(node && { node }) });
  try {
    const answer = await analyzed(snapshots, { leastGrowth: 0 });
    const growth = growthOf(answer.snapshots, answer.suspects);
    const isExact = growth.unexplainedBytes === answer.unexplained.bytes;
    const nested = answer.suspects.length > 1;
    const near = nested ? [] : await Promise.all(answer.suspects.map((suspect) => isRetained(suspect, snapshots)));
    return { ...program, growth, isExact, near, share: shareOf(growth.explainedBytes, growth.bytes) ?? 0 };
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

async function main() {
  const chosen = programs.filter(
    ({ title, expect }) => expect !== null && (titles.length === 0 || titles.some((part) => title.includes(part))),
  );
  const rows = [];
  for (const program of chosen) rows.push(await figuresOf(program));
  rows.sort((a, b) => a.share - b.share);
  const inexact = rows.filter(({ isExact }) => !isExact);
  for (const { title, share, growth } of rows.filter((row) => row.share < MEDIAN || inexact.includes(row)))
    print(`${percent(share).padStart(5)}  of ${size(growth.bytes)}  ${title}`);
  const alone = rows.flatMap(({ title, near }) =>
    near.filter((each) => each !== null).map((each) => ({ title, each })),
  );
  for (const { title } of alone.filter(({ each }) => !each)) print(`not its retained sizes: ${title}`);
  const median = rows[rows.length >> 1].share;
  print(
    `\nexplained: ${percent(median)} in the median, ${percent(rows[0].share)} in the worst of ${rows.length} programs`,
  );
  print(
    `bytes within 5 % of the retained sizes: ${alone.filter(({ each }) => each).length} of ${alone.length} suspects that hold them alone`,
  );
  print(`sums that are exact: ${rows.length - inexact.length} of ${rows.length}`);
  process.exitCode = median >= MEDIAN && rows[0].share >= WORST && inexact.length === 0 ? 0 : 1;
}

main();
