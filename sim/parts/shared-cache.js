'use strict';
// SharedCache against a Map of bytes: views of all kinds, buffers that are transferred before and after, a clock that
// moves, computations that many callers share and that fail. The store is large enough that nothing is evicted.

const assert = require('node:assert/strict');
const fc = require('fast-check');
const { Thrown, attempt } = require('../adversary.js');

const key = fc.nat({ max: 5 }).map((n) => `key ${n}`);
const length = fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(8191, 8192, 8193, 20_000));
const ttl = fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined });
const anyStep = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('set'),
      key,
      length,
      ttl,
      view: fc.constantFrom('Buffer', 'Uint8Array', 'DataView', 'string', 'detached'),
    }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('get'), key, transfers: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('getInto', 'has', 'delete', 'value'), key, length }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('wait'), ms: fc.nat({ max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('clear', 'purgeExpired', 'keys') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('compute'),
      key,
      length,
      callers: fc.integer({ min: 1, max: 6 }),
      how: fc.constantFrom('at once', 'later', 'throws', 'rejects', 'detached'),
      meanwhile: fc.constantFrom('nothing', 'set', 'delete'),
    }),
  },
);
const program = fc.record({ steps: fc.array(anyStep, { maxLength: 40, size: 'max' }) });

const MAX_BYTES = 2 ** 24;

const detached = () => {
  const bytes = new Uint8Array(8);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
};

/** The store's time goes on from one program to the next: the thread that removes expired entries may still have a
 * reading of the last one. */
let time = 1000;

class Run {
  now = time;
  entries = new Map();
  last = 0;

  constructor({ SharedCache }) {
    this.cache = new SharedCache('simulation', { maxBytes: MAX_BYTES, clock: () => this.now });
    this.cache.clear();
  }

  bytes(size) {
    return Buffer.alloc(size, ++this.last % 250);
  }

  live(given) {
    const entry = this.entries.get(given);
    return entry !== undefined && entry.end > this.now ? entry : undefined;
  }

  put(given, bytes, life = Infinity) {
    this.entries.set(given, { bytes: Buffer.from(bytes), end: this.now + life });
  }

  set({ key: given, length: size, ttl: life, view }) {
    const bytes = this.bytes(size);
    const options = life === undefined ? undefined : { ttl: life };
    if (view === 'detached') {
      const { error } = attempt(() => this.cache.set(given, detached(), options));
      assert.equal(error?.code, 'ERR_PLIMSOLL_VALUE');
      return;
    }
    const views = {
      Buffer: () => bytes,
      Uint8Array: () => new Uint8Array(bytes),
      DataView: () => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      string: () => bytes.fill(97).toString(),
    };
    assert.equal(this.cache.set(given, views[view](), options), true);
    this.put(given, bytes, life);
    // What the caller does with its bytes afterwards is not seen.
    bytes.fill(255);
  }

  get({ key: given, transfers }) {
    const held = this.cache.get(given);
    const entry = this.live(given);
    this.checkBytes(held, entry?.bytes);
    if (transfers && held !== undefined) structuredClone(held, { transfer: [held.buffer] });
  }

  /** A result has its memory for itself. */
  checkBytes(held, expected) {
    assert.equal(held === undefined, expected === undefined, 'whether there is a value');
    if (held === undefined) return;
    assert.ok(Buffer.from(held).equals(expected), 'the bytes of a value');
    assert.equal(held.buffer.byteLength, held.byteLength, 'the memory of a value is its own');
  }

  getInto({ key: given, length: size }) {
    const into = Buffer.alloc(size);
    const read = this.cache.getInto(given, into);
    const entry = this.live(given);
    assert.equal(read, entry?.bytes.length);
    if (read !== undefined && read <= size) assert.ok(into.subarray(0, read).equals(entry.bytes));
  }

  has({ key: given }) {
    assert.equal(this.cache.has(given), this.live(given) !== undefined);
  }

  delete({ key: given }) {
    const isLive = this.live(given) !== undefined;
    this.entries.delete(given);
    assert.equal(this.cache.delete(given), isLive);
  }

  /** Views in a value share no memory with each other nor with the store. */
  value({ key: given, length: size }) {
    const bytes = this.bytes(size);
    this.cache.setValue(given, { one: bytes, two: new Uint8Array(bytes), map: new Map([[1, given]]) });
    const { one, two, map } = this.cache.getValue(given);
    assert.ok(bytes.equals(one) && bytes.equals(two));
    assert.equal(map.get(1), given);
    assert.notEqual(one.buffer, two.buffer);
    this.cache.delete(given);
    this.entries.delete(given);
  }

  wait({ ms }) {
    this.now += ms;
    time = this.now;
  }

  clear() {
    this.cache.clear();
    this.entries.clear();
  }

  purgeExpired() {
    const ended = [...this.entries.keys()].filter((given) => this.live(given) === undefined);
    // Some of them went when they were asked for.
    assert.ok(this.cache.purgeExpired() <= ended.length, 'an entry was purged that has not ended');
    for (const given of ended) this.entries.delete(given);
  }

  keys() {
    const live = [...this.entries.keys()].filter((given) => this.live(given) !== undefined);
    assert.deepEqual([...this.cache.keys()].toSorted(), live.toSorted());
  }

  /** All callers of one turn share one computation; what was set or deleted meanwhile stays. */
  async compute({ key: given, length: size, callers, how, meanwhile }) {
    const before = this.live(given)?.bytes;
    const bytes = this.bytes(size);
    const error = new Thrown('compute');
    let computed = 0;
    const compute = () => {
      computed++;
      if (how === 'throws') throw error;
      if (how === 'rejects') return Promise.reject(error);
      if (how === 'detached') return detached();
      return how === 'at once' ? bytes : Promise.resolve(bytes);
    };
    const calls = Array.from({ length: callers }, () => this.cache.getOrCompute(given, compute));
    if (meanwhile === 'set' && before === undefined) this.set({ key: given, length: 3, view: 'Buffer' });
    if (meanwhile === 'delete' && before === undefined) this.delete({ key: given });
    const results = await Promise.allSettled(calls);
    if (before !== undefined) {
      assert.equal(computed, 0);
      for (const { value } of results) this.checkBytes(value, before);
      return;
    }
    // A computation that has failed before the next caller asks is made again.
    const most = how === 'throws' || how === 'detached' ? callers : 1;
    assert.ok(computed >= 1 && computed <= most, `${callers} callers had ${computed} computations`);
    const fails = how === 'throws' || how === 'rejects' || how === 'detached';
    for (const { status, value, reason } of results) {
      assert.equal(status, fails ? 'rejected' : 'fulfilled');
      if (!fails) this.checkBytes(value, bytes);
      else if (how !== 'detached') assert.equal(reason, error);
      else assert.equal(reason.code, 'ERR_PLIMSOLL_VALUE');
    }
    assert.equal(new Set(results.map(({ value }) => value?.buffer)).size, fails ? 1 : callers);
    if (!fails && meanwhile === 'nothing') this.put(given, bytes);
  }

  check() {
    this.keys();
    for (const [given, { bytes, end }] of this.entries)
      if (end > this.now)
        assert.equal(Buffer.from(this.cache.get(given)).equals(bytes), true, 'the bytes of each entry');
  }
}

async function run(pack, { steps }) {
  const state = new Run(pack);
  for (const each of steps) {
    await state[each.op](each);
    // The check reads the time: after a wait the next operation must do so itself.
    if (each.op !== 'wait') state.check();
  }
  return steps.length;
}

module.exports = { name: 'shared-cache', program, run };
