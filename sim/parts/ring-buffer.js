'use strict';
// RingBuffer against an array: pushes with sizes, throwing and re-entrant sizeOf, iterators left open, slices whose
// indices change the buffer.

const assert = require('node:assert/strict');
const fc = require('fast-check');
const { Thrown, Values, attempt } = require('../adversary.js');
const { work } = require('../seams.js');

const index = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(undefined, 2.7, -0.5));
const push = fc.record({ op: fc.constant('push'), bytes: fc.nat({ max: 9 }) });
const step = fc.oneof(
  { weight: 8, arbitrary: push },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('push'),
      bytes: fc.nat({ max: 9 }),
      sizeOf: fc.constantFrom('throws', 'negative', 'pushes', 'clears'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('slice'), start: index, end: index }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('slice'),
      start: index,
      end: index,
      converts: fc.constantFrom('clears', 'pushes'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('at'), index }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('open', 'clear') }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('next', 'leave'), iterator: fc.nat({ max: 3 }) }) },
);

const program = fc.record({
  options: fc.record({
    capacity: fc.integer({ min: 1, max: 8 }),
    maxBytes: fc.option(fc.integer({ min: 1, max: 24 })),
  }),
  steps: fc.array(step, { maxLength: 60, size: 'max' }),
  collects: fc.oneof({ weight: 29, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

/** The plain model: values with the number of their push. */
class Model {
  items = [];
  pushed = 0;
  removed = 0;
  dropped = 0;
  cleared = 0;

  constructor({ capacity, maxBytes }) {
    this.capacity = capacity;
    this.maxBytes = maxBytes ?? Infinity;
  }
  get bytes() {
    return this.items.reduce((sum, { bytes }) => sum + bytes, 0);
  }
  push(value, bytes) {
    if (bytes > this.maxBytes) this.dropped++;
    else {
      while (this.items.length === this.capacity || this.bytes + bytes > this.maxBytes) {
        this.items.shift();
        this.removed++;
        this.dropped++;
      }
      this.items.push({ id: value.id, bytes, at: this.pushed++ });
    }
    return this.items.length;
  }
  clear() {
    this.removed += this.items.length;
    this.items = [];
    this.cleared++;
  }
  open() {
    return { next: null, cleared: null, ended: false };
  }
  next(iterator) {
    // A generator begins at its first step.
    iterator.cleared ??= this.cleared;
    iterator.next ??= this.items[0]?.at ?? this.pushed;
    const item = this.items.find(({ at }) => at >= iterator.next);
    if (iterator.ended || iterator.cleared !== this.cleared || item === undefined) iterator.ended = true;
    else iterator.next = item.at + 1;
    return iterator.ended ? undefined : item.id;
  }
}

class Run {
  values = new Values();
  iterators = [];
  sized = null;
  pushes = 0;

  constructor({ RingBuffer }, options) {
    this.model = new Model(options);
    const { capacity, maxBytes } = options;
    this.ring = new RingBuffer(
      maxBytes === null ? { capacity } : { capacity, maxBytes, sizeOf: (value) => this.sizeOf(value) },
    );
  }

  sizeOf(value) {
    const how = this.sized;
    this.sized = null;
    if (how === 'throws') throw new Thrown('sizeOf');
    if (how === 'negative') return -1;
    if (how === 'pushes') this.push({ bytes: 1 });
    if (how === 'clears') this.clear();
    return value.bytes;
  }

  push({ bytes, sizeOf = null }) {
    const { model, ring } = this;
    this.pushes++;
    const measured = model.maxBytes !== Infinity;
    const value = this.values.make({ bytes });
    this.sized = sizeOf;
    const { value: length, error } = attempt(() => ring.push(value));
    if (measured && sizeOf === 'throws') assert.ok(error instanceof Thrown, String(error));
    else if (measured && sizeOf === 'negative') assert.equal(error?.code, 'ERR_PLIMSOLL_SIZE');
    else {
      assert.equal(error, undefined);
      assert.equal(length, model.push(value, measured ? bytes : 0));
    }
  }

  clear() {
    this.ring.clear();
    this.model.clear();
  }

  slice({ start, end, converts }) {
    const change = () => (converts === 'clears' ? this.clear() : this.push({ bytes: 1 }));
    const begin = converts === undefined ? start : { valueOf: () => (change(), start ?? 0) };
    const sliced = this.ring.slice(begin, end);
    const all = this.model.items.map(({ id }) => id);
    assert.deepEqual(
      sliced.map(({ id }) => id),
      all.slice(start, end),
    );
    if (converts === undefined)
      assert.ok(work.done <= 2 * sliced.length + 2, `slice of ${sliced.length} did ${work.done} units of work`);
  }

  at({ index: given }) {
    assert.equal(this.ring.at(given)?.id, this.model.items.map(({ id }) => id).at(given ?? 0));
  }

  open() {
    this.iterators.push([this.ring.values(), this.model.open()]);
  }

  next({ iterator }) {
    const [real, expected] = this.iterators[iterator % this.iterators.length] ?? [];
    if (real === undefined) return;
    const { value, done } = real.next();
    const id = this.model.next(expected);
    assert.equal(done, id === undefined);
    assert.equal(value?.id, id);
  }

  leave({ iterator }) {
    const [real, expected] = this.iterators[iterator % this.iterators.length] ?? [];
    if (real === undefined) return;
    real.return();
    expected.ended = true;
  }

  check() {
    const { ring, model } = this;
    const { size, bytes, evictions } = ring.stats();
    assert.deepEqual(
      ring.toJSON().map(({ id }) => id),
      model.items.map(({ id }) => id),
    );
    assert.deepEqual([ring.length, size], [model.items.length, model.items.length]);
    assert.deepEqual([ring.bytes, bytes], [model.bytes, model.bytes]);
    assert.deepEqual([ring.dropped, evictions], [model.dropped, model.dropped]);
  }
}

/** Work of a push: what it drops. The columns grow as an array does, which V8 counts itself. */
async function run(pack, { options, steps, collects }) {
  const state = new Run(pack, options);
  let pushWork = 0;
  for (const each of steps) {
    work.begin();
    state[each.op](each);
    if (each.op === 'push') {
      pushWork += work.done;
    }
    state.check();
  }
  assert.ok(pushWork <= state.pushes, `${state.pushes} pushes did ${pushWork} units of work`);
  if (collects) await state.values.checkReleased(new Set(state.model.items.map(({ id }) => id)));
  return steps.length;
}

module.exports = { name: 'ring-buffer', program, run };
