'use strict';
// Fills a Map in a loop that never ends, beside closures, strings and scripts: V8 gives up at the end of a collection that
// freed too little. argv[2]: where a watch leaves its snapshot.

const vm = require('node:vm');
const { watch } = require('../../index.js');

watch({ dir: process.argv[2], snapshotOn: ['near-limit'], report: [], log: 'silent' });

globalThis.kept = [];
for (let i = 0; i < 3000; i++) globalThis.kept.push(vm.runInThisContext(`(function f${i}(a) { const s = 'x${i}'.repeat(20); return () => a + s + ${i}; })`));
for (let i = 0; i < 60_000; i++) globalThis.kept.push({ key: `k${i}`, closure: () => i, text: `text ${i * 7}` });

setTimeout(() => {
  const map = new Map();
  for (let i = 0; ; i++) map.set(`key${i}`, { i, list: [`a${i}`] });
}, 100);
