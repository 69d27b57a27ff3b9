'use strict';
// TrackedEventEmitter wherever an EventEmitter is used; and what many emitters take.
const test = require('node:test');
const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const util = require('node:util');
const { TrackedEventEmitter, trackAll, trackEmitter, trackEventTarget, tracked } = require('../..');

/** Each way to make an emitter of a class. @type {Record<string, (Base: any) => any>} */
const WAYS = {
  new: (Base) => new Base(),
  extends: (Base) => new (class extends Base {})(),
  'util.inherits and call': (Base) => {
    function Old() {
      Base.call(this);
    }
    util.inherits(Old, Base);
    return new Old();
  },
  'Object.create and call': (Base) => {
    const made = Object.create(Base.prototype);
    Base.call(made);
    return made;
  },
  'Object.assign of the prototype': (Base) => Object.assign({}, Base.prototype),
  'Object.assign of the prototype to a function': (Base) => Object.assign(() => {}, Base.prototype),
  'call on an object, Object.assign': (Base) => {
    const made = { ...Base.prototype };
    Base.call(made);
    return made;
  },
};

function behave(emitter) {
  const calls = [];
  emitter.on('x', (value) => calls.push(['on', value]));
  emitter.once('x', (value) => calls.push(['once', value]));
  emitter.prependListener('x', (value) => calls.push(['first', value]));
  emitter.prependOnceListener('x', (value) => calls.push(['first once', value]));
  calls.push(emitter.emit('x', 1), emitter.emit('x', 2), emitter.emit('y'));
  calls.push(
    emitter.listenerCount('x'),
    emitter.listeners('x').length,
    emitter.rawListeners('x').length,
    emitter.eventNames(),
  );
  calls.push(emitter.setMaxListeners(7) === emitter, emitter.getMaxListeners());
  calls.push(
    emitter.off('x', calls.push) === emitter,
    emitter.removeAllListeners('x') === emitter,
    emitter.listenerCount('x'),
  );
  try {
    emitter.emit('error', new RangeError('no listener'));
  } catch (error) {
    calls.push(error.message);
  }
  return calls;
}

for (const [way, make] of Object.entries(WAYS)) {
  test(`${way}: works as with EventEmitter, and is tracked`, () => {
    assert.deepEqual(behave(make(TrackedEventEmitter)), behave(make(EventEmitter)));
    const emitter = make(TrackedEventEmitter);
    const event = `by ${way}`;
    emitter.on(event, () => {}).on(event, () => {});
    const found = tracked()
      .emitters.flatMap(({ events }) => events)
      .find(({ event: name }) => name === event);
    assert.deepEqual([found.count, found.added, found.sites[0].file], [2, 2, __filename]);
  });
}

test('the class has what EventEmitter has', () => {
  const plain = Object.keys(EventEmitter.prototype).toSorted();
  assert.deepEqual(Object.keys(TrackedEventEmitter.prototype).toSorted(), plain);
  for (const key of plain) {
    const wrapped = ['on', 'addListener', 'prependListener'].includes(key);
    assert.equal(TrackedEventEmitter.prototype[key] === EventEmitter.prototype[key], !wrapped, key);
    assert.equal(TrackedEventEmitter.prototype[key]?.length, EventEmitter.prototype[key]?.length, key);
  }
  assert.deepEqual(
    [TrackedEventEmitter.name, TrackedEventEmitter.length, TrackedEventEmitter.defaultMaxListeners],
    ['TrackedEventEmitter', 1, EventEmitter.defaultMaxListeners],
  );
  const emitter = new TrackedEventEmitter();
  assert.ok(emitter instanceof EventEmitter && emitter.constructor === TrackedEventEmitter);
  assert.deepEqual(Object.keys(emitter).toSorted(), Object.keys(new EventEmitter()).toSorted());
  assert.equal(util.types.isProxy(emitter), false);
});

test('a patch of EventEmitter.prototype, and of one emitter or its class, reaches it', (t) => {
  const { emit } = EventEmitter.prototype;
  t.after(() => (EventEmitter.prototype.emit = emit));
  const seen = [];
  EventEmitter.prototype.emit = function (...args) {
    seen.push('prototype');
    return Reflect.apply(emit, this, args);
  };
  class Own extends TrackedEventEmitter {}
  const emitter = new Own();
  emitter.emit('x');
  Own.prototype.emit = () => seen.push('class');
  emitter.emit('x');
  emitter.emit = () => seen.push('own');
  emitter.emit('x');
  new TrackedEventEmitter().emit('x');
  assert.deepEqual(seen, ['prototype', 'class', 'own', 'prototype']);
});

test('options of unknown names and of a wrong kind are refused, at construction and at a call', () => {
  for (const options of [{ nmae: 'x' }, { name: 7 }, { captureRejections: 'yes' }, 'bus', 7]) {
    assert.throws(() => new TrackedEventEmitter(options), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
    assert.throws(() => TrackedEventEmitter.call({}, options), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
  }
  for (const options of [undefined, null, {}, { name: undefined }, { captureRejections: true, name: 'bus' }])
    assert.doesNotThrow(() => new TrackedEventEmitter(options));
});

function revoked() {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

test('a revoked proxy is refused, or given up, with a code', () => {
  const options = { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' };
  assert.throws(() => trackEmitter(revoked()), { name: 'TypeError', code: 'ERR_PLIMSOLL_EMITTER' });
  assert.throws(() => trackEventTarget(revoked()), { name: 'TypeError', code: 'ERR_PLIMSOLL_EVENT_TARGET' });
  assert.throws(() => trackEmitter(new EventEmitter(), revoked()), options);
  assert.throws(() => trackAll(revoked()), options);
  assert.throws(() => new TrackedEventEmitter(revoked()), options);
  const { proxy, revoke } = Proxy.revocable(new EventEmitter(), {});
  const tracker = trackEmitter(proxy);
  proxy.on('x', () => {});
  revoke();
  assert.throws(() => tracker.report(), { name: 'TypeError', code: 'ERR_PLIMSOLL_EMITTER', message: /revoked/ });
  tracker.stop();
});

test('thousands of emitters with a listener each: those beyond 2,048 take little, and a crowd among them is listed', () => {
  const program = `
    const { EventEmitter } = require('node:events');
    const { TrackedEventEmitter, trackEmitter, tracked } = require(${JSON.stringify(path.join(__dirname, '../..'))});
    const MAKE = { plain: () => new EventEmitter(), tracked: () => new TrackedEventEmitter(), one: () => { const emitter = new EventEmitter(); trackEmitter(emitter); return emitter; } };
    const bytes = {};
    const kept = [];
    for (const [kind, make] of Object.entries(MAKE)) {
      for (let i = 0; i < 3000; i++) kept.push(make().on('x', () => i));
      gc();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < 20_000; i++) kept.push(make().on('x', () => i));
      gc();
      bytes[kind] = (process.memoryUsage().heapUsed - before) / 20_000;
    }
    const crowd = new TrackedEventEmitter();
    for (let i = 0; i < 9; i++) crowd.on('late crowd', () => i);
    const named = new TrackedEventEmitter({ name: 'late name' }).on('x', () => {});
    const { emitters } = tracked();
    const events = emitters.flatMap(({ events }) => events);
    console.log(JSON.stringify({ bytes, listed: emitters.length, crowd: events.find(({ event }) => event === 'late crowd')?.count, named: emitters.find(({ name }) => name === 'late name')?.events[0].count, kept: kept.length + named.listenerCount('x') }));
  `;
  const { bytes, listed, crowd, named } = JSON.parse(
    execFileSync(process.execPath, ['--expose-gc', '-e', program], { encoding: 'utf8' }),
  );
  assert.ok(listed <= 2048, `${listed} listed`);
  assert.deepEqual([crowd, named], [9, 1]);
  assert.ok(bytes.tracked < 1.5 * bytes.plain, JSON.stringify(bytes));
  assert.ok(bytes.one < 3.5 * bytes.plain, JSON.stringify(bytes));
});
