'use strict';
// withDeadline: a store of Keyv that settles in bounded time. Its timers are the test's, so nothing waits.

const test = require('node:test');
const assert = require('node:assert/strict');
const { KeyvStore, withDeadline } = require('../../lib/adapters/keyv.js');
const deadline = require('../../lib/adapters/deadline.js');
const { BoundedMap } = require('../..');

const TIMEOUT = { code: 'ERR_PLIMSOLL_TIMEOUT' };

/** Timers that fire when the test says so. */
class Timers {
  #timers = new Map();
  #now = 0;

  setTimeout = (run, ms) => {
    const timer = { unref() {} };
    this.#timers.set(timer, { run, at: this.#now + ms });
    return timer;
  };

  clearTimeout = (timer) => this.#timers.delete(timer);

  get pending() {
    return this.#timers.size;
  }

  advance(ms) {
    this.#now += ms;
    for (const [timer, { run, at }] of this.#timers) {
      if (at > this.#now) continue;
      this.#timers.delete(timer);
      run();
    }
  }
}

/** A store with private state, whose answers wait while it stands still. */
class Store {
  #cache = new Map();
  #waiting = [];
  sent = 0;
  still = false;

  #answer(value) {
    this.sent++;
    return this.still ? new Promise((resolve) => this.#waiting.push(() => resolve(value))) : Promise.resolve(value);
  }

  get(key) {
    return this.#answer(this.#cache.get(key));
  }

  set(key, value) {
    return this.#answer(this.#cache.set(key, value).size > 0);
  }

  clear() {
    return this.#answer(this.#cache.clear());
  }

  continue() {
    this.still = false;
    for (const answer of this.#waiting.splice(0)) answer();
  }
}

function make() {
  const [store, timers] = [new Store(), new Timers()];
  return { store, timers, bounded: deadline.withDeadline(store, { timeout: 100, retryAfter: 1000 }, timers) };
}

test('what settles in time is passed on, and leaves no timer', async () => {
  const { timers, bounded } = make();
  assert.equal(await bounded.set('a', 1), true);
  assert.equal(await bounded.get('a'), 1);
  assert.equal(await bounded.get('b'), undefined);
  assert.equal(timers.pending, 0);
});

test('requests to a store that stands still fail in time, then at once, and one finds that it is back', async () => {
  const { store, timers, bounded } = make();
  await bounded.set('a', 1);
  store.still = true;
  const first = [bounded.get('a'), bounded.get('a'), bounded.set('b', 2)];
  timers.advance(100);
  for (const request of first) await assert.rejects(request, TIMEOUT);
  const { sent } = store;
  for (let i = 0; i < 50; i++) await assert.rejects(bounded.get('a'), TIMEOUT);
  assert.equal(store.sent, sent, 'nothing is sent meanwhile');
  timers.advance(1000);
  const probe = bounded.get('a');
  await assert.rejects(bounded.get('a'), TIMEOUT);
  assert.equal(store.sent, sent + 1, 'one is sent');
  timers.advance(100);
  await assert.rejects(probe, TIMEOUT);
  store.continue();
  await assert.rejects(bounded.get('a'), TIMEOUT);
  timers.advance(1000);
  assert.equal(await bounded.get('a'), 1);
  assert.deepEqual(await Promise.all([bounded.get('a'), bounded.get('b')]), [1, 2]);
  assert.equal(timers.pending, 0);
});

test('an error of the store is an answer', async () => {
  const { store, timers, bounded } = make();
  store.get = () => Promise.reject(new Error('no such command'));
  for (let i = 0; i < 3; i++) await assert.rejects(bounded.get('a'), { message: 'no such command' });
  store.still = true;
  const late = bounded.set('a', 1);
  timers.advance(100);
  await assert.rejects(late, TIMEOUT);
  timers.advance(1000);
  await assert.rejects(bounded.get('a'), { message: 'no such command' });
  assert.equal(timers.pending, 0);
  store.continue();
  assert.equal(await bounded.set('a', 1), true, 'it answers again, so requests are sent');
});

test('what is no request of a key is the own of the store: fields, namespace, clear', async () => {
  const { store, timers, bounded } = make();
  bounded.namespace = 'users';
  assert.equal(store.namespace, 'users');
  store.still = true;
  const cleared = bounded.clear();
  timers.advance(10_000);
  store.continue();
  assert.equal(await cleared, undefined);
  const ours = withDeadline(new KeyvStore(new BoundedMap({ max: 2 })));
  assert.deepEqual(ours.opts, { dialect: 'redis' });
  assert.equal(await ours.set('a', 1), true);
  assert.equal(await ours.get('a'), 1);
});

test('bad options are refused by name', () => {
  const store = new Map();
  const code = 'ERR_PLIMSOLL_OPTION';
  assert.throws(() => withDeadline(undefined), { code, message: /a store of Keyv/ });
  assert.throws(() => withDeadline(store, { timeout: 0 }), { code, message: /options\.timeout/ });
  assert.throws(() => withDeadline(store, { retryAfter: Infinity }), { code, message: /options\.retryAfter/ });
  assert.throws(() => withDeadline(store, { timeOut: 1 }), { code, message: /timeOut/ });
});
