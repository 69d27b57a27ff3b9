'use strict';
// npm run test:caches: caches of published packages that fill, that have no bound, and whose bound does not fit, on
// Node 20 and 24 unless others are given. What fills is never called a leak; the rest always is, with the bound that is
// missing or that fits. Arguments: versions, a part of a package's name.

const fs = require('node:fs');
const path = require('node:path');
const { analyze } = require('../..');
const { runProgram } = require('../causes/run.js');
const { nodeOf } = require('../support/nodes.js');
const { violations } = require('../support/reports.js');
const { PACKAGES } = require('./packages.js');

const BOUND = 60_000;
/** 4530 entries of some 500 bytes each are added. */
const ADDED = 4530;
const steps = 'drive((i) => { cache.set("k" + i, { id: i, text: "x".repeat(300) + i }); }, { scale: 10 });';
const print = (line) => process.stdout.write(`${line}\n`);

async function reportOf(made, code, node) {
  const required = made.isModule
    ? `import ${made.name} from ${JSON.stringify(path.join(__dirname, 'node_modules', made.package, 'index.js'))};`
    : `const ${made.name} = require(${JSON.stringify(require.resolve(made.package))});`;
  const files = {
    [made.isModule ? 'main.mjs' : 'main.js']: `${required}\nconst MAX = ${BOUND};\nconst cache = ${code};\n${steps}`,
  };
  const program = { title: made.package, kind: made.isModule ? 'esm' : 'cjs', files, expect: null };
  const { dir, snapshots } = await runProgram(program, { random: () => 0, node });
  try {
    return await analyze(snapshots, { sourceRoots: [dir, __dirname] });
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

/** What is wrong with the report on a cache that fills, or null. */
function faultOfFilling({ verdict, suspects, fills }, { generations = 1 }) {
  const [{ name, line, cache } = {}] = fills;
  if (verdict.state !== 'filling' || suspects.length > 0 || fills.length !== 1)
    return `${verdict.state}, suspects ${suspects.map((each) => each.name)}, fills ${fills.map((each) => each.name)}`;
  if (name !== 'cache' || line !== 3) return `it is ${name} at line ${line}`;
  if (cache.max !== BOUND * generations || Math.abs(cache.entries / ADDED - 1) > 0.02)
    return `${cache.entries} of ${cache.max} entries`;
  return null;
}

/** The same of one that leaks: one suspect with this in its advice. */
function faultOfLeak({ verdict, suspects, fills }, advice) {
  const [{ name, line, advice: given } = {}] = suspects;
  if (verdict.state !== 'leak' || suspects.length > 1 || fills.length > 0)
    return `${verdict.state}, suspects ${suspects.map((each) => `${each.name} ${each.bytes}`)}, fills ${fills.map((each) => each.name)}`;
  if (name !== 'cache' || line !== 3) return `it is ${name} at line ${line}`;
  return advice.test(given) ? null : `its advice is ${given}`;
}

async function main() {
  const given = process.argv.slice(2);
  const versions = given.filter((each) => /^\d+$/.test(each));
  const parts = given.filter((each) => !versions.includes(each));
  const chosen = PACKAGES.filter((made) => parts.length === 0 || parts.some((part) => made.package.includes(part)));
  let [right, all] = [0, 0];
  const check = async (what, made, code, node, judge) => {
    all++;
    const report = await reportOf(made, code, node);
    const fault = violations(report)[0] ?? judge(report);
    if (fault === null) right++;
    else print(`${what}: ${made.package}: ${JSON.stringify(fault)}`);
  };
  for (const version of versions.length > 0 ? versions : ['20', '24']) {
    const node = nodeOf(version);
    for (const made of chosen) {
      await check(`node ${version}, fills`, made, made.bounded('MAX'), node, (it) => faultOfFilling(it, made));
      if (!made.reserves) {
        const advice = /give it a lower bound: [\d,]+ entries take .*, and [\d,]+ fit/;
        await check(`node ${version}, too large`, made, made.bounded('60_000_000'), node, (it) =>
          faultOfLeak(it, advice),
        );
      }
      if (made.unbounded === undefined) continue;
      const advice = new RegExp(`give it a bound: .* has no \`${made.option ?? 'max'}\``);
      await check(`node ${version}, no bound`, made, made.unbounded, node, (it) => faultOfLeak(it, advice));
    }
  }
  print(`\n${right} of ${all}`);
  process.exitCode = right === all ? 0 : 1;
}

main();
