'use strict';
// How often `expectNoLeak` fails a clean function, and how often it finds one that keeps little.
//
//   node bench/no-leak.js [runs of all clean functions, 500] [runs a process, 20] [runs of each case of a leak, 1]
//
// With one run a process each function is cold when it is judged. SPARING=1 measures at the pace of processes that
// retain much (lib/test/pace.js).
const { execFileSync } = require('node:child_process');
const { EventEmitter } = require('node:events');
const { expectNoLeak } = require('../lib/test/index.js');
const { Measurement } = require('../lib/test/measurement.js');
const { SPARING } = require('../lib/test/pace.js');

const listener = () => {};
const readers = [(o) => o.a, (o) => o.b ?? 0];
const clean = {
  trivial: () => (i) => i + 1,
  json: () => (i) => JSON.parse(JSON.stringify({ i, list: [i, i], text: `x${i}` })),
  // New shapes at call sites that get hot: inline caches, maps and compiled code come and go.
  shapes: () => (i) => {
    let total = 0;
    for (let k = 0; k < 50; k++) total += readers[k & 1]({ a: k, [`k${i % 7}`]: i });
    return total;
  },
  lru() {
    const lru = new Map();
    return (i) => {
      lru.set(i, { i });
      if (lru.size > 500) lru.delete(lru.keys().next().value);
    };
  },
  allocating: () => async (i) => {
    await Promise.resolve();
    return Buffer.alloc(100, i).toString('hex') + Array.from({ length: 100 }, () => i).length;
  },
  'queue of an array'() {
    const queue = [];
    return (i) => {
      queue.push(i);
      if (queue.length > 3000) queue.splice(0, 2000);
    };
  },
  'filling, then full'() {
    const seen = new Set();
    return (i) => void seen.add(i % 4000);
  },
  listeners() {
    const emitter = new EventEmitter();
    return () => {
      emitter.once('x', listener);
      emitter.off('x', listener);
    };
  },
};

/** What only makes a table grow. `filled`: elements before the first call. */
const tables = {
  'set.add(i)'(filled) {
    const set = new Set(Array.from({ length: filled }, (_, k) => `k${k}`));
    return (i) => void set.add(i);
  },
  'array.push(i)'(filled) {
    const array = Array.from({ length: filled }, (_, k) => k);
    return (i) => void array.push(i);
  },
  'map.set(i, i)'(filled) {
    const map = new Map(Array.from({ length: filled }, (_, k) => [`k${k}`, k]));
    return (i) => void map.set(i, i);
  },
  'object[i] = i'(filled) {
    const object = {};
    for (let k = 1; k <= filled; k++) object[1e9 - k] = k;
    return (i) => void (object[i] = i);
  },
  'emitter.on, same function'(filled) {
    const emitter = new EventEmitter().setMaxListeners(0);
    for (let k = 0; k < filled; k++) emitter.on('x', listener);
    return () => void emitter.on('x', listener);
  },
  'async set.add(i)'(filled) {
    const set = new Set(Array.from({ length: filled }, (_, k) => `k${k}`));
    return async (i) => void set.add(await i);
  },
};
/** No query for live objects finds it: it has no prototype. */
const hidden = {
  'Object.create(null)[i] = i'() {
    const object = Object.create(null);
    return (i) => void (object[i] = i);
  },
};
const objects = {
  'object of 64 bytes'() {
    let chain = null;
    return (i) => void (chain = { chain, a: i, b: i, c: i, d: i });
  },
  'map entry'() {
    const map = new Map();
    return (i) => void map.set(i, { i });
  },
  'array element'() {
    const rows = [];
    return (i) => void rows.push([i, i + 1]);
  },
};

/** 2,000 calls in all and more. */
const COUNTS = [
  { iterations: 36, warmup: 0 },
  { iterations: 50, warmup: 1000 },
  { iterations: 100, warmup: 100 },
  { iterations: 200, warmup: 1000 },
  { iterations: 500, warmup: 1000 },
  { iterations: 700, warmup: 300 },
  { iterations: 1000, warmup: 3000 },
];
const FILLED = [0, 10, 1000, 5000, 100_000];
const DEFAULTS = [{}];

/** @type {Record<string, { make: Function, filled: number, options: object }[]>} */
const cases = {};
const add = (makers, sizes, counts) => {
  for (const [name, make] of Object.entries(makers))
    cases[name] = sizes.flatMap((filled) => counts.map((options) => ({ make, filled, options })));
};
add(clean, [0], DEFAULTS);
add(tables, FILLED, COUNTS);
add(hidden, [0], COUNTS);
add(objects, [0], [...DEFAULTS, { iterations: 200 }]);

/** Whether it fails. */
async function fails({ make, filled, options }) {
  if (process.env.SPARING === '1') {
    const plan = { iterations: 500, warmup: 1000, rounds: 8, ...options };
    const progress = { running: true, calls: 0, inCall: false };
    const { leak } = await new Measurement(make(filled), plan, progress, SPARING).run();
    return leak !== null;
  }
  try {
    await expectNoLeak(make(filled), options);
    return false;
  } catch (error) {
    if (error.code !== 'ERR_PLIMSOLL_LEAK') throw error;
    return true;
  }
}

/** How many of the runs fail in this process. */
async function failures(name, from, runs) {
  const all = cases[name];
  const missed = [];
  for (let run = from; run < from + runs; run++) {
    const one = all[run % all.length];
    if (!(await fails(one))) missed.push({ filled: one.filled, ...one.options });
  }
  return { failed: runs - missed.length, missed };
}

/** The same, so many runs to a process. */
function failuresOf(name, runs, most) {
  let failed = 0;
  const missed = [];
  for (let from = 0; from < runs; from += most) {
    const printed = execFileSync(
      process.execPath,
      [__filename, '--in-process', name, from, Math.min(most, runs - from)],
      { encoding: 'utf8' },
    );
    const result = JSON.parse(printed);
    failed += result.failed;
    missed.push(...result.missed);
  }
  return { failed, missed };
}

function main(runs = 500, most = 20, times = 1) {
  const names = Object.keys(clean);
  let alarms = 0;
  let ran = 0;
  for (const [k, name] of names.entries()) {
    const mine = Math.floor(((k + 1) * runs) / names.length) - Math.floor((k * runs) / names.length);
    const { failed } = failuresOf(name, mine, most);
    alarms += failed;
    ran += mine;
    console.log(`clean  ${name.padEnd(28)} failed ${failed} of ${mine}`);
  }
  let found = 0;
  let leaking = 0;
  for (const name of Object.keys(cases).slice(names.length)) {
    const all = cases[name].length * times;
    const { failed, missed } = failuresOf(name, all, most);
    found += failed;
    leaking += all;
    console.log(
      `leaks  ${name.padEnd(28)} found ${failed} of ${all}${missed.length === 0 ? '' : `, not ${JSON.stringify(missed)}`}`,
    );
  }
  console.log(`${alarms} of ${ran} clean ones failed, ${found} of ${leaking} leaking ones were found`);
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--in-process')
  failures(rest[0], Number(rest[1]), Number(rest[2])).then((result) => console.log(JSON.stringify(result)));
else main(...process.argv.slice(2).map(Number));
