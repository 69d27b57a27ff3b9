'use strict';
// One subject of bench/cache/iterate.js.

const { BoundedMap } = require('../..');

const subject = process.argv[2];
/** About so many entries are given out in a round, or so many first ones. */
const WORK = 1 << 19;
/** So many entries come and go in a round: fewer in a large map, since a Map passes all that it dropped at each step. */
const changes = (size) => (size < 100_000 ? 1 << 16 : 1 << 13);

/** The iteration of an array, written in JS as ours is. */
class ArrayWalk {
  #items;
  #at = 0;

  constructor(items) {
    this.#items = items;
  }
  next() {
    return this.#at < this.#items.length
      ? { value: this.#items[this.#at++], done: false }
      : { value: undefined, done: true };
  }
  [Symbol.iterator]() {
    return this;
  }
}

class ArrayEntries {
  #entries = [];

  set(key, value) {
    this.#entries.push([key, value]);
  }
  keys() {
    return new ArrayWalk(this.#entries);
  }
  [Symbol.iterator]() {
    return new ArrayWalk(this.#entries);
  }
}

const keyOf = (n) => `key ${n}`;
let cell;

function make(size) {
  if (subject === 'Map') return new Map();
  return subject === 'array' ? new ArrayEntries() : new BoundedMap({ max: size + 1, name: 'bench' });
}

function prepare({ operation, size }) {
  const map = make(size);
  // After some turnovers slots stand in another order than entries; a Map's entries always stand in theirs.
  if (subject === 'plimsoll churned') for (let n = 0; n < 3 * size; n++) map.set(keyOf(-1 - n), n);
  if (subject === 'plimsoll churned') for (const key of map.keys()) map.delete(key);
  for (let n = 0; n < size; n++) map.set(keyOf(n), n);
  cell = { operation, map, size, next: size, run: OPERATIONS[operation], turns: Math.max(1, Math.ceil(WORK / size)) };
  return 'prepared';
}

const OPERATIONS = {
  'drop oldest'({ map, fresh }) {
    for (const key of fresh) {
      map.delete(map.keys().next().value);
      map.set(key, 1);
    }
    return map.size;
  },
  'break after first'({ map }) {
    let seen = 0;
    for (let i = 0; i < WORK; i++) {
      for (const [, value] of map) {
        seen += value;
        break;
      }
    }
    return seen;
  },
  'break and set'({ map, fresh }) {
    for (const key of fresh) {
      for (const [oldest] of map) {
        map.delete(oldest);
        break;
      }
      map.set(key, 1);
    }
    return map.size;
  },
  'for of'({ map, turns }) {
    let sum = 0;
    for (let turn = 0; turn < turns; turn++) for (const [, value] of map) sum += value;
    return sum;
  },
  'for of keys'({ map, turns }) {
    let sum = 0;
    for (let turn = 0; turn < turns; turn++) for (const key of map.keys()) sum += key.length;
    return sum;
  },
  spread({ map, turns }) {
    let sum = 0;
    for (let turn = 0; turn < turns; turn++) sum += [...map].length;
    return sum;
  },
  'spread keys'({ map, turns }) {
    let sum = 0;
    for (let turn = 0; turn < turns; turn++) sum += [...map.keys()].length;
    return sum;
  },
};

/** CPU time, which a busy machine disturbs less than the wall clock's. */
function round() {
  cell.fresh =
    cell.operation === 'drop oldest' || cell.operation === 'break and set'
      ? Array.from({ length: changes(cell.size) }, () => keyOf(cell.next++))
      : [];
  const start = process.cpuUsage();
  cell.result = cell.run(cell);
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

function used() {
  global.gc();
  global.gc();
  return process.memoryUsage().heapUsed;
}

function leave(count) {
  for (let i = 0; i < count; i++) {
    for (const entry of cell.map) {
      cell.last = entry;
      break;
    }
  }
}

function leftovers() {
  prepare({ operation: 'break after first', size: 100 });
  leave(10_000);
  const before = used();
  leave(1_000_000);
  return used() - before;
}

const ANSWERS = { prepare, round, leftovers };
process.on('message', ({ command, argument }) => process.send(ANSWERS[command](argument)));
process.send('ready');
