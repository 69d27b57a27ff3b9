'use strict';
// A service that plimsoll watches and @datadog/pprof profiles: `pprof-service.js plimsoll-first|pprof-first`. Prints what
// each of them sees, and what plimsoll sees after the other has stopped, and the other after plimsoll has.
const order = process.argv[2];
const load = { plimsoll: () => require('../../index.js'), pprof: () => require('@datadog/pprof') };
const kept = [];

function login(i) {
  kept.push(Array.from({ length: 500 }, () => i));
}

let plimsoll;
let pprof;
let watcher;
const startPlimsoll = () => {
  plimsoll = load.plimsoll();
  watcher = plimsoll.watch({ interval: 50, window: 1000, snapshotOn: [], report: [] });
};
const startPprof = () => {
  pprof = load.pprof();
  pprof.heap.start(64 * 1024, 32);
};
if (order === 'plimsoll-first') {
  startPlimsoll();
  startPprof();
} else {
  startPprof();
  startPlimsoll();
}

for (let i = 0; i < 10_000; i++) login(i);

const { AllocationSampler, growth } = require('../../lib/track/allocation.js');
/** The functions that a profile of pprof has bytes for. */
function theirs() {
  const { sample, function: functions, location, stringTable } = pprof.heap.profile();
  const name = (id) => {
    const place = location.find((each) => each.id === id);
    const fn = functions.find((each) => each.id === place.line[0].functionId);
    return stringTable.strings[Number(fn.name)];
  };
  return sample.flatMap(({ locationId }) => locationId.map(name));
}
/** What a reader that joins late sees: it starts nothing that runs. */
function ours() {
  const reader = new AllocationSampler();
  reader.start();
  const profile = reader.read();
  const sites = profile === null ? [] : growth(null, profile);
  const { state } = reader;
  reader.stop();
  return { state, named: sites.some((site) => site.function === 'login') };
}

const out = { state: watcher.stats().allocation.state, ours: ours(), theirs: theirs().some((name) => name.includes('login')) };
if (order === 'plimsoll-first') {
  watcher.stop();
  out.after = theirs().some((name) => name.includes('login'));
} else {
  pprof.heap.stop();
  out.after = watcher.stats().verdict.state !== undefined;
}
process.stdout.write(JSON.stringify(out), () => process.exit(0));
