'use strict';
// A service with LIVE MB of small live objects, whose requests replace RATE MB of them a second. Takes a heap image at
// a message of the parent, and three while a Map leaks. Sends the parent what each cost.
//   node --expose-gc service.js '{"live":200,"rate":20,"resident":350,"dir":"/var/dumps"}'

const v8 = require('node:v8');
const { setTimeout: sleep } = require('node:timers/promises');
const { takeSnapshot } = require('../../index.js');

const { live, rate, resident, dir, method, nice } = JSON.parse(process.argv[2]);
const MB = 2 ** 20;
/** Bytes of an entry with its text, as in bench/snapshot. */
const ENTRY = 115;
/** Requests are served this often, ms. */
const TURN_MS = 10;
const LONGEST_MS = 50;
/** Entries that leak before each image. */
const LEAK = 150 * live;

const kept = [];
globalThis.kept = kept;
const entry = (at) => ({ id: at, text: `entry ${at}`, tags: null });
for (let at = 0; at < (live * MB) / ENTRY; at++) kept.push(entry(at));
globalThis.gc();

// Beside the heap: buffers that hold bytes.
const missing = resident * MB - process.memoryUsage.rss();
const buffers = missing > 0 ? Array.from({ length: missing / MB }, () => Buffer.alloc(MB, 1)) : [];

let replaced = 0;
let longest = 0;
let last = performance.now();
const perTurn = ((rate * MB) / ENTRY / 1000) * TURN_MS;
const turns = setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - last);
  // What a busy machine has kept the service from doing is not caught up.
  const due = Math.min(now - last, LONGEST_MS);
  for (let count = perTurn * (due / TURN_MS); count > 0; count--) {
    const at = Math.floor(Math.random() * kept.length);
    kept[at] = entry(at);
    replaced++;
  }
  last = now;
}, TURN_MS);

/** Bytes of the young generation and of the rest of the heap. */
function generations() {
  const sizes = { young: 0, old: 0 };
  for (const { space_name: name, space_size: size } of v8.getHeapSpaceStatistics())
    sizes[name.startsWith('new_') ? 'young' : 'old'] += size;
  return sizes;
}

async function take() {
  const sizes = generations();
  longest = 0;
  const before = replaced;
  const began = performance.now();
  try {
    const { path, bytes, pauseMs, retries } = await takeSnapshot({ dir, method, nice, cooldown: 0, maxBytes: 2 ** 40 });
    const ms = performance.now() - began;
    return { path, bytes, pauseMs, retries, ms, longest, rewritten: (replaced - before) * ENTRY, ...sizes };
  } catch ({ code, message }) {
    return { code, message };
  }
}

const leaked = new Map();
globalThis.leak = () => leaked;
async function leak() {
  const taken = [];
  // The keys are those of the leak before, which would not grow.
  leaked.clear();
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < LEAK; at++) leaked.set(`${round} ${at}`, { at, seen: [round] });
    taken.push(await take());
    await sleep(50);
  }
  return taken;
}

// timeout(1) sends it to the whole group: the parent ends this process, after the image at hand.
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit());
process.on('message', async (what) => {
  if (what === 'end') {
    clearInterval(turns);
    process.disconnect();
    return;
  }
  const answer = what === 'leak' ? await leak() : await take();
  process.send(answer);
});
const { used_heap_size: used, total_heap_size: total } = v8.getHeapStatistics();
process.send({ used, total, rss: process.memoryUsage.rss(), buffers: buffers.length });
