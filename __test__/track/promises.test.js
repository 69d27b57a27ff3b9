'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const { performance } = require('node:perf_hooks');
const { observe } = require('../support/pulse.js');
const { trackPromises, tracked } = require('../..');

/** Rows once ten seconds have passed on the trackers' clock. */
function rowsLater() {
  observe(performance.now() + 10_000);
  return tracked().promises.sites;
}

const rowOf = (name) => rowsLater().filter((row) => row.function === name);

test('promises pending for long, by site and by what made them', async (t) => {
  const tracker = trackPromises();
  t.after(() => tracker.stop());
  const settle = [];
  function forgotten() {
    return new Promise((resolve) => settle.push(resolve));
  }
  async function waits() {
    await forgotten();
  }
  const pending = Array.from({ length: 4 }, () => waits());
  const young = tracked().promises.sites.filter((row) => row.function === 'forgotten');
  assert.deepEqual(young, []);
  const [executor] = rowOf('forgotten');
  assert.deepEqual([executor.kind, executor.count, executor.file], ['executor', 4, __filename]);
  assert.deepEqual(new Set(rowOf('waits').map(({ kind }) => kind)), new Set(['async', 'derived']));
  for (const resolve of settle) resolve();
  await Promise.all(pending);
  assert.deepEqual([...rowOf('forgotten'), ...rowOf('waits')], []);
});

test('a combinator is one promise of a kind of its own, however many it waits for', (t) => {
  const tracker = trackPromises();
  t.after(() => tracker.stop());
  const kept = [];
  const never = new Promise(() => {});
  const calls = {
    all: () => Promise.all([never, never, 'value']),
    allSettled: () => Promise.allSettled([never]),
    any: () => Promise.any([never, never]),
    race: () => Promise.race(new Set([never])),
  };
  for (let i = 0; i < 4; i++) {
    observe(); // so that each is sampled
    for (const call of Object.values(calls)) kept.push(call());
  }
  for (const name of Object.keys(calls)) {
    assert.deepEqual(
      rowOf(name).map((row) => [row.kind, row.count]),
      [['combinator', 4]],
      name,
    );
  }
  assert.equal(kept.length, 16);
});

test('what the elements of a combinator make while it reads them is of their own kind', (t) => {
  const tracker = trackPromises();
  t.after(() => tracker.stop());
  const kept = [];
  function* elements() {
    for (let i = 0; i < 3; i++) yield new Promise((resolve) => kept.push(resolve));
  }
  kept.push(Promise.all(elements()));
  assert.deepEqual(
    rowOf('elements').map((row) => [row.kind, row.count]),
    [['executor', 3]],
  );
});

test('events.once that waits for ever is at its caller', async (t) => {
  const tracker = trackPromises();
  t.after(() => tracker.stop());
  const emitter = new EventEmitter();
  function listens() {
    return once(emitter, 'never');
  }
  const pending = listens();
  assert.ok(rowOf('listens').length > 0);
  emitter.emit('never');
  await pending;
});

test('a rejection without a handler is still unhandled', async (t) => {
  const tracker = trackPromises();
  t.after(() => tracker.stop());
  const listeners = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  const unhandled = once(process, 'unhandledRejection');
  const rejected = Promise.reject(new Error('rejected'));
  observe(performance.now() + 10_000);
  const [error, promise] = await unhandled;
  for (const listener of listeners) process.on('unhandledRejection', listener);
  assert.equal(error.message, 'rejected');
  assert.equal(promise, rejected);
});

test('stop ends the hook', async () => {
  const tracker = trackPromises();
  const { created } = tracker.report();
  await Promise.resolve();
  tracker.stop();
  assert.equal(tracked().promises, null);
  const end = tracker.report().created;
  await Promise.all(Array.from({ length: 100 }, () => Promise.resolve().then(() => {})));
  assert.equal(tracker.report().created, end);
  assert.ok(end >= created);
});
