'use strict';
// Iteration beside a Map: our time divided by the Map's.
//
//   node bench/cache/iterate.js [--sizes 100,1000,100000] [--operations 'drop oldest,spread'] [--rounds 15] [--nodes 20,22,24,26]
//
// The column `array` is a plain JS iterator over an array of the same length: what any iterator written in JS
// costs. Each subject runs in a process of its own; rounds are interleaved. A cell is the median of the rounds' ratios with its 95 % interval.
// The last line is what a million iterators that were left after their first entry keep, in bytes, after a collection.

const path = require('node:path');
const { parseArgs } = require('node:util');
const { nodeOf } = require('../../__test__/support/nodes.js');
const { start, median, ratios } = require('./rounds.js');

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '100,1000,100000' },
    operations: {
      type: 'string',
      default: 'drop oldest,break after first,break and set,for of,for of keys,spread,spread keys',
    },
    rounds: { type: 'string', default: '15' },
    nodes: { type: 'string' },
  },
});
const SUBJECT = path.join(__dirname, 'iterate-subject.js');
const BASE = 'Map';
const SUBJECTS = [BASE, 'plimsoll', 'plimsoll churned', 'array'];
const WALKS = new Set(['for of', 'for of keys', 'spread', 'spread keys']);
const nodes =
  options.nodes === undefined
    ? [[process.versions.node.split('.')[0], process.execPath]]
    : options.nodes.split(',').map((version) => [version, nodeOf(version)]);

async function measure(cell, execPath) {
  const names = SUBJECTS.filter((name) => name !== 'array' || WALKS.has(cell.operation));
  const running = await Promise.all(names.map((name) => start(SUBJECT, name, execPath)));
  const times = Object.fromEntries(names.map((name) => [name, []]));
  try {
    for (const subject of running) {
      await subject.ask('prepare', cell);
      for (let warm = 0; warm < 3; warm++) await subject.ask('round');
    }
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const subject of running) times[subject.name].push(await subject.ask('round'));
    }
  } finally {
    for (const subject of running) subject.end();
  }
  return times;
}

function show(times, name) {
  if (times[name] === undefined) return '-';
  const { middle, low, high } = median(ratios(times[name], times[BASE]));
  return `${middle.toFixed(2)} ${low.toFixed(2)}-${high.toFixed(2)}`;
}

async function main() {
  console.log(
    `time / a Map's\n${'Node operation'.padEnd(22)}${'entries'.padStart(8)}${SUBJECTS.slice(1)
      .map((name) => name.padStart(18))
      .join('')}`,
  );
  for (const operation of options.operations.split(',')) {
    for (const size of options.sizes.split(',').map(Number)) {
      for (const [version, execPath] of nodes) {
        const times = await measure({ operation, size }, execPath);
        console.log(
          `${`${version}   ${operation}`.padEnd(22)}${String(size).padStart(8)}${SUBJECTS.slice(1)
            .map((name) => show(times, name).padStart(18))
            .join('')}`,
        );
      }
    }
  }
  for (const [version, execPath] of nodes) {
    const kept = [];
    for (const name of [BASE, 'plimsoll']) {
      const subject = await start(SUBJECT, name, execPath);
      kept.push(`${name} ${await subject.ask('leftovers')}`);
      subject.end();
    }
    console.log(`${version}   bytes that a million iterators leave: ${kept.join(', ')}`);
  }
}

void main();
