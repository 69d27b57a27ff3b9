'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const {
  EventEmitter,
  errorMonitor,
  captureRejectionSymbol,
  once,
  on: iterate,
  getEventListeners,
  getMaxListeners,
} = require('node:events');
const { performance } = require('node:perf_hooks');
const { observe } = require('../support/pulse.js');
const { TrackedEventEmitter, trackEmitter, trackAll, tracked } = require('../..');
const { suspects } = require('../../lib/track');

const untouched = { ...EventEmitter.prototype };

/** An emitter with the methods from before anything was tracked. */
const plain = () =>
  Object.create(
    EventEmitter.prototype,
    Object.fromEntries(['on', 'addListener', 'prependListener'].map((key) => [key, { value: untouched[key] }])),
  );

/** Each way to track, with what makes an emitter of it: all must behave as Node's own. */
const MAKERS = {
  EventEmitter: (t, options) => new EventEmitter(options),
  TrackedEventEmitter: (t, options) => new TrackedEventEmitter(options),
  trackEmitter(t, options) {
    const emitter = new EventEmitter(options);
    const tracker = trackEmitter(emitter);
    t.after(() => tracker.stop());
    return emitter;
  },
  trackAll(t, options) {
    const tracker = trackAll({ emitters: true });
    t.after(() => tracker.stop());
    const emitter = new EventEmitter(options);
    // Past the crowd from which trackAll keeps a record.
    for (let i = 0; i < 70; i++) emitter.on(`filler ${i}`, () => {});
    return emitter;
  },
};

function a() {}
function b() {}

/** Runs one behaviour on every kind of emitter. */
function documented(behaviour, check) {
  for (const [kind, make] of Object.entries(MAKERS))
    test(`${kind}: ${behaviour}`, (t) => check(t, (options) => make(t, options)));
}

documented('on returns the emitter, and listeners run in order with this and the arguments', (t, make) => {
  const emitter = make();
  const calls = [];
  const result = emitter
    .on('x', function (...args) {
      calls.push(['first', this === emitter, ...args]);
    })
    .addListener('x', (...args) => calls.push(['second', ...args]))
    .prependListener('x', () => calls.push(['zeroth']));
  assert.equal(result, emitter);
  assert.equal(emitter.emit('x', 1, 2, 3, 4), true);
  assert.deepEqual(calls, [['zeroth'], ['first', true, 1, 2, 3, 4], ['second', 1, 2, 3, 4]]);
  assert.equal(emitter.emit('unheard'), false);
});

documented('once and prependOnceListener run once, and off takes them by their own function', (t, make) => {
  const emitter = make();
  const calls = [];
  const never = () => calls.push('never');
  emitter.once('x', () => calls.push('once'));
  emitter.prependOnceListener('x', () => calls.push('prepended'));
  emitter.once('x', never);
  emitter.off('x', never);
  emitter.emit('x');
  emitter.emit('x');
  assert.deepEqual(calls, ['prepended', 'once']);
  assert.equal(emitter.listenerCount('x'), 0);
});

documented('the same listener may be added twice; off removes the newest', (t, make) => {
  const emitter = make();
  const calls = [];
  const twice = () => calls.push('twice');
  emitter
    .on('x', twice)
    .on('x', () => calls.push('other'))
    .on('x', twice);
  emitter.off('x', twice);
  emitter.emit('x');
  assert.deepEqual(calls, ['twice', 'other']);
});

documented('newListener comes before the listener is there, removeListener after it is gone', (t, make) => {
  const emitter = make();
  const seen = [];
  emitter.on('newListener', (event, listener) =>
    seen.push(['new', event, listener.name, emitter.listenerCount(event)]),
  );
  emitter.on('removeListener', (event, listener) =>
    seen.push(['removed', event, listener.name, emitter.listenerCount(event)]),
  );
  emitter.once('x', a).on('x', b).off('x', b);
  emitter.removeAllListeners('x');
  assert.deepEqual(seen, [
    ['new', 'removeListener', '', 0],
    ['new', 'x', 'a', 0],
    ['new', 'x', 'b', 1],
    ['removed', 'x', 'b', 1],
    ['removed', 'x', 'a', 0],
  ]);
});

documented('a listener that newListener adds for the same event goes in front', (t, make) => {
  const emitter = make();
  const calls = [];
  emitter.once('newListener', (event) => {
    if (event === 'x') emitter.on('x', () => calls.push('B'));
  });
  emitter.on('x', () => calls.push('A'));
  emitter.emit('x');
  assert.deepEqual(calls, ['B', 'A']);
});

documented('what newListener throws reaches the caller, and the listener is not added', (t, make) => {
  const emitter = make();
  emitter.on('newListener', () => {
    throw new RangeError('no more');
  });
  assert.throws(() => emitter.on('x', () => {}), { name: 'RangeError', message: 'no more' });
  assert.equal(emitter.listenerCount('x'), 0);
});

documented('rawListeners shows the once wrapper, listeners what it wraps', (t, make) => {
  const emitter = make();
  emitter.once('x', a);
  const [raw] = emitter.rawListeners('x');
  assert.notEqual(raw, a);
  assert.equal(raw.listener, a);
  assert.deepEqual(emitter.listeners('x'), [a]);
  raw();
  assert.equal(emitter.listenerCount('x'), 0);
});

documented('listeners that remove themselves or others while emit runs', (t, make) => {
  const emitter = make();
  const calls = [];
  const second = () => calls.push('b');
  emitter.on('x', function first() {
    calls.push('a');
    emitter.off('x', first).off('x', second);
  });
  emitter.on('x', second);
  emitter.emit('x');
  emitter.emit('x');
  assert.deepEqual(calls, ['a', 'b']);
});

documented('symbols, numbers and names of Object.prototype are events', (t, make) => {
  const emitter = make();
  const symbol = Symbol('s');
  const calls = [];
  for (const event of [symbol, 7, '__proto__', 'constructor', 'toString']) emitter.on(event, () => calls.push(event));
  for (const event of [symbol, '7', '__proto__', 'constructor', 'toString']) assert.equal(emitter.emit(event), true);
  assert.deepEqual(calls, [symbol, 7, '__proto__', 'constructor', 'toString']);
  assert.deepEqual(emitter.eventNames().slice(-5).includes(symbol), true);
});

documented('an error without a listener throws; errorMonitor sees it and changes nothing', (t, make) => {
  const emitter = make();
  const seen = [];
  emitter.on(errorMonitor, (error) => seen.push(error.message));
  assert.throws(() => emitter.emit('error', new Error('loud')), /loud/);
  assert.deepEqual(seen, ['loud']);
});

documented('captureRejections sends a rejected listener to error, or to the symbol', async (t, make) => {
  const emitter = make({ captureRejections: true });
  emitter.on('x', async () => {
    throw new Error('rejected');
  });
  const rejected = new Promise((resolve) => emitter.on('error', resolve));
  emitter.emit('x');
  assert.equal((await rejected).message, 'rejected');
  const bySymbol = new Promise((resolve) => {
    emitter[captureRejectionSymbol] = (error, event) => resolve([error.message, event]);
  });
  emitter.emit('x');
  assert.deepEqual(await bySymbol, ['rejected', 'x']);
});

documented('a listener that is no function is refused as Node refuses it', (t, make) => {
  const emitter = make();
  for (const method of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener', 'off']) {
    assert.throws(() => emitter[method]('x', 'no function'), { code: 'ERR_INVALID_ARG_TYPE' });
  }
});

documented('removeAllListeners of one event and of all', (t, make) => {
  const emitter = make();
  emitter
    .on('x', () => {})
    .on('y', () => {})
    .on('z', () => {});
  emitter.removeAllListeners('x');
  assert.equal(emitter.listenerCount('x'), 0);
  assert.equal(emitter.listenerCount('y'), 1);
  assert.equal(emitter.removeAllListeners(), emitter);
  assert.deepEqual(emitter.eventNames(), []);
});

documented('events.once and the methods: on is addListener, off is removeListener', async (t, make) => {
  const emitter = make();
  const next = once(emitter, 'x');
  emitter.emit('x', 1, 2);
  assert.deepEqual(await next, [1, 2]);
  assert.equal(emitter.on, emitter.addListener);
  assert.equal(emitter.off, emitter.removeListener);
  assert.equal(emitter.on.length, 2);
  assert.deepEqual(Object.keys(emitter).toSorted(), Object.keys(new EventEmitter()).toSorted());
});

documented('MaxListenersExceededWarning comes at the same listener', async (t, make) => {
  const warnings = [];
  const listen = (warning) => warning.emitter === emitter && warnings.push(warning.count);
  process.on('warning', listen);
  t.after(() => process.off('warning', listen));
  const emitter = make();
  emitter.setMaxListeners(2);
  for (let i = 0; i < 5; i++) emitter.on('x', () => {});
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warnings, [3]);
});

documented('setMaxListeners(0) silences the warning; getMaxListeners and the default are as set', async (t, make) => {
  const warnings = [];
  const listen = (warning) => warning.emitter === emitter && warnings.push(warning);
  process.on('warning', listen);
  t.after(() => process.off('warning', listen));
  const emitter = make();
  assert.equal(emitter.getMaxListeners(), EventEmitter.defaultMaxListeners);
  assert.equal(emitter.setMaxListeners(0), emitter);
  for (let i = 0; i < 40; i++) emitter.on('x', () => {});
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([warnings, getMaxListeners(emitter), emitter.listenerCount('x')], [[], 0, 40]);
});

documented('events.on iterates, with what came between, and leaves no listener behind', async (t, make) => {
  const emitter = make();
  const ended = new AbortController();
  const seen = [];
  const reading = (async () => {
    for await (const [value] of iterate(emitter, 'x', { signal: ended.signal })) if (seen.push(value) === 2) break;
  })();
  emitter.emit('x', 1);
  emitter.emit('x', 2);
  await reading;
  assert.deepEqual([seen, emitter.listenerCount('x')], [[1, 2], 0]);
});

documented('events.once with a signal rejects, and takes its listeners away', async (t, make) => {
  const emitter = make();
  const ended = new AbortController();
  const waiting = once(emitter, 'x', { signal: ended.signal });
  ended.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  assert.deepEqual([emitter.listenerCount('x'), emitter.listenerCount('error')], [0, 0]);
});

documented('listenerCount of one listener, getEventListeners, and an error in a listener that ends emit', (t, make) => {
  const emitter = make();
  const calls = [];
  emitter.on('x', a).once('x', a).on('x', b);
  assert.deepEqual(
    [emitter.listenerCount('x', a), emitter.listenerCount('x', b), emitter.listenerCount('x', () => {})],
    [2, 1, 0],
  );
  assert.deepEqual(getEventListeners(emitter, 'x'), [a, a, b]);
  emitter
    .prependListener('x', () => calls.push('first'))
    .prependListener('x', () => {
      throw new Error('stop');
    });
  assert.throws(() => emitter.emit('x'), /stop/);
  assert.deepEqual(calls, []);
});

test('any sequence of operations does on each kind what it does on an EventEmitter', (t) => {
  const all = trackAll({ emitters: true });
  t.after(() => all.stop());
  const functions = Array.from({ length: 4 }, (_, i) => (log) => log.push(i));
  const operation = fc.tuple(
    fc.constantFrom(
      'on',
      'addListener',
      'once',
      'prependListener',
      'prependOnceListener',
      'off',
      'removeListener',
      'removeAllListeners',
      'emit',
    ),
    fc.constantFrom('x', 'y', 7, Symbol.for('z')),
    fc.nat(3),
  );
  const trace = (emitter, operations) => {
    const log = [];
    emitter.on('newListener', (event, listener) =>
      log.push('new', event, functions.indexOf(listener), emitter.listenerCount(event)),
    );
    emitter.on('removeListener', (event, listener) =>
      log.push('gone', event, functions.indexOf(listener), emitter.listenerCount(event)),
    );
    for (const [method, event, i] of operations) {
      if (method === 'emit') log.push(emitter.emit(event, log));
      else
        assert.equal(
          method === 'removeAllListeners' ? emitter.removeAllListeners(event) : emitter[method](event, functions[i]),
          emitter,
        );
      log.push(
        emitter.eventNames().map(String).join(),
        emitter.listeners(event).map((each) => functions.indexOf(each)),
        emitter.rawListeners(event).length,
      );
    }
    return log;
  };
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const expected = trace(plain(), operations);
      const own = new EventEmitter();
      const tracker = trackEmitter(own);
      for (const emitter of [new EventEmitter(), new TrackedEventEmitter(), own])
        assert.deepEqual(trace(emitter, operations), expected);
      const { events } = tracker.report();
      for (const { event, count } of events) assert.equal(count, own.listenerCount(event));
      tracker.stop();
    }),
    { numRuns: 200 },
  );
});

test('a leak is seen before MaxListenersExceededWarning', () => {
  const emitter = new TrackedEventEmitter({ name: 'young' });
  const start = performance.now();
  for (let second = 1; second <= 8; second++) {
    emitter.on('x', () => second); // never removed
    observe(start + second * 1000);
  }
  assert.ok(emitter.listenerCount('x') < EventEmitter.defaultMaxListeners);
  const suspect = suspects({ now: start + 8000 }).find(({ path }) => path[0].includes('young'));
  assert.deepEqual([suspect.cause, suspect.name, suspect.file], ['listeners', 'x', __filename]);
});

test('counts, totals and sites of listeners that are still there', () => {
  const emitter = new TrackedEventEmitter({ name: 'counted' });
  emitter.setMaxListeners(0);
  const go = [];
  function staying() {
    emitter.on('x', () => {});
  }
  function going() {
    go.push(() => go.length);
    emitter.on('x', go.at(-1));
  }
  for (let i = 0; i < 10; i++) {
    staying();
    going();
  }
  for (const listener of go.slice(0, 8)) emitter.off('x', listener);
  const source = tracked().emitters.find(({ name }) => name === 'counted');
  assert.equal(source.kind, 'TrackedEventEmitter');
  const [event] = source.events;
  assert.deepEqual([event.event, event.count, event.added, event.removed], ['x', 12, 20, 8]);
  assert.deepEqual(
    event.sites.map((site) => [site.function, site.file]),
    [
      ['staying', __filename],
      ['going', __filename],
    ],
  );
  assert.equal(
    event.sites.reduce((sum, { count }) => sum + count, 0),
    12,
  );
  assert.ok(event.sites.every(({ line, column }) => line > 0 && column > 0));
});

test('what was there before tracking is counted, and has no site', (t) => {
  const emitter = new EventEmitter();
  emitter.on('x', () => {}).on('x', () => {});
  const tracker = trackEmitter(emitter, { name: 'late' });
  t.after(() => tracker.stop());
  emitter.on('x', () => {});
  const [event] = tracker.report().events;
  assert.deepEqual([event.count, event.added, event.removed, event.sites.length], [3, 1, 0, 1]);
});

test('two trackers of one emitter: it is tracked until both have stopped', () => {
  const emitter = new EventEmitter();
  const [first, second] = [trackEmitter(emitter), trackEmitter(emitter, { name: 'shared' })];
  first.stop();
  emitter.on('x', () => {});
  const { name, events } = second.report();
  assert.deepEqual([name, events[0].count, events[0].sites[0].file], ['shared', 1, __filename]);
  second.stop();
  assert.ok(!Object.hasOwn(emitter, 'on'));
});

test('an emitter that all tracking saw keeps its sites when it is tracked by itself', (t) => {
  const all = trackAll({ emitters: true });
  t.after(() => all.stop());
  const emitter = new EventEmitter();
  (function early() {
    for (let i = 0; i < 9; i++) emitter.on('x', () => i);
  })();
  const tracker = trackEmitter(emitter);
  emitter.on('x', () => {});
  const [{ count, sites }] = tracker.report().events;
  assert.equal(count, 10);
  assert.ok(sites.some((site) => site.function === 'early'));
});

test('stop puts an emitter back as it was', () => {
  const emitter = new EventEmitter();
  const tracker = trackEmitter(emitter);
  assert.ok(Object.hasOwn(emitter, 'on'));
  tracker.stop();
  tracker.stop();
  assert.ok(!Object.hasOwn(emitter, 'on') && !Object.hasOwn(emitter, 'prependListener'));
  const { on } = EventEmitter.prototype;
  const all = trackAll({ emitters: true });
  assert.notEqual(EventEmitter.prototype.on, on);
  all.stop();
  assert.equal(EventEmitter.prototype.on, on);
  assert.equal(EventEmitter.prototype.addListener, on);
});
