'use strict';
// How often `expectNoLeak` fails a clean function, and how often it finds 64 bytes a call.
//
//   node bench/no-leak.js [runs of each clean function, 600] [runs a process, 20]
//
// Half as many runs of each leaking one. With one run a process each function is cold when it is judged.
const { execFileSync } = require('node:child_process');
const { expectNoLeak } = require('../lib/test/index.js');

const readers = [(o) => o.a, (o) => o.b ?? 0];
const lru = new Map();
const clean = {
  trivial: (i) => i + 1,
  json: (i) => JSON.parse(JSON.stringify({ i, list: [i, i], text: `x${i}` })),
  // New shapes at call sites that get hot: inline caches, maps and compiled code come and go.
  shapes(i) {
    let total = 0;
    for (let k = 0; k < 50; k++) total += readers[k & 1]({ a: k, [`k${i % 7}`]: i });
    return total;
  },
  lru(i) {
    lru.set(i, { i });
    if (lru.size > 500) lru.delete(lru.keys().next().value);
  },
  async allocating(i) {
    await Promise.resolve();
    return Buffer.alloc(100, i).toString('hex') + Array.from({ length: 100 }, () => i).length;
  },
};

let chain = null;
const map = new Map();
const rows = [];
const leaks = {
  'object of 64 bytes': (i) => void (chain = { chain, a: i, b: i, c: i, d: i }),
  'map entry': (i) => void map.set(i, { i }),
  'array element': (i) => void rows.push([i, i + 1]),
};

/** How often `expectNoLeak` fails the function in this process. */
async function failures(fn, runs) {
  let failed = 0;
  for (let run = 0; run < runs; run++) {
    await expectNoLeak(fn).catch((error) => {
      if (error.code !== 'ERR_PLIMSOLL_LEAK') throw error;
      failed++;
    });
    chain = null;
    map.clear();
    rows.length = 0;
  }
  return failed;
}

/** The same, so many runs to a process. */
function failuresOf(name, runs, most) {
  let failed = 0;
  for (let left = runs; left > 0; left -= most) {
    failed += Number(execFileSync(process.execPath, [__filename, '--in-process', name, Math.min(most, left)], { encoding: 'utf8' }));
  }
  return `${failed} of ${runs}`;
}

function main(runs = 600, most = 20) {
  for (const name of Object.keys(clean)) console.log(`clean  ${name.padEnd(20)} failed ${failuresOf(name, runs, most)}`);
  for (const name of Object.keys(leaks)) console.log(`leaks  ${name.padEnd(20)} found ${failuresOf(name, Math.ceil(runs / 2), most)}`);
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--in-process') failures({ ...clean, ...leaks }[rest[0]], Number(rest[1])).then(console.log);
else main(...process.argv.slice(2).map(Number));
