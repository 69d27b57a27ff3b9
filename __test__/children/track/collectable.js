'use strict';
// Node with --expose-gc: which of what is tracked can be collected, as JSON {what: collected?}.
const { EventEmitter } = require('node:events');
const { setImmediate: turn } = require('node:timers/promises');
const { TrackedEventEmitter, trackEmitter, trackEventTarget, trackAll, tracked } = require('../../..');
const { native } = require('../../../lib/native.js');

const MAKERS = {
  TrackedEventEmitter: () => new TrackedEventEmitter({ name: 'gone' }),
  trackEmitter() {
    const emitter = new EventEmitter();
    trackEmitter(emitter, { name: 'gone' });
    return emitter;
  },
  trackAll: () => new EventEmitter(),
  trackEventTarget() {
    const target = new EventTarget();
    trackEventTarget(target, { name: 'gone' });
    return target;
  },
};

function fill(source) {
  const listeners = Array.from({ length: 20 }, (_, i) => () => i);
  for (const listener of listeners) (source.on ?? source.addEventListener).call(source, 'x', listener);
  return listeners;
}

async function collected(make) {
  let source = make();
  let listeners = fill(source);
  const kept = make();
  const removed = fill(kept).map((listener) => {
    (kept.off ?? kept.removeEventListener).call(kept, 'x', listener);
    return new WeakRef(listener);
  });
  const refs = [new WeakRef(source), ...listeners.map((listener) => new WeakRef(listener))];
  tracked();
  source = listeners = null;
  for (let i = 0; i < 4; i++) {
    await turn();
    globalThis.gc();
  }
  return { source: refs.every((ref) => ref.deref() === undefined), removed: removed.every((ref) => ref.deref() === undefined), kept };
}

async function main() {
  trackAll();
  const result = {};
  const kept = [];
  for (const [kind, make] of Object.entries(MAKERS)) {
    const { source, removed, kept: one } = await collected(make);
    kept.push(one);
    result[kind] = { source, removed };
  }
  // Their rows in the native registry go with them; those that are kept stay.
  const { emitters } = tracked();
  result.listed = emitters.filter(({ name }) => name === 'gone').length;
  result.rows = JSON.parse(native.trackCounts()).filter(({ name }) => name.includes('gone')).length;
  process.stdout.write(JSON.stringify(result), () => process.exit());
}

main();
