'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { getEventListeners } = require('node:events');
const { trackEventTarget, trackAll } = require('..');

function listener() {}

test('listeners of a signal: counts, once, and the signal that removes them', (t) => {
  const controller = new AbortController();
  const { signal } = controller;
  signal.addEventListener('abort', () => {});
  const tracker = trackEventTarget(signal, { name: 'shutdown' });
  t.after(() => tracker.stop());
  const stop = new AbortController();
  signal.addEventListener('abort', listener);
  signal.addEventListener('abort', () => {}, { once: true });
  signal.addEventListener('abort', { handleEvent() {} }, { signal: stop.signal });
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a handler counts as well
  signal.onabort = () => {};
  const [before] = tracker.report().events;
  assert.deepEqual([before.event, before.count], ['abort', 5]);
  signal.removeEventListener('abort', listener);
  stop.abort();
  const report = tracker.report();
  assert.deepEqual([report.kind, report.name, report.events[0].count], ['AbortSignal', 'shutdown', 3]);
  assert.equal(report.events[0].sites[0].file, __filename);
});

test('AbortSignal.any: a derived signal counts while something listens to it', (t) => {
  const controller = new AbortController();
  const tracker = trackEventTarget(controller.signal);
  t.after(() => tracker.stop());
  const derived = Array.from({ length: 3 }, () => AbortSignal.any([controller.signal, AbortSignal.timeout(60_000)]));
  const chained = AbortSignal.any([derived[0]]);
  for (const signal of [...derived, chained]) signal.addEventListener('abort', listener);
  const count = () => tracker.report().events.find(({ event }) => event === 'AbortSignal.any').count;
  // The chained one hangs on the controller's signal too, as in Node.
  assert.equal(count(), 4);
  derived[1].removeEventListener('abort', listener);
  assert.equal(count(), 3);
  let aborted = 0;
  chained.addEventListener('abort', () => aborted++);
  controller.abort();
  assert.equal(aborted, 1);
  assert.equal(count(), 0);
});

test('AbortSignal.any chains: what listens at their end counts at their start', (t) => {
  const shutdown = new AbortController();
  const tracker = trackEventTarget(shutdown.signal);
  t.after(() => tracker.stop());
  function task() {
    const timed = AbortSignal.any([shutdown.signal, AbortSignal.timeout(60_000)]);
    const outer = AbortSignal.any([AbortSignal.any([timed, new AbortController().signal]), shutdown.signal]);
    outer.addEventListener('abort', listener);
    return outer;
  }
  const outers = Array.from({ length: 5 }, task);
  const event = () => tracker.report().events.find(({ event: name }) => name === 'AbortSignal.any');
  assert.deepEqual([event().count, event().sites[0].function], [5, 'task']);
  outers[0].removeEventListener('abort', listener);
  assert.equal(event().count, 4);
  shutdown.abort();
  assert.ok(outers.every(({ aborted }) => aborted));
  assert.equal(event().count, 0);
});

test('AbortSignal.any is Node’s: its name, generators, bad input, and back again', (t) => {
  const original = AbortSignal.any;
  const tracker = trackAll({ eventTargets: true });
  assert.deepEqual([AbortSignal.any.name, AbortSignal.any.length], [original.name, original.length]);
  const controller = new AbortController();
  const derived = AbortSignal.any(
    (function* signals() {
      yield controller.signal;
    })(),
  );
  controller.abort('why');
  assert.deepEqual([derived.aborted, derived.reason], [true, 'why']);
  assert.equal(AbortSignal.any([]).aborted, false);
  for (const bad of [undefined, null, 1, {}, [1]]) {
    const codes = [original, AbortSignal.any].map((any) => {
      try {
        return any.call(AbortSignal, bad);
      } catch (error) {
        return error.code ?? error.name;
      }
    });
    assert.equal(codes[0], codes[1]);
  }
  tracker.stop();
  assert.equal(AbortSignal.any, original);
  t.diagnostic('restored');
});

test('all targets: those on which listeners gather', (t) => {
  const tracker = trackAll({ eventTargets: true });
  t.after(() => tracker.stop());
  const [crowd, quiet] = [new EventTarget(), new EventTarget()];
  for (let i = 0; i < 9; i++) crowd.addEventListener('x', () => i);
  quiet.addEventListener('x', () => {});
  crowd.addEventListener('x', null);
  const counts = new Set(tracker.report().eventTargets.flatMap(({ events }) => events.map(({ count }) => count)));
  assert.deepEqual([counts.has(9), counts.has(1)], [true, false]);
  assert.equal(getEventListeners(quiet, 'x').length, 1);
});
