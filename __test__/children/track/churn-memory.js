'use strict';
// Node with --expose-gc: the heap before and after a million listeners came and went, as JSON bytes.
const { setImmediate: turn } = require('node:timers/promises');
const { TrackedEventEmitter, trackAll, tracked } = require('../../..');
const { observe } = require('../../../lib/track/tick.js');

const { emitter, names } = { emitter: new TrackedEventEmitter(), names: Array.from({ length: 50 }, (_, i) => `e${i}`) };

function churn(times) {
  for (let i = 0; i < times; i++) {
    const listener = () => i;
    const event = names[i % names.length];
    emitter.on(event, listener);
    emitter.off(event, listener);
    if (i % 1000 === 0) observe(i);
  }
}

async function heap() {
  for (let i = 0; i < 3; i++) {
    await turn();
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

async function main() {
  trackAll({ emitters: true });
  churn(200_000);
  const before = await heap();
  churn(1_000_000);
  const after = await heap();
  const [{ events }] = tracked().emitters;
  process.stdout.write(JSON.stringify({ grown: after - before, added: events.reduce((sum, { added }) => sum + added, 0), count: events.reduce((sum, { count }) => sum + count, 0) }));
  process.exit();
}

main();
