'use strict';
// Fills a Map in a loop that never ends. argv[2]: where a watch leaves what it takes near the heap limit; argv[3]: 'scripts' for
// closures, strings and scripts beside the Map, with which V8 gives up at the end of a collection that freed too little,
// 'typed' for small typed arrays instead of the Map,
// 'table' for an object with ever more keys instead of it, whose table is one allocation that does not fit; argv[4]: 'refused' for a cooldown that has begun,
// 'redact' for a watch that redacts.

const vm = require('node:vm');
const { takeSnapshot, watch } = require('../../index.js');

const [dir, beside, how] = process.argv.slice(2);

async function main() {
  if (how === 'refused') await takeSnapshot({ dir, cooldown: 0 });
  watch({ dir, snapshotOn: ['near-limit'], report: [], log: 'silent', redact: how === 'redact' });
  globalThis.kept = [];
  if (beside === 'scripts') {
    for (let i = 0; i < 3000; i++) globalThis.kept.push(vm.runInThisContext(`(function f${i}(a) { const s = 'x${i}'.repeat(20); return () => a + s + ${i}; })`));
    for (let i = 0; i < 60_000; i++) globalThis.kept.push({ key: `k${i}`, closure: () => i, text: `text ${i * 7}` });
  }
  setTimeout(() => {
    if (beside === 'table') {
      const object = {};
      for (let i = 0; ; i++) object[`key${i}`] = i;
    }
    if (beside === 'typed') {
      const arrays = [];
      for (;;) arrays.push(new Uint8Array(8));
    }
    const map = new Map();
    for (let i = 0; ; i++) map.set(`key${i}`, { i, list: [`a${i}`] });
  }, 100);
}

main();
