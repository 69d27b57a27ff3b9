'use strict';
// npm run test:images: heap images beside V8's own snapshots of the same heaps.
//   node __test__/images/run.js [--fixture NAME] [VERSION ...]
// Versions of Node: all supported ones unless given; one on which images are off is skipped with the reason. Prints a
// table for each fixture, and exits with 1 where a difference is beyond limits.js.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { SUPPORTED, nodeOf, imagesOff } = require('../support/nodes.js');
const { compare } = require('./compare.js');
const { SHARES, ALL, FOUND, EQUAL } = require('./limits.js');

const FIXTURES = ['every-kind', 'express', 'typescript', 'jsdom'];
const MARK = 'plimsollImageFixture';
/** Of one process: V8 11.3 takes a minute for the compiler's heap on a busy machine. */
const TIMEOUT_MS = 600_000;

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { fixture: { type: 'string', multiple: true, default: FIXTURES } },
});

const print = (line) => process.stdout.write(`${line}\n`);
const sum = (parts, of) => parts.reduce((total, each) => total + of(each), 0);
const percent = (share) => `${(share * 100).toFixed(2)} %`;

const run = (execPath, args) =>
  execFileSync(execPath, args, { encoding: 'utf8', timeout: TIMEOUT_MS, stdio: ['ignore', 'pipe', 'inherit'] });

function take(node, fixture, dir) {
  const { image } = JSON.parse(run(node, ['--expose-gc', path.join(__dirname, 'take.js'), fixture, dir]));
  const converted = path.join(dir, 'image.heapsnapshot');
  run(process.execPath, [BIN, 'convert', image, converted]);
  return { v8: path.join(dir, 'v8.heapsnapshot'), image: converted };
}

const row = (cells) => print(cells.map((cell, at) => (at === 0 ? cell.padEnd(24) : cell.padStart(12))).join(''));

/** Prints the figures; what is beyond the limits is the answer. */
function judge({ tables, retained, blocks }) {
  const faults = [];
  row(['', 'V8', 'image', 'differences', 'share', 'limit']);
  for (const [name, { v8, image, differences, share }] of Object.entries(tables)) {
    row([name, `${v8}`, `${image}`, `${differences}`, percent(share), percent(SHARES[name])]);
    if (share > SHARES[name]) faults.push(`${name}: ${percent(share)} differ, at most ${percent(SHARES[name])}`);
  }
  for (const [of, limit] of Object.entries(ALL)) {
    const parts = ['program', "V8's own"].map((part) => tables[`${of}, ${part}`]);
    const [v8, image, differences] = ['v8', 'image', 'differences'].map((count) => sum(parts, (each) => each[count]));
    const share = sum(parts, (each) => each.share * each.v8) / v8;
    row([`${of}, all`, `${v8}`, `${image}`, `${differences}`, percent(share), percent(limit)]);
    if (share > limit) faults.push(`${of}, all: ${percent(share)} differ, at most ${percent(limit)}`);
  }
  print(`variables of blocks, which V8 does not name: ${blocks}`);
  const { largest, found, equal } = retained;
  print(`largest objects: ${largest}, in the image ${found}, of these within 1 % ${equal}`);
  if (found < largest * FOUND) faults.push(`${found} of the ${largest} largest objects are in the image`);
  if (equal < largest * EQUAL) faults.push(`${equal} of the ${largest} largest objects retain as much`);
  for (const [name, { most }] of [...Object.entries(tables), ['retained sizes', retained]]) {
    if (most.length > 0) print(`  ${name}:`);
    for (const { key, v8, image } of most) print(`    ${key}: V8 ${v8}, image ${image ?? 'has none'}`);
  }
  return faults;
}

function main() {
  const all = [];
  for (const version of positionals.length > 0 ? positionals : SUPPORTED) {
    const node = nodeOf(version);
    const reason = imagesOff(node);
    if (reason !== null) {
      print(`Node ${version}: skipped, ${reason}`);
      continue;
    }
    for (const fixture of values.fixture) {
      print(`\nNode ${version}, ${fixture}`);
      const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-images-'));
      try {
        const { v8, image } = take(node, fixture, dir);
        for (const fault of judge(compare(v8, image, MARK))) all.push(`Node ${version}, ${fixture}: ${fault}`);
      } finally {
        fs.rmSync(dir, { recursive: true });
      }
    }
  }
  print(all.length === 0 ? '\nall within the limits' : `\nbeyond the limits:\n${all.join('\n')}`);
  process.exitCode = all.length === 0 ? 0 : 1;
}

main();
