'use strict';
// The evidence of a leak: which diagnosis follows which.

const assert = require('node:assert/strict');
const test = require('node:test');
const { setImmediate } = require('node:timers/promises');
const { requireNative } = require('../../lib/native.js');
const { LeakEvidence } = require('../../lib/watch/leak-evidence.js');

const MB = 2 ** 20;
const { image: noForks } = requireNative().snapshotSupport();
const nothing = () => {};
const fail = (error) => assert.fail(error);

/** The evidence of a process whose heap and native memory leak; `taken`: how each of its snapshots was asked for. */
function leaking({ statePath }) {
  const taken = [];
  let t = 0;
  const channels = ['heap', 'external', 'native'].map((channel) => ({ channel, state: 'leak' }));
  const verdict = { state: 'leak', channel: 'heap', channels };
  const native = {
    publish: nothing,
    verdict: () => JSON.stringify(verdict),
    state: () => {
      t += 700;
      const memory = { heapUsed: t * MB, external: 0, native: t * MB };
      return JSON.stringify({ watchedMs: t, memory, limits: { heap: MB, native: MB }, verdict });
    },
  };
  const take = async (reason, { method, maxFiles }) => {
    taken.push({ method, maxFiles });
    return { path: `${taken.length}`, method: method === 'fork' ? 'fork' : 'image', pauseMs: 0, retries: [], tMs: t };
  };
  const options = { window: 1000, snapshotOn: ['leak'], report: [], cooldown: 0, maxFiles: 1, sampling: false };
  const shown = { learn: async () => {} };
  const context = { options, native, statePath, shown, notes: [], uptimeAtWatch: 0, isStopped: () => false, fail };
  const evidence = new LeakEvidence(context, { take, taken: [] }, { publish: nothing, read: () => ({}) });
  return { evidence, taken, verdict };
}

/** Lets the event loop turn and the evidence go on. */
async function turn(evidence) {
  for (let i = 0; i < 20; i++) {
    evidence.tick();
    await setImmediate();
  }
}

test(
  'under plimsoll run a leak of native memory leaves a complete diagnosis as it is',
  { skip: noForks ?? false },
  async () => {
    const { evidence, taken, verdict } = leaking({ statePath: '/run/state' });
    evidence.leaked('heap', verdict, nothing);
    await turn(evidence);
    // A diagnosis keeps its three though one file is to be kept.
    const [first, ...others] = taken;
    assert.deepEqual(first, { method: 'auto', maxFiles: 3 });
    assert.deepEqual(
      others,
      [1, 2].map(() => ({ method: 'image', maxFiles: 3 })),
    );
    evidence.leaked('native', verdict, nothing);
    await turn(evidence);
    assert.deepEqual(
      [taken.length, evidence.diagnosed.diagnosed, evidence.diagnosed.diagnosis],
      [3, 'heap', ['1', '2', '3']],
    );
    evidence.leaked('external', verdict, nothing);
    await turn(evidence);
    assert.deepEqual([taken.length, evidence.diagnosed.diagnosed], [6, 'external']);
  },
);
