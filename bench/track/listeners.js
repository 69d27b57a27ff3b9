'use strict';
// What tracking costs: add + remove pairs and emit, tracked beside plain, in interleaved rounds.
//   node bench/track/listeners.js [--json]
// Ratios are medians over the rounds of tracked / plain; `plain` against itself (A/A) shows the noise.

const { EventEmitter } = require('node:events');
const { performance } = require('node:perf_hooks');
const assert = require('node:assert/strict');
const { TrackedEventEmitter, trackEmitter, trackAll } = require('../..');

const ROUNDS = 15;
const PAIRS = 400_000;
const EMITS = 2_000_000;

function listener(value) {
  listener.sum += value;
}
listener.sum = 0;
const others = Array.from({ length: 9 }, () => (value) => listener(value));

const WORK = {
  'add + remove': {
    n: PAIRS,
    run(emitter, n) {
      for (let i = 0; i < n; i++) {
        emitter.on('x', listener);
        emitter.off('x', listener);
      }
    },
  },
  'add + remove, new closures': {
    n: PAIRS,
    run(emitter, n) {
      for (let i = 0; i < n; i++) {
        const fresh = () => i;
        emitter.on('x', fresh);
        emitter.off('x', fresh);
      }
    },
  },
  'once + emit': {
    n: PAIRS,
    run(emitter, n) {
      for (let i = 0; i < n; i++) {
        emitter.once('x', listener);
        emitter.emit('x', 1);
      }
    },
  },
  'add + remove among 10': {
    n: PAIRS,
    prepare: (emitter) => others.forEach((other) => emitter.on('x', other)),
    run(emitter, n) {
      for (let i = 0; i < n; i++) {
        emitter.on('x', listener);
        emitter.off('x', listener);
      }
    },
  },
  'emit, 1 listener': {
    n: EMITS,
    prepare: (emitter) => emitter.on('x', listener),
    run(emitter, n) {
      for (let i = 0; i < n; i++) emitter.emit('x', 1);
    },
  },
  'emit, 10 listeners': {
    n: EMITS / 5,
    prepare(emitter) {
      emitter.on('x', listener);
      for (const other of others) emitter.on('x', other);
    },
    run(emitter, n) {
      for (let i = 0; i < n; i++) emitter.emit('x', 1);
    },
  },
};

const KINDS = {
  plain: () => [new EventEmitter()],
  'plain again': () => [new EventEmitter()],
  TrackedEventEmitter: () => [new TrackedEventEmitter()],
  trackEmitter() {
    const emitter = new EventEmitter();
    const tracker = trackEmitter(emitter);
    return [emitter, () => tracker.stop()];
  },
  trackAll() {
    const tracker = trackAll({ emitters: true });
    return [new EventEmitter(), () => tracker.stop()];
  },
};

function time({ prepare, run, n }, make) {
  const [emitter, stop] = make();
  emitter.setMaxListeners(0);
  prepare?.(emitter);
  // The wrappers of trackEmitter and trackAll are new functions each time: V8 has them to compile.
  run(emitter, n / 4);
  const before = listener.sum;
  const start = performance.now();
  run(emitter, n);
  const elapsed = performance.now() - start;
  stop?.();
  return { perCall: elapsed / n, left: emitter.listenerCount('x'), sum: listener.sum - before };
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const table = {};
for (const [name, work] of Object.entries(WORK)) {
  const ratios = {};
  for (let round = 0; round < ROUNDS; round++) {
    const results = {};
    // Each kind runs first in its turn.
    const kinds = Object.keys(KINDS);
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[(i + round) % kinds.length];
      results[kind] = time(work, KINDS[kind]);
    }
    for (const kind of kinds.slice(1)) {
      // The same work, with the same result, or no comparison.
      assert.deepEqual([results[kind].left, results[kind].sum], [results.plain.left, results.plain.sum]);
      (ratios[kind] ??= []).push(results[kind].perCall / results.plain.perCall);
    }
  }
  table[name] = Object.fromEntries(Object.entries(ratios).map(([kind, values]) => [kind, Number(median(values).toFixed(2))]));
}

if (process.argv.includes('--json')) console.log(JSON.stringify(table));
else console.table(table);
