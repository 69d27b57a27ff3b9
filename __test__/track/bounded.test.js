'use strict';
// A tick's work is bounded, however much is tracked: counted, as the event loop waits for it.
const test = require('node:test');
const assert = require('node:assert/strict');
const { EventEmitter, setMaxListeners } = require('node:events');
const { observe } = require('../support/pulse.js');
const { TrackedEventEmitter, trackAll, trackEmitter, trackEventTarget, tracked } = require('../..');

let now = 1e6;
const tick = () => observe((now += 1000), true);

/** How often the getter is called while `run` runs. */
function countGets(owner, key, run) {
  const before = Object.getOwnPropertyDescriptor(owner, key);
  let count = 0;
  Object.defineProperty(owner, key, {
    ...before,
    get() {
      count++;
      return Reflect.apply(before.get, this, []);
    },
  });
  try {
    run();
  } finally {
    Object.defineProperty(owner, key, before);
  }
  return count;
}

/** Counts what is asked of an emitter's listeners. @returns {{ names: number, events: number }} */
function counting(emitter) {
  const asked = { names: 0, events: 0 };
  emitter._events = new Proxy(emitter._events, {
    ownKeys: (events) => {
      asked.names++;
      return Reflect.ownKeys(events);
    },
    get: (events, key) => {
      asked.events++;
      return events[key];
    },
  });
  return asked;
}

const derived = (signal, n) =>
  Array.from({ length: n }, () => {
    const any = AbortSignal.any([signal]);
    any.addEventListener('abort', () => {});
    return any;
  });

for (const [how, track] of Object.entries({ trackAll: () => trackAll({ eventTargets: true }), trackEventTarget })) {
  test(`${how}: a tick, and a report, ask a tenth of 5,000 derived signals, and estimate how many there are`, (t) => {
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    const tracker = track(signal);
    t.after(() => tracker.stop());
    const kept = [];
    for (let i = 0; i < 10; i++) {
      kept.push(derived(signal, 500));
      tick();
    }
    for (const run of [tick, tick, tracked]) {
      const asked = countGets(AbortSignal.prototype, 'aborted', run);
      assert.ok(asked > 0 && asked <= 600, `${asked} signals asked`);
    }
    for (let i = 0; i < 4; i++) tick();
    const counts = tracked().eventTargets.flatMap(({ events }) =>
      events.filter(({ event }) => event === 'AbortSignal.any').map(({ count }) => count),
    );
    const count = Math.max(...counts);
    assert.ok(count > 2500 && count < 10_000, `${count} of 5000`);
    assert.equal(kept.flat().length, 5000);
  });
}

test('a tick does not ask an emitter for its 20,000 names', (t) => {
  const all = trackAll({ emitters: true });
  t.after(() => all.stop());
  const emitters = {
    trackAll: new EventEmitter(),
    TrackedEventEmitter: new TrackedEventEmitter(),
    trackEmitter: new EventEmitter(),
  };
  trackEmitter(emitters.trackEmitter);
  for (const emitter of Object.values(emitters)) for (let i = 0; i < 20_000; i++) emitter.on(`reply ${i}`, () => i);
  tick();
  for (const [how, emitter] of Object.entries(emitters)) {
    const asked = counting(emitter);
    tick();
    assert.equal(asked.names, 0, how);
    assert.ok(asked.events < 1200, `${how}: ${asked.events} events`);
  }
  const sources = tracked().emitters.map(({ events }) => ({
    records: events.length,
    count: events.reduce((sum, { count }) => sum + count, 0),
  }));
  assert.equal(sources.filter(({ records, count }) => records <= 257 && count === 20_000).length, 3);
});

test('a tick looks at some of thousands of emitters, and at each in its turn', () => {
  const emitters = Array.from({ length: 1500 }, () => new TrackedEventEmitter().on('x', () => {}).on('y', () => {}));
  const asked = emitters.map(counting);
  const sum = () => asked.reduce((all, { names, events }) => all + names + events, 0);
  tick();
  assert.ok(sum() > 0 && sum() <= 3000, `${sum()} questions`);
  for (let i = 0; i < 40; i++) tick();
  assert.equal(asked.filter(({ events }) => events === 0).length, 0);
});

test('records are bounded over all emitters', () => {
  const emitters = Array.from({ length: 120 }, () => {
    const emitter = new TrackedEventEmitter();
    for (let i = 0; i < 250; i++) emitter.on(`event ${i}`, () => i);
    return emitter;
  });
  const events = tracked().emitters.reduce((sum, source) => sum + source.events.length, 0);
  assert.ok(events <= 16_384 + 2048, `${events} records`);
  const counts = tracked().emitters.map((source) => source.events.reduce((sum, { count }) => sum + count, 0));
  assert.ok(counts.filter((count) => count === 250).length >= 120);
  assert.equal(emitters.length, 120);
});
