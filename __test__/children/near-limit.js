'use strict';
// Leaks into a small heap until V8 is about to give up. A snapshot is forked there, the limit is
// raised; then it stops leaking (argv[3] 'live') or goes on until V8 gives up ('die'). 'at-once': it makes an array that
// does not fit, so that V8 gives up without a call near the limit.

const v8 = require('node:v8');
const { requireNative } = require('../../lib/native.js');

const emergency = new (requireNative().SnapshotEmergency)(JSON.parse(process.argv[2]));
process.stdout.write(`${emergency.watchHeapLimit(64 * 2 ** 20)}\n`);
const limit = v8.getHeapStatistics().heap_size_limit;
const leak = [];
const live = process.argv[3] === 'live';

function turn() {
  const { step, outcome, failure } = emergency.step();
  if (live && step !== 'wait') {
    process.stdout.write(JSON.stringify({ step, outcome, failure }));
    return;
  }
  // What V8 has as its limit tells that the callback has run: from there on, live on what there is.
  if (live && v8.getHeapStatistics().heap_size_limit > limit) {
    setTimeout(turn, 5);
    return;
  }
  // oxlint-disable-next-line unicorn/no-new-array -- one allocation of several times the limit
  if (process.argv[3] === 'at-once') leak.push(new Array(3e7).fill(0));
  for (let i = 0; i < 20; i++) leak.push(Array.from({ length: 10_000 }, () => 0.5));
  setImmediate(turn);
}
turn();
