// What a module exports for others grows. Takes three heap images and prints their paths.

import { createRequire } from 'node:module';

export const registry = new Map();

const { takeSnapshot } = createRequire(import.meta.url)('../..');
const taken = [];
for (let round = 0; round < 3; round++) {
  for (let at = 0; at < 5000; at++) registry.set(`${round} ${at}`, { at, seen: [round] });
  const { path } = await takeSnapshot({ dir: process.argv[2], method: 'image', cooldown: 0, nice: 0 });
  taken.push(path);
}
console.log(JSON.stringify(taken));
