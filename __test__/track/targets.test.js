'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { getEventListeners } = require('node:events');
const { trackEventTarget, trackAll } = require('../..');

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

function* signals(...given) {
  yield* given;
}

/** What comes of `any` of what `make` makes of two signals, when the second aborts. */
function outcome(any, make) {
  const controllers = [new AbortController(), new AbortController()];
  try {
    const derived = any.call(AbortSignal, make(controllers.map(({ signal }) => signal)));
    controllers[1].abort('why');
    return [derived.aborted, derived.reason];
  } catch (error) {
    return [error.code, error.message];
  }
}

test('AbortSignal.any is Node’s: its name, what it takes and refuses, and back again', () => {
  const original = AbortSignal.any;
  const tracker = trackAll({ eventTargets: true });
  assert.deepEqual([AbortSignal.any.name, AbortSignal.any.length], [original.name, original.length]);
  const inputs = [
    (given) => given,
    (given) => new Set(given),
    (given) => signals(...given),
    (given) => signals(...given, 1),
    (given) => new Map(given.map((signal) => [signal, signal])).values(),
    (given) => [...given, {}],
    () => [],
    () => undefined,
    () => null,
    () => 1,
    () => ({}),
    () => 'signals',
  ];
  for (const make of inputs) assert.deepEqual(outcome(AbortSignal.any, make), outcome(original, make));
  tracker.stop();
  assert.equal(AbortSignal.any, original);
});

test(
  'AbortSignal.any: signals from an iterable count, and it is read once',
  { skip: !takesIterables() && 'this Node takes arrays only' },
  (t) => {
    const { signal } = new AbortController();
    const tracker = trackEventTarget(signal);
    t.after(() => tracker.stop());
    let read = 0;
    const iterable = {
      *[Symbol.iterator]() {
        read++;
        yield signal;
      },
    };
    AbortSignal.any(iterable).addEventListener('abort', listener);
    assert.equal(read, 1);
    assert.equal(tracker.report().events.find(({ event }) => event === 'AbortSignal.any').count, 1);
  },
);

function takesIterables() {
  try {
    AbortSignal.any(new Set());
    return true;
  } catch {
    return false;
  }
}

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

test('what Node refuses by the number of arguments is refused with a tracker too', (t) => {
  const target = new EventTarget();
  const refused = { code: 'ERR_MISSING_ARGS' };
  assert.throws(() => target.addEventListener('ping'), refused);
  const tracker = trackEventTarget(target);
  t.after(() => tracker.stop());
  assert.throws(() => target.addEventListener('ping'), refused);
  const all = trackAll({ eventTargets: true });
  t.after(() => all.stop());
  assert.throws(() => new EventTarget().addEventListener('ping'), refused);
});

test('what adds no listener is not counted, however many were added before', (t) => {
  const target = new EventTarget();
  const tracker = trackEventTarget(target);
  t.after(() => tracker.stop());
  for (let count = 0; count < 500; count++) target.addEventListener('ping', () => {});
  for (let count = 0; count < 100; count++) target.addEventListener('ping', null);
  const [{ count, added, removed }] = tracker.report().events;
  assert.deepEqual({ count, added, removed }, { count: 500, added: 500, removed: 0 });
});
