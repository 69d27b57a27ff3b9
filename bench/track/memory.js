'use strict';
// Bytes of heap for an emitter or event target with one listener, plain and tracked, where there are 100,000.
//   node bench/track/memory.js [--count 100000]
// Each kind runs in a process of its own.

const { EventEmitter } = require('node:events');
const { execFileSync } = require('node:child_process');
const { parseArgs } = require('node:util');

const listens = (target) => {
  if (target instanceof EventTarget) target.addEventListener('x', () => target);
  else target.on('x', () => target);
  return target;
};
const plimsoll = () => require('../..');
const tracked = (target, track) => {
  track(target);
  return target;
};

/** Each begins its process, and makes a target. */
const KINDS = {
  EventEmitter: () => () => new EventEmitter(),
  'EventEmitter, trackAll': () => {
    plimsoll().trackAll();
    return () => new EventEmitter();
  },
  TrackedEventEmitter: () => () => new (plimsoll().TrackedEventEmitter)(),
  'TrackedEventEmitter with a name': () => () => new (plimsoll().TrackedEventEmitter)({ name: 'bus' }),
  trackEmitter: () => () => tracked(new EventEmitter(), plimsoll().trackEmitter),
  EventTarget: () => () => new EventTarget(),
  'EventTarget, trackAll': () => {
    plimsoll().trackAll();
    return () => new EventTarget();
  },
  trackEventTarget: () => () => tracked(new EventTarget(), plimsoll().trackEventTarget),
};

function measure(kind, count) {
  const make = KINDS[kind]();
  const kept = Array.from({ length: count });
  listens(make());
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i++) kept[i] = listens(make());
  globalThis.gc();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  return kept.length === count ? Math.round(bytes) : NaN;
}

function main() {
  const { values } = parseArgs({ options: { count: { type: 'string', default: '100000' }, kind: { type: 'string' } } });
  if (values.kind !== undefined) {
    process.stdout.write(String(measure(values.kind, Number(values.count))), () => process.exit());
    return;
  }
  const bytes = (kind) =>
    Number(execFileSync(process.execPath, ['--expose-gc', __filename, '--kind', kind, '--count', values.count]));
  process.stdout.write(`Node ${process.version}, bytes each of ${values.count}\n`);
  console.table(Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, bytes(kind)])));
}

main();
