'use strict';
// WeakValueMap against a model: values are let go and collected at any step, finalizers and the steps of the sweep come
// late, iterators stay open, keys are set again over values that were collected.

const assert = require('node:assert/strict');
const fc = require('fast-check');
const { KINDS, key, makeKeys, timers, weak } = require('../adversary.js');
const { work } = require('../seams.js');

const inner = fc.record({ op: fc.constantFrom('set', 'delete', 'collect', 'clear'), key });
const anyStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constantFrom('set', 'get', 'has', 'delete', 'getOrInsert'), key }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('getOrInsertComputed'), key, calls: fc.option(inner, { nil: null }) }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('letGo'), which: fc.nat({ max: 20 }) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('collect', 'finalize', 'open') }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('next'), iterator: fc.nat({ max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('timer'), ms: fc.constantFrom(1, 2, 20) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('clear', 'fill', 'sweepAll', 'leave'), key }) },
);

const program = fc.record({
  keys: fc.constantFrom(...KINDS),
  steps: fc.array(anyStep, { maxLength: 70, size: 'max' }),
});

/** Keys of `fill`: more than one step of a sweep looks at. The copy of the package has smaller steps. */
const MANY = 90;
/** Turns of the event loop in which a sweep ends. */
const TURNS = 300;
/** Work of a step for each entry, and beside that. */
const WORK_OF_ENTRY = 4;
const WORK_OF_STEP = 100;

class Run {
  /** What the program holds: other values are collected. @type {Set<object>} */
  held = new Set();
  /** Key -> { value, born }: `born` counts the insertions. */
  entries = new Map();
  hits = 0;
  misses = 0;
  inserted = 0;
  lastFill = 0;
  iterators = [];

  constructor(pack, { keys }) {
    this.keys = makeKeys(keys);
    this.map = new pack.WeakValueMap();
  }

  make() {
    const value = { born: this.inserted };
    this.held.add(value);
    return value;
  }

  put(given, value) {
    const at = given === 0 ? 0 : given;
    const entry = this.entries.get(at);
    if (entry === undefined) this.entries.set(at, { value, born: ++this.inserted });
    else entry.value = value;
  }

  look(given) {
    const value = this.entries.get(given)?.value;
    this[value === undefined ? 'misses' : 'hits']++;
    return value;
  }

  set({ key: number }) {
    const value = this.make();
    this.map.set(this.keys[number], value);
    this.put(this.keys[number], value);
  }

  get({ key: number }) {
    assert.equal(this.map.get(this.keys[number]), this.look(this.keys[number]));
  }

  has({ key: number }) {
    assert.equal(this.map.has(this.keys[number]), this.entries.has(this.keys[number]));
  }

  delete({ key: number }) {
    assert.equal(this.map.delete(this.keys[number]), this.entries.delete(this.keys[number]));
  }

  getOrInsert({ key: number }) {
    const value = this.make();
    const expected = this.look(this.keys[number]);
    assert.equal(this.map.getOrInsert(this.keys[number], value), expected ?? value);
    if (expected === undefined) this.put(this.keys[number], value);
  }

  getOrInsertComputed({ key: number, calls }) {
    const expected = this.look(this.keys[number]);
    let value;
    const result = this.map.getOrInsertComputed(this.keys[number], () => {
      if (calls !== null) this[calls.op](calls);
      value = this.make();
      return value;
    });
    assert.equal(result, expected ?? value);
    if (expected === undefined) this.put(this.keys[number], value);
  }

  letGo({ which }) {
    const all = [...this.held];
    this.held.delete(all[which % all.length]);
  }

  collect() {
    weak.collect((target) => target === this.map || this.held.has(target));
    for (const [given, { value }] of this.entries) if (!this.held.has(value)) this.entries.delete(given);
  }

  finalize() {
    weak.finalize();
  }

  timer({ ms }) {
    timers.advance(ms);
  }

  clear() {
    this.map.clear();
    this.entries.clear();
  }

  fill() {
    for (let count = 0; count < MANY; count++) {
      const value = this.make();
      const given = `filled ${++this.lastFill}`;
      this.map.set(given, value);
      this.put(given, value);
      if (count % 30 !== 0) this.held.delete(value);
    }
  }

  /** After the sweep that follows a collection nothing is left of what died. */
  sweepAll() {
    this.finalize();
    for (let turn = 0; turn < TURNS; turn++) timers.advance(5);
    assert.equal(this.map.size, this.entries.size, 'entries that a whole sweep left');
    assert.equal(this.map.stats().size, this.entries.size);
  }

  open() {
    this.iterators.push({ real: this.map.entries(), from: null, seen: new Set(), ended: false });
  }

  leave() {
    const iterator = this.iterators.pop();
    if (iterator !== undefined) assert.equal(iterator.real.return().done, true);
  }

  next({ iterator: number }) {
    const iterator = this.iterators[number % this.iterators.length];
    if (iterator === undefined) return;
    // A generator begins at its first step.
    iterator.from ??= this.inserted;
    const { value, done } = iterator.real.next();
    if (iterator.ended) return assert.equal(done, true);
    if (!done) return this.checkShown(iterator, value);
    iterator.ended = true;
    for (const [given, { born }] of this.entries)
      assert.ok(born > iterator.from || iterator.seen.has(born), `an iterator passed over ${String(given)}`);
  }

  checkShown({ seen }, [given, value]) {
    const entry = this.entries.get(given);
    assert.equal(entry?.value, value, 'what an iterator shows is there');
    assert.ok(!seen.has(entry.born), `an iterator showed ${String(given)} twice`);
    seen.add(entry.born);
  }

  check() {
    const { map } = this;
    const shown = new Map(map);
    assert.deepEqual(
      new Map(Array.from(shown, ([given, { born }]) => [given, born])),
      new Map(Array.from(this.entries, ([given, { value }]) => [given, value.born])),
    );
    const { size, hits, misses } = map.stats();
    assert.deepEqual([hits, misses, size], [this.hits, this.misses, map.size]);
    assert.ok(map.size >= this.entries.size);
  }
}

async function run(pack, given) {
  const state = new Run(pack, given);
  for (const each of given.steps) {
    const before = state.map.size;
    work.begin();
    state[each.op](each);
    const sweeps = each.op === 'sweepAll' ? TURNS : 1;
    assert.ok(
      work.done <= WORK_OF_ENTRY * sweeps * (before + WORK_OF_STEP),
      `${each.op} of ${before} entries did ${work.done} units of work`,
    );
    state.check();
  }
  return given.steps.length;
}

module.exports = { name: 'weak-value-map', program, run, slice: 40 };
