'use strict';
// What tracking costs: add + remove pairs and emit, tracked beside plain.
//   node bench/track/listeners.js [--json] [--rounds 11]
// Each kind runs in a process of its own, as an application does (in one process V8 would optimise the
// call of `on` for all kinds at once, and the plain one would pay for it); the kinds take turns. Ratios
// are medians over the rounds of tracked / plain; `plain` against itself (A/A) shows the noise.

const { EventEmitter } = require('node:events');
const { execFileSync } = require('node:child_process');
const { performance } = require('node:perf_hooks');
const { parseArgs } = require('node:util');
const assert = require('node:assert/strict');

const PAIRS = 50_000;
const EMITS = 250_000;
/** Within a process: of so many short runs the best is one that nothing disturbed. */
const REPEATS = 24;

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
  plain: () => () => new EventEmitter(),
  'plain again': () => () => new EventEmitter(),
  TrackedEventEmitter() {
    const { TrackedEventEmitter } = require('../..');
    return () => new TrackedEventEmitter();
  },
  trackEmitter() {
    const { trackEmitter } = require('../..');
    return () => {
      const emitter = new EventEmitter();
      trackEmitter(emitter);
      return emitter;
    };
  },
  trackAll() {
    require('../..').trackAll({ emitters: true });
    return () => new EventEmitter();
  },
};

/** Every work on one kind, in this process: ms a call, and what it leaves behind. */
function measure(kind) {
  const make = KINDS[kind]();
  return Object.entries(WORK).map(([name, { prepare, run, n }]) => {
    const emitter = make();
    emitter.setMaxListeners(0);
    prepare?.(emitter);
    for (let i = 0; i < 3; i++) run(emitter, n);
    const before = listener.sum;
    const times = Array.from({ length: REPEATS }, () => {
      const start = performance.now();
      run(emitter, n);
      return performance.now() - start;
    });
    return { name, perCall: Math.min(...times) / n, result: [emitter.listenerCount('x'), listener.sum - before] };
  });
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

function main() {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, rounds: { type: 'string', default: '11' }, kind: { type: 'string' } },
  });
  if (values.kind !== undefined) {
    process.stdout.write(JSON.stringify(measure(values.kind)), () => process.exit());
    return;
  }
  const kinds = Object.keys(KINDS);
  const ratios = {};
  for (let round = 0; round < Number(values.rounds); round++) {
    const results = {};
    // Each kind runs first in its turn.
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[(i + round) % kinds.length];
      results[kind] = JSON.parse(execFileSync(process.execPath, [__filename, '--kind', kind]));
    }
    for (const kind of kinds.slice(1)) {
      for (const [i, { name, perCall, result }] of results[kind].entries()) {
        // The same work, with the same result, or no comparison.
        assert.deepEqual(result, results.plain[i].result);
        ((ratios[name] ??= {})[kind] ??= []).push(perCall / results.plain[i].perCall);
      }
    }
  }
  const table = {};
  for (const [name, byKind] of Object.entries(ratios)) {
    table[name] = Object.fromEntries(
      Object.entries(byKind).map(([kind, all]) => [kind, Number(median(all).toFixed(2))]),
    );
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ node: process.version, table })}\n`);
  else {
    process.stdout.write(`Node ${process.version}, ratios to plain\n`);
    console.table(table);
  }
}

main();
