'use strict';
// node outgrown-table.js DIR METHOD SIZE SIZE SIZE: takes a snapshot by this method when a Map has so many entries. V8 gives
// it a larger table at each power of two.

const { takeSnapshot } = require('../..');

const [dir, method, ...sizes] = process.argv.slice(2);
const rates = new Map();
const rate = (id) => ({ id, name: `rate ${id}`, days: Array.from({ length: 10 }, (_, day) => `day ${day} of ${id}`) });

async function main() {
  const paths = [];
  for (const size of sizes) {
    while (rates.size < Number(size)) rates.set(`key ${rates.size}`, rate(rates.size));
    paths.push((await takeSnapshot({ dir, method, cooldown: 0, nice: 0 })).path);
  }
  console.log(JSON.stringify({ paths, size: rates.size }));
}

main();
