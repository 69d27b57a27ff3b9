'use strict';
// Bad input and odd emitters: what the trackers refuse, and what they do no harm to.
const test = require('node:test');
const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const { performance } = require('node:perf_hooks');
const { Readable } = require('node:stream');
const timersPromises = require('node:timers/promises');
const { runInThisContext } = require('node:vm');
const { observe } = require('../support/pulse.js');
const plimsoll = require('../..');
const { TrackedEventEmitter, trackEmitter, trackEventTarget, trackAll, trackPromises, tracked } = plimsoll;

const fill = (emitter, event = 'x', times = 8) => {
  for (let i = 0; i < times; i++) emitter.on(event, () => i);
};

test('what is no emitter, target or option is refused with a code and a way out', () => {
  for (const value of [null, undefined, 1, 'bus', {}, { on() {} }, () => {}]) {
    assert.throws(() => trackEmitter(value), { name: 'TypeError', code: 'ERR_PLIMSOLL_EMITTER' });
  }
  // It has the methods, and one of them does not answer.
  const methods = { on() {}, listeners: () => [], listenerCount: () => 0, eventNames: () => [] };
  for (const method of ['listeners', 'listenerCount', 'eventNames']) {
    for (const answer of [() => {}, () => 'text', () => assert.fail('asked')]) {
      const value = { ...methods, [method]: answer };
      assert.throws(() => trackEmitter(value), { name: 'TypeError', code: 'ERR_PLIMSOLL_EMITTER' });
    }
  }
  trackEmitter(methods).stop();
  for (const value of [null, {}, new EventEmitter()]) {
    assert.throws(() => trackEventTarget(value), {
      name: 'TypeError',
      code: 'ERR_PLIMSOLL_EVENT_TARGET',
      message: /EventTarget/,
    });
  }
  const bad = [
    () => trackEmitter(new EventEmitter(), { nmae: 'x' }),
    () => trackEmitter(new EventEmitter(), { name: 7 }),
    () => trackEmitter(new EventEmitter(), null),
    () => new TrackedEventEmitter({ name: {} }),
    () => trackAll({ sockets: true }),
    () => trackAll({ emitters: 'yes' }),
    () => trackAll({ emitters: false, eventTargets: false, timers: false, promises: false, resources: false }),
    () => trackPromises({ pendingFor: 'soon' }),
    () => trackPromises({ pendingFor: null }),
  ];
  for (const call of bad) assert.throws(call, { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
  for (const pendingFor of [0, -1, Number.NaN, Infinity])
    assert.throws(() => trackPromises({ pendingFor }), { name: 'RangeError', code: 'ERR_PLIMSOLL_OPTION' });
});

test('an emitter that overrides on and emit counts each listener once', (t) => {
  class Chatty extends EventEmitter {
    calls = [];
    on(event, listener) {
      this.calls.push(event);
      return super.on(event, listener);
    }
    addListener(event, listener) {
      return this.on(event, listener);
    }
    emit(event, ...args) {
      this.calls.push(`emit ${String(event)}`);
      return super.emit(event, ...args);
    }
  }
  const emitter = new Chatty();
  const tracker = trackEmitter(emitter);
  t.after(() => tracker.stop());
  emitter
    .on('x', () => {})
    .addListener('x', () => {})
    .once('x', () => {});
  emitter.emit('x');
  const [event] = tracker.report().events;
  assert.deepEqual([event.count, event.added, event.removed], [2, 3, 1]);
  assert.deepEqual(emitter.calls, ['x', 'x', 'x', 'emit x']);
});

test('a Readable, whose own on starts its flow, flows as before', async (t) => {
  const tracker = trackAll({ emitters: true });
  t.after(() => tracker.stop());
  const readable = Readable.from(['a', 'b']);
  const own = trackEmitter(readable);
  const chunks = [];
  readable.on('data', (chunk) => chunks.push(chunk));
  await new Promise((resolve) => readable.on('end', resolve));
  assert.deepEqual(chunks, ['a', 'b']);
  assert.ok(own.report().events.some(({ event }) => event === 'data'));
});

test('proxies: through one that lets all pass, and one that refuses', (t) => {
  const all = trackAll({ emitters: true });
  t.after(() => all.stop());
  const through = new Proxy(new EventEmitter(), {});
  fill(through);
  assert.equal(through.listenerCount('x'), 8);
  const tee = new Proxy(new TrackedEventEmitter(), {});
  fill(tee);
  assert.equal(tee.listenerCount('x'), 8);
  const refuses = new Proxy(new EventEmitter(), {
    defineProperty: (target, key, descriptor) =>
      key.startsWith?.('_') && Reflect.defineProperty(target, key, descriptor),
  });
  assert.throws(() => trackEmitter(refuses), { code: 'ERR_PLIMSOLL_EMITTER', message: /trackAll/ });
  fill(refuses);
  assert.equal(refuses.emit('x'), true);
});

test('a frozen emitter is refused, or tracked with all others, and works', (t) => {
  const emitter = new EventEmitter();
  fill(emitter, 'x', 1);
  // Node itself adds no event to a frozen emitter, but listeners to an event that is there.
  emitter._events.x = [emitter._events.x];
  Object.freeze(emitter);
  assert.throws(() => trackEmitter(emitter), { code: 'ERR_PLIMSOLL_EMITTER', message: /frozen/ });
  const all = trackAll({ emitters: true });
  t.after(() => all.stop());
  fill(emitter, 'x', 9);
  assert.equal(emitter.listenerCount('x'), 10);
  assert.ok(all.report().emitters.some(({ events }) => events.some(({ count }) => count === 10)));
});

test('emitters without a prototype, a constructor or an _events that makes sense', (t) => {
  const all = trackAll({ emitters: true });
  t.after(() => all.stop());
  const bare = Object.assign(Object.create(null), { on: EventEmitter.prototype.on });
  fill(bare);
  assert.equal(bare._events.x.length, 8);
  const hostile = new EventEmitter();
  Object.defineProperty(hostile, 'constructor', {
    get() {
      throw new Error('no');
    },
  });
  fill(hostile);
  const kinds = all.report().emitters.map(({ kind }) => kind);
  assert.ok(kinds.filter((kind) => kind === 'EventEmitter').length >= 2);
});

test('an emitter of another make', () => {
  class Other {
    map = new Map();
    on(event, listener) {
      this.map.set(event, [...(this.map.get(event) ?? []), listener]);
      return this;
    }
    listeners(event) {
      return this.map.get(event) ?? [];
    }
    listenerCount(event) {
      return this.listeners(event).length;
    }
    eventNames() {
      return [...this.map.keys()];
    }
  }
  const emitter = new Other();
  const tracker = trackEmitter(emitter, { name: 'other' });
  fill(emitter, 'x', 3);
  const report = tracker.report();
  assert.deepEqual(
    [report.kind, report.name, report.events[0].count, report.events[0].sites[0].file],
    ['Other', 'other', 3, __filename],
  );
});

test('symbols as events, and thousands of names', () => {
  const emitter = new TrackedEventEmitter({ name: 'many names' });
  const symbol = Symbol('mine');
  emitter.on(symbol, () => {});
  for (let i = 0; i < 5000; i++) emitter.on(`reply ${i}`, () => i);
  const source = tracked().emitters.find(({ name }) => name === 'many names');
  assert.ok(source.events.length <= 257);
  assert.equal(source.events.find(({ event }) => event === symbol).count, 1);
  assert.equal(
    source.events.reduce((sum, { count }) => sum + count, 0),
    5001,
  );
});

for (const [kind, emitterOf] of Object.entries({
  TrackedEventEmitter: () => new TrackedEventEmitter(),
  trackEmitter: () => new EventEmitter(),
})) {
  test(`${kind}: a listener that is added from within newListener counts once, and one that throws not at all`, (t) => {
    const emitter = emitterOf();
    const tracker = trackEmitter(emitter);
    t.after(() => tracker.stop());
    emitter.on('newListener', (event) => {
      if (event === 'bad') throw new Error('refused');
      if (event === 'x') emitter.on('y', () => {});
    });
    emitter.on('x', () => {});
    assert.throws(() => emitter.on('bad', () => {}), /refused/);
    const counts = Object.fromEntries(
      tracker.report().events.map(({ event, added, sites }) => [event, [added, sites.length]]),
    );
    assert.deepEqual(counts, { newListener: [1, 1], x: [1, 1], y: [1, 1] });
  });
}

test('listeners that an emitter keeps under another name than it is given are counted there', (t) => {
  class Prefixing extends EventEmitter {
    on(event, listener) {
      return super.on(`app:${event}`, listener);
    }
  }
  const emitter = new Prefixing();
  const tracker = trackEmitter(emitter);
  t.after(() => tracker.stop());
  fill(emitter, 'x', 8);
  const counts = Object.fromEntries(tracker.report().events.map(({ event, count }) => [event, count]));
  assert.deepEqual(counts, { x: 0, 'app:x': 8 });
});

test('an emitter that takes one wrapped method and refuses the next is left as it was', () => {
  const emitter = new EventEmitter();
  Object.defineProperty(emitter, 'prependListener', { value: emitter.prependListener, configurable: false });
  assert.throws(() => trackEmitter(emitter), { code: 'ERR_PLIMSOLL_EMITTER' });
  assert.ok(!Object.hasOwn(emitter, 'on'));
});

test('a proxy that is revoked is tracked no more, and the others are', (t) => {
  const { proxy, revoke } = Proxy.revocable(new EventEmitter(), {});
  const trackers = [trackEmitter(proxy), trackAll({ emitters: true })];
  t.after(() => trackers.forEach((tracker) => tracker.stop()));
  const other = new TrackedEventEmitter({ name: 'beside a revoked one' });
  fill(proxy);
  fill(other);
  revoke();
  const { emitters } = tracked();
  assert.deepEqual(
    emitters.find(({ name }) => name === 'beside a revoked one').events.map(({ count }) => count),
    [8],
  );
  assert.throws(() => trackers[0].report(), TypeError);
});

test('another patch of EventEmitter.prototype, before ours and after it, keeps working', () => {
  const { on } = EventEmitter.prototype;
  const seen = [];
  const patched = (name, inner) =>
    function wrapped(event, listener) {
      seen.push(name);
      return inner.call(this, event, listener);
    };
  try {
    EventEmitter.prototype.on = patched('before', EventEmitter.prototype.on);
    const tracker = trackAll({ emitters: true });
    EventEmitter.prototype.on = patched('after', EventEmitter.prototype.on);
    const emitter = new EventEmitter();
    fill(emitter, 'x', 1);
    assert.deepEqual(seen, ['after', 'before']);
    // Ours is not on top: it stays where it is, and passes on.
    tracker.stop();
    fill(emitter, 'x', 9);
    assert.equal(emitter.listenerCount('x'), 10);
    assert.deepEqual(seen.slice(-2), ['after', 'before']);
  } finally {
    EventEmitter.prototype.on = on;
  }
});

/**
 * As tracers do that carry a context into listeners (cls-hooked, OpenTelemetry's bind): each is wrapped, and
 * found again by its own function. Run from where a tracer lies.
 */
const bindContext = runInThisContext(`(${bindListeners})`, {
  filename: '/app/node_modules/@opentelemetry/context-async-hooks/index.js',
});

function bindListeners(emitter, run) {
  const bound = new Map();
  for (const method of ['on', 'addListener', 'prependListener', 'once']) {
    const original = emitter[method];
    emitter[method] = function (event, listener) {
      if (!bound.has(listener)) {
        const wrapped = (...args) => run(() => Reflect.apply(listener, this, args));
        bound.set(listener, wrapped).set(wrapped, wrapped);
      }
      return original.call(this, event, bound.get(listener));
    };
  }
  for (const method of ['off', 'removeListener']) {
    const original = emitter[method];
    emitter[method] = function (event, listener) {
      return original.call(this, event, bound.get(listener) ?? listener);
    };
  }
}

for (const order of ['before', 'after']) {
  test(`a tracer that wraps listeners, patched ${order} ours: its context, our counts and sites`, () => {
    const { AsyncLocalStorage } = require('node:async_hooks');
    const storage = new AsyncLocalStorage();
    const emitter = new EventEmitter();
    const bind = () => bindContext(emitter, (call) => storage.run('span', call));
    if (order === 'before') bind();
    const tracker = trackEmitter(emitter);
    if (order === 'after') bind();
    const seen = [];
    const mine = () => seen.push(storage.getStore());
    (function adds() {
      emitter.on('x', mine).once('x', () => seen.push('once'));
      emitter.on('x', () => seen.push('kept'));
    })();
    emitter.emit('x');
    assert.deepEqual(seen, ['span', 'once', 'kept']);
    emitter.off('x', mine);
    const [{ count, added, sites }] = tracker.report().events;
    assert.deepEqual([count, added, sites.length, sites[0]?.function, sites[0]?.count], [1, 3, 1, 'adds', 1]);
    tracker.stop();
    emitter.on('x', mine).emit('x');
    assert.deepEqual(seen.slice(3), ['kept', 'span']);
  });
}

test('a tracer that patches EventEmitter.prototype, below trackAll: sites as before', (t) => {
  const saved = Object.fromEntries(
    ['on', 'addListener', 'prependListener', 'once', 'off', 'removeListener'].map((key) => [
      key,
      EventEmitter.prototype[key],
    ]),
  );
  t.after(() => Object.assign(EventEmitter.prototype, saved));
  const { AsyncResource } = require('node:async_hooks');
  const { on } = EventEmitter.prototype;
  EventEmitter.prototype.on = EventEmitter.prototype.addListener = function (event, listener) {
    return on.call(this, event, Object.assign(AsyncResource.bind(listener), { listener }));
  };
  const tracker = trackAll({ emitters: true });
  const emitter = new EventEmitter();
  const listener = (value) => emitter.emit('y', value);
  (function crowd() {
    for (let i = 0; i < 9; i++) emitter.on('x', () => i);
    emitter.on('x', listener);
  })();
  emitter.off('x', listener);
  const source = tracker.report().emitters.find(({ events }) => events.some(({ count }) => count === 9));
  assert.deepEqual(
    source.events[0].sites.map((site) => site.function),
    ['crowd'],
  );
  tracker.stop();
});

test('more arguments than Node takes reach another make of emitter', () => {
  class WithContext extends EventEmitter {
    on(event, listener, context) {
      return super.on(event, context === undefined ? listener : listener.bind(context));
    }
  }
  const emitter = new WithContext();
  trackEmitter(emitter);
  const seen = [];
  emitter.on(
    'x',
    function () {
      seen.push(this);
    },
    'context',
  );
  emitter.emit('x');
  assert.deepEqual(seen.map(String), ['context']);
});

test('frozen and proxied event targets', (t) => {
  const all = trackAll({ eventTargets: true });
  t.after(() => all.stop());
  const frozen = new EventTarget();
  // Newer Nodes make room for listeners with the first one: to one that was frozen before they add none.
  frozen.addEventListener('x', () => {});
  Object.freeze(frozen);
  assert.throws(() => trackEventTarget(frozen), { code: 'ERR_PLIMSOLL_EVENT_TARGET', message: /frozen/ });
  for (let i = 0; i < 8; i++) frozen.addEventListener('x', () => i);
  assert.ok(
    all.report().eventTargets.some(({ events }) => events.some(({ event, count }) => event === 'x' && count === 9)),
  );
  const refuses = new Proxy(new EventTarget(), { defineProperty: () => false });
  assert.throws(() => trackEventTarget(refuses), { code: 'ERR_PLIMSOLL_EVENT_TARGET' });
  const { signal } = new AbortController();
  // Node refuses these, before us and with us.
  assert.throws(() => signal.addEventListener(Symbol('s'), () => {}), TypeError);
  assert.throws(() => EventTarget.prototype.addEventListener.call({}, 'x', () => {}), { code: 'ERR_INVALID_THIS' });
});

test('domain and AsyncLocalStorage see what they saw', async (t) => {
  const { AsyncLocalStorage } = require('node:async_hooks');
  const tracker = trackAll();
  t.after(() => tracker.stop());
  const storage = new AsyncLocalStorage();
  const store = await storage.run('request 7', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return storage.getStore();
  });
  assert.equal(store, 'request 7');
  const domain = require('node:domain').create();
  t.after(() => domain.exit());
  const caught = new Promise((resolve) => domain.on('error', resolve));
  const emitter = new EventEmitter();
  domain.add(emitter);
  emitter.emit('error', new Error('in the domain'));
  assert.equal((await caught).message, 'in the domain');
});

test('a promise, a stream that throws when it is looked at is let go, and the others are watched', (t) => {
  const tracker = trackAll({ promises: true, resources: true });
  t.after(() => tracker.stop());
  class Hostile extends Promise {
    get [Symbol.toStringTag]() {
      throw new Error('no tag');
    }
  }
  const kept = [];
  function hostile() {
    kept.push(new Hostile(() => {}));
  }
  function waits() {
    kept.push(new Promise(() => {}));
  }
  // After a quiet tick each is sampled.
  observe();
  observe();
  for (let i = 0; i < 10; i++) {
    hostile();
    waits();
  }
  const stream = new Readable({ read() {} }).on('data', () => {});
  Object.defineProperty(stream, 'destroyed', {
    get() {
      throw new Error('no state');
    },
  });
  observe(performance.now() + 6000);
  const { promises, resources } = tracked();
  // From Node 24 on util.inspect does not read the tag, so that the hostile one can be inspected and is reported.
  const sites = promises.sites.filter(({ file }) => file === __filename).map((site) => site.function);
  assert.deepEqual(
    sites.filter((name) => name !== 'Hostile'),
    ['waits'],
  );
  assert.deepEqual(resources.streams, []);
});

test('where no stack can be captured, whatever is tracked goes on', async (t) => {
  const tracker = trackAll();
  const original = globalThis.Error;
  t.after(() => {
    globalThis.Error = original;
    tracker.stop();
  });
  globalThis.Error = new Proxy(original, {
    getOwnPropertyDescriptor() {
      throw new RangeError('no stack');
    },
  });
  const emitter = new TrackedEventEmitter().on('x', () => {}).prependListener('x', () => {});
  clearTimeout(setTimeout(() => {}, 1));
  clearInterval(setInterval(() => {}, 1));
  await Promise.all([new Promise((resolve) => setImmediate(resolve)), timersPromises.setTimeout(1)]);
  assert.equal(emitter.listenerCount('x'), 2);
});
