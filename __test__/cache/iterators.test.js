'use strict';
// Iterators of a BoundedMap, left open in every state, beside those of a Map that has the same entries.
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const v8 = require('node:v8');
const vm = require('node:vm');
const fc = require('../helpers/fast-check.js');
const { BoundedMap } = require('../..');
const { structureOf } = require('../../lib/cache/bounded-map.js');
const { Order, Cursor, NONE } = require('../../lib/cache/lru-cache/order.js');
const { InsertionOrder, NONE: NO_SLOT } = require('../../lib/cache/insertion-order.js');
const { sweep } = require('../../lib/cache/sweeper.js');
const { checkStructure } = require('../helpers/cache-structure.js');

const KINDS = ['entries', 'keys', 'values'];

/** A BoundedMap, a Map that follows it through onEvict, and the iterators of both that are open. */
class Pair {
  now = 0;
  theirs = new Map();
  ends = new Map();
  open = [];

  constructor(options) {
    const onEvict = (value, key, reason) => {
      if (reason !== 'set') this.theirs.delete(key);
    };
    this.ours = new BoundedMap({ ...options, clock: () => this.now, onEvict });
  }
  set(key, ttl) {
    const value = { key };
    this.ours.set(key, value, ttl && { ttl });
    this.theirs.set(key, value);
    this.ends.set(value, ttl === undefined ? Infinity : this.now + ttl);
  }
  begin(kind) {
    this.open.push({ ours: this.ours[kind](), theirs: this.theirs.entries(), kind, ended: false });
  }
  /** What the Map's iterator gives; expired entries that are still in the map are passed over. */
  #expected(iterator) {
    if (iterator.ended) return { value: undefined, done: true };
    for (const [key, value] of { [Symbol.iterator]: () => ({ next: () => iterator.theirs.next() }) }) {
      if (this.ends.get(value) > this.now)
        return {
          value: iterator.kind === 'entries' ? [key, value] : iterator.kind === 'keys' ? key : value,
          done: false,
        };
    }
    iterator.ended = true;
    return { value: undefined, done: true };
  }
  next(at) {
    if (this.open.length === 0) return;
    const iterator = this.open[at % this.open.length];
    assert.deepEqual(iterator.ours.next(), this.#expected(iterator));
  }
  finish() {
    for (let at = 0; at < this.open.length; at++) while (!this.open[at].ended) this.next(at);
  }
}

const key = fc.integer({ min: 0, max: 9 }).map((n) => (n < 8 ? n : `key ${n}`));
const ttl = fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('set'), key, ttl) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('get', 'has', 'delete'), key) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('begin'), fc.constantFrom(...KINDS)) },
  { weight: 8, arbitrary: fc.tuple(fc.constant('next'), fc.nat(20)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('wait'), fc.integer({ min: 1, max: 8 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('purgeExpired', 'clear', 'sweep')) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('resize'), fc.integer({ min: 1, max: 8 })) },
);

function perform(pair, [name, ...given]) {
  if (name === 'wait') pair.now += given[0];
  else if (name === 'sweep') sweep();
  else if (pair[name] !== undefined) pair[name](...given);
  else pair.ours[name](...given);
}

for (const policy of ['lru', 'adaptive']) {
  test(`iterators in every state give what a Map's give, whatever is added, removed, evicted, expired or cleared (${policy})`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 120 }), (max, steps) => {
        const pair = new Pair({ max, policy });
        for (const each of steps) {
          perform(pair, each);
          checkStructure(pair.ours);
        }
        pair.finish();
      }),
      { numRuns: 1500 },
    );
  });

  test(`the same in a map of hundreds, with iterators far from both ends (${policy})`, () => {
    const bulk = fc.tuple(
      fc.constantFrom('fill', 'drop', 'use', 'evict', 'walk', 'walk', 'begin', 'resize'),
      fc.nat(400),
      fc.integer({ min: 1, max: 300 }),
    );
    fc.assert(
      fc.property(fc.array(bulk, { maxLength: 60 }), (steps) => {
        const pair = new Pair({ max: 400, policy });
        let fresh = 1000;
        const each = {
          fill: (from, count) => {
            for (let i = from; i < from + count; i++) pair.set(i);
          },
          drop: (from, count) => {
            for (let i = from; i < from + count; i += 2) pair.ours.delete(i);
          },
          use: (from, count) => {
            for (let i = from; i < from + count; i++) pair.ours.get(i);
          },
          evict: (from, count) => {
            for (let i = 0; i < count; i++) pair.set(fresh++);
          },
          // Each step removes what it was given, and adds: the place is lost at each.
          walk: (from, count) => {
            for (let i = 0; i < count && pair.open.length > 0; i++) {
              pair.next(from);
              if (i % 3 === 0) pair.ours.delete(pair.ours.keys().next().value);
              if (i % 2 === 0) pair.set(fresh++);
            }
          },
          begin: (from) => pair.begin(KINDS[from % 3]),
          resize: (from) => {
            for (const max of [Math.max(1, from), 400]) pair.ours.resize(max);
          },
        };
        for (const [name, from, count] of steps) each[name](from, count);
        checkStructure(pair.ours);
        pair.finish();
      }),
      { numRuns: 60 },
    );
  });
}

test('walks through an insertion order keep their places while slots come, go, are cleared and renumbered', () => {
  const SLOTS = 40;
  const change = fc.tuple(
    fc.constantFrom(
      'add',
      'add',
      'add',
      'replace',
      'replace',
      'remove',
      'drop',
      'next',
      'next',
      'begin',
      'clear',
      'move',
    ),
    fc.nat(SLOTS - 1),
    fc.integer({ min: 1, max: 60 }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 150 }), (changes) => {
      const order = new InsertionOrder();
      order.grow(SLOTS);
      const model = new Map(); // id -> slot, as a Map iterates
      const ids = new Map(); // slot -> id
      const open = [];
      let added = 0;
      const each = {
        add(slot) {
          if (ids.has(slot)) return;
          order.add(slot);
          ids.set(slot, ++added);
          model.set(added, slot);
        },
        remove(slot) {
          if (!ids.has(slot)) return;
          order.remove(slot);
          model.delete(ids.get(slot));
          ids.delete(slot);
        },
        replace(slot, count) {
          for (let i = 0; i < count; i++) {
            each.remove((slot + 7 * i) % SLOTS);
            each.add((slot + 7 * i) % SLOTS);
          }
        },
        drop(slot, count) {
          for (let i = 0; i < count; i++) each.remove((slot + i) % SLOTS);
        },
        begin: () => open.push({ era: order.begin(), place: 0, theirs: model.values(), ended: false }),
        next(at, count) {
          for (let i = 0; i < count && open.length > 0; i++) {
            const walk = open[at % open.length];
            if (walk.ended) return;
            walk.place = order.seek(walk.era, walk.place);
            walk.era = order.era;
            const slot = walk.place < order.end ? order.cells[walk.place++] : undefined;
            const { value, done } = walk.theirs.next();
            assert.equal(slot, value);
            walk.ended = done;
          }
        },
        clear() {
          order.clear();
          order.grow(SLOTS);
          model.clear();
          ids.clear();
        },
        move(by) {
          order.renumber(
            SLOTS,
            Array.from({ length: SLOTS }, (_, slot) => (slot + by) % SLOTS),
          );
          ids.clear();
          for (const [id, slot] of model) {
            model.set(id, (slot + by) % SLOTS);
            ids.set((slot + by) % SLOTS, id);
          }
        },
      };
      for (const [name, slot, count] of changes) {
        each[name](slot, count);
        assert.deepEqual([...order.slots()], [...model.values()]);
        assert.ok(order.start === order.end || order.cells[order.start] !== NO_SLOT, 'the first cell is in use');
      }
      for (let at = 0; at < open.length; at++) each.next(at, added + 1);
    }),
    { numRuns: 1500 },
  );
});

/** A walk gives nothing more that comes where the entry that it gave last has moved to the end, or another is in its slot. */
function stopBefore(walk, slots) {
  if (walk.limit === Infinity && walk.slot !== null && slots[walk.slot] > walk.last) walk.limit = slots[walk.slot] - 1;
}

test('an order whose numbers are used up numbers its entries again, and open cursors keep their places', () => {
  const change = fc.tuple(
    fc.constantFrom('add', 'add', 'remove', 'renew', 'next', 'next', 'begin', 'until', 'backwards', 'renumber'),
    fc.nat(7),
  );
  fc.assert(
    fc.property(fc.integer({ min: 9, max: 20 }), fc.array(change, { maxLength: 200 }), (largest, changes) => {
      const order = new Order(largest);
      order.grow(8);
      const model = new Map(); // id -> slot, in order
      const slots = Array.from({ length: 8 }, () => null); // the id of each slot
      const open = [];
      let ids = 0;
      const each = {
        add(slot) {
          if (slots[slot] !== null) return;
          order.add(slot);
          model.set((slots[slot] = ++ids), slot);
        },
        remove(slot) {
          if (slots[slot] === null) return;
          order.remove(slot);
          model.delete(slots[slot]);
          slots[slot] = null;
        },
        renew(slot) {
          if (slots[slot] === null) return;
          order.renew(slot);
          if ([...model.values()].at(-1) === slot) return;
          model.delete(slots[slot]);
          model.set((slots[slot] = ++ids), slot);
        },
        begin: () =>
          open.push({ cursor: new Cursor(order), limit: Infinity, last: 0, slot: null, forwards: true, ended: false }),
        until: () =>
          open.push({
            cursor: new Cursor(order, order.last),
            limit: ids,
            last: 0,
            slot: null,
            forwards: true,
            ended: false,
          }),
        backwards: () =>
          open.push({
            cursor: Cursor.backwards(order),
            limit: ids,
            last: ids + 1,
            slot: null,
            forwards: false,
            ended: false,
          }),
        // An entry that came later has a larger id.
        next(at) {
          if (open.length === 0) return;
          const walk = open[at % open.length];
          if (walk.ended) return;
          stopBefore(walk, slots);
          const live = [...model.keys()].filter(
            (id) => id <= walk.limit && (walk.forwards ? id > walk.last : id < walk.last),
          );
          const expected = walk.forwards ? live[0] : live.at(-1);
          const slot = walk.cursor.next();
          assert.equal(slot === NONE ? undefined : slots[slot], expected);
          walk.ended = expected === undefined;
          walk.last = expected;
          walk.slot = slot;
        },
        renumber: () => order.renumber(8),
      };
      for (const [name, slot] of changes) {
        each[name](slot);
        assert.ok(order.last <= largest);
        assert.deepEqual([...order.slots()], [...model.values()]);
      }
      for (let at = 0; at < open.length; at++) while (!open[at].ended) each.next(at);
    }),
    { numRuns: 1500 },
  );
});

/** Runs `walk` and returns how many cells of the order were read meanwhile. */
function readings(map, walk) {
  const { order } = structureOf(map);
  let count = 0;
  let { cells } = order;
  const counted = () =>
    new Proxy(cells, {
      get: (target, at) => (count++, typeof target[at] === 'function' ? target[at].bind(target) : target[at]),
      set: (target, at, value) => ((target[at] = value), true),
    });
  let proxy = counted();
  Object.defineProperty(order, 'cells', {
    get: () => proxy,
    set: (next) => {
      cells = next;
      proxy = counted();
    },
    configurable: true,
  });
  walk();
  return count;
}

test('a walk is linear in its steps and the changes made meanwhile, wherever its place is lost', () => {
  const size = 1000;
  const filled = () => {
    const map = new BoundedMap({ max: size, policy: 'lru' });
    for (let i = 0; i < size; i++) map.set(i, i);
    return map;
  };
  const walks = {
    'removes what it is given in the second half'(map) {
      for (const k of map.keys()) if (k >= size / 2) map.delete(k);
    },
    'evicts what it is given in the second half'(map) {
      for (let i = 0; i < size / 2; i++) map.get(i);
      let fresh = size;
      for (const k of map.keys()) if (k >= size / 2 && fresh < 2 * size) map.set(fresh++, 0);
    },
    'follows a producer at the end'(map) {
      for (const k of map.keys())
        if (k >= size - 1 && k < 2 * size) {
          map.delete(k);
          map.set(k + 1, 0);
        }
    },
    'drops the two oldest with each iterator'(map) {
      for (let i = 0; i < size; i += 2) {
        const keys = map.keys();
        map.delete(keys.next().value);
        map.delete(keys.next().value);
      }
    },
    'drops the oldest, and breaks after the first'(map) {
      for (let fresh = size; fresh < 2 * size; fresh++) {
        map.delete(map.keys().next().value);
        for (const k of map) {
          assert.ok(k);
          break;
        }
        map.set(fresh, 0);
      }
    },
  };
  for (const [name, walk] of Object.entries(walks)) {
    const map = filled();
    const count = readings(map, () => walk(map));
    assert.ok(count > 0 && count < 60 * size, `${name}: ${count} readings for ${size} entries`);
  }
});

test('a set on a full map reads a bounded number of cells of the order', () => {
  const map = new BoundedMap({ max: 1000 });
  for (let i = 0; i < 1000; i++) map.set(i, i);
  const count = readings(map, () => {
    for (let i = 0; i < 20_000; i++) map.set(1000 + i, i);
  });
  assert.ok(count > 0 && count < 10 * 20_000, `${count} readings for 20,000 sets`);
});

test('resize is linear in the slots, and the coldest entries go first', () => {
  for (const policy of ['lru', 'adaptive']) {
    const size = 20_000;
    const gone = [];
    const map = new BoundedMap({ max: size, policy, onEvict: (value, name, reason) => gone.push([name, reason]) });
    for (let i = 0; i < size; i++) map.set(i, i);
    for (let i = 100; i < 110; i++) map.get(i);
    const iterator = map.keys();
    for (let i = 0; i < 105; i++) iterator.next();
    const count = readings(map, () => map.resize(10));
    assert.ok(count > 0 && count < 10 * size, `${count} readings`);
    assert.deepEqual([...map.keys()], [100, 101, 102, 103, 104, 105, 106, 107, 108, 109]);
    assert.deepEqual([...iterator], [105, 106, 107, 108, 109]);
    assert.equal(gone.length, size - 10);
    assert.equal(map.stats().evictions, size - 10);
    assert.ok(gone.every(([, reason]) => reason === 'evict'));
    if (policy === 'lru')
      assert.deepEqual(
        gone.slice(0, 101).map(([name]) => name),
        [...Array.from({ length: 100 }, (_, i) => i), 110],
      );
    checkStructure(map);
  }
});

/** Prints the bytes that 100,000 loops allocate, when V8 has optimized them; in a process of its own, where no place was lost before. */
const LOOPS = `
  const { BoundedMap } = require(${JSON.stringify(require.resolve('../..'))});
  const map = new BoundedMap({ max: 100 });
  for (let i = 0; i < 100; i++) map.set('key ' + i, i);
  const walk = () => {
    let sum = 0;
    for (let i = 0; i < 100_000; i++) for (const value of map.values()) { sum += value; break; }
    return sum;
  };
  let least = Infinity;
  for (let round = 0; round < 200 && least > 1e6; round++) {
    gc();
    const before = process.memoryUsage().heapUsed;
    walk();
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  console.log(least);
`;

test('an optimized loop that breaks after the first entry allocates no iterator', () => {
  const bytes = Number(
    execFileSync(process.execPath, ['--expose-gc', '--min-semi-space-size=16', '-e', LOOPS], { encoding: 'utf8' }),
  );
  assert.ok(bytes < 1e6, `${bytes} bytes of 100,000 loops`);
});

test('a million iterators leave nothing behind', () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  const used = () => {
    collect();
    collect();
    return process.memoryUsage().heapUsed;
  };
  const map = new BoundedMap({ max: 100 });
  for (let i = 0; i < 100; i++) map.set(i, i);
  const iterate = (count) => {
    for (let i = 0; i < count; i++)
      for (const k of map) {
        assert.ok(k);
        break;
      }
  };
  iterate(1000);
  const before = used();
  iterate(1_000_000);
  const left = used() - before;
  assert.ok(left < 1e6, `${left} bytes after a million iterators`);
});

test('an iterator that has ended does not hold the map', async () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  let map = new BoundedMap([[1, { large: true }]], { max: 2 });
  const iterator = map.keys();
  assert.deepEqual([...iterator], [1]);
  const held = new WeakRef(map);
  map = undefined;
  while (held.deref() !== undefined) {
    await new Promise(setImmediate);
    collect();
  }
  assert.deepEqual(iterator.next(), { value: undefined, done: true });
});
