'use strict';
// node grow-by-steps.js DIR STEP STEP STEP: adds so many entries to a Map, then writes a heap snapshot, for each step. A negative
// step removes entries. A name is a module to load. A step may have several parts, separated by commas.

const path = require('node:path');
const v8 = require('node:v8');

const [dir, ...steps] = process.argv.slice(2);
const entries = new Map();

function take(part) {
  if (Number.isNaN(Number(part))) require(part);
  for (let left = Number(part); left > 0; left--) entries.set(entries.size, { at: left, text: `entry ${entries.size}`.repeat(8) });
  for (let left = Number(part); left < 0; left++) entries.delete(entries.size - 1);
}

steps.forEach((step, at) => {
  step.split(',').forEach(take);
  v8.writeHeapSnapshot(path.join(dir, `${at}.heapsnapshot`));
});
setTimeout(() => entries.clear(), 1);
