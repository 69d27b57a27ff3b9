'use strict';
// node grow-by-steps.js DIR STEP STEP STEP: adds so many entries to a Map, then writes a heap snapshot, for each step. A step
// that is a name is a module of Node's to load; a negative step removes entries.

const path = require('node:path');
const v8 = require('node:v8');

const [dir, ...steps] = process.argv.slice(2);
const entries = new Map();

function take(step) {
  if (Number.isNaN(Number(step))) step.split(',').forEach((name) => require(name));
  for (let left = Number(step); left > 0; left--) entries.set(entries.size, { at: left, text: `entry ${entries.size}`.repeat(8) });
  for (let left = Number(step); left < 0; left++) entries.delete(entries.size - 1);
}

steps.forEach((step, at) => {
  take(step);
  v8.writeHeapSnapshot(path.join(dir, `${at}.heapsnapshot`));
});
setTimeout(() => entries.clear(), 1);
