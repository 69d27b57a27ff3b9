'use strict';
// How often `expectNoLeak` fails a clean function, and how often it finds 64 bytes a call.
//
//   node bench/no-leak.js [runs of each function, 600]
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

async function main(runs) {
  for (const [name, fn] of Object.entries(clean)) console.log(`clean  ${name.padEnd(20)} failed ${await failures(fn, runs)} of ${runs}`);
  for (const [name, fn] of Object.entries(leaks)) console.log(`leaks  ${name.padEnd(20)} found ${await failures(fn, runs / 6)} of ${runs / 6}`);
}

main(Number(process.argv[2] ?? 600));
