'use strict';

const MAP = 'lib/cache/bounded-map.js';
const ORDER = 'lib/cache/insertion-order.js';
const TABLE = 'lib/cache/key-table.js';
const EXPIRY = 'lib/cache/expiry.js';

const edits = (name, given, former = false, part = 'bounded-map') => ({
  name: `bounded-map: ${name}`,
  part,
  former,
  edits: given.map(([file, find, replace]) => ({ file, find, replace })),
});
const mutant = (name, file, find, replace, former = false) => edits(name, [[file, find, replace]], former);

module.exports = [
  // Defects that the package had.
  edits(
    'a second reading of the clock while room is made',
    [
      [
        MAP,
        'const slots = this.#makeRoom(bytes, gone, now);',
        'if (this.#expiry !== null) now = this.#now();\n      const slots = this.#makeRoom(bytes, gone, now);',
      ],
    ],
    true,
  ),
  edits(
    'an update makes room at another time',
    [
      [
        MAP,
        'this.#makeRoom(bytes, gone, now);\n      this.#policy.add',
        'this.#makeRoom(bytes, gone, this.#expiry === null ? now : this.#now());\n      this.#policy.add',
      ],
    ],
    true,
  ),
  edits(
    'a listener that throws over an expired entry loses the new value',
    [
      [
        MAP,
        'this.#expire(slot, gone);\n    this.#insertWithRoom(key, value, bytes, end, now, gone);',
        'this.#dropEnded(slot);\n    this.#insertWithRoom(key, value, bytes, end, now, gone);',
      ],
    ],
    true,
  ),
  edits(
    'the sweeper keeps the context of the first request',
    [
      [
        'lib/timers.js',
        'const rooted = (start) => /** @type {F} */ ((...given) => inRootContext(() => start(...given)));',
        'const rooted = (start) => start;',
      ],
    ],
    true,
  ),
  mutant(
    'clear leaves listeners to a later operation',
    MAP,
    "this.#record[BYTES] = 0;\n    this.#reportRemoved(gone);\n  }\n\n  /** As Map's: the value under the key, which",
    "this.#record[BYTES] = 0;\n  }\n\n  /** As Map's: the value under the key, which",
  ),
  mutant(
    'the first error ends the reports',
    MAP,
    'if (!failed) failure = error;\n        failed = true;',
    'throw error;',
  ),
  mutant('the last error reaches the caller', MAP, 'if (!failed) failure = error;', 'failure = error;'),
  mutant(
    'the listener runs before the entry is removed',
    MAP,
    "const value = this.#values[slot];\n    this.#remove(slot);\n    if (this.#onEvict !== undefined) (0, this.#onEvict)(value, normal(key), 'delete');",
    "const value = this.#values[slot];\n    if (this.#onEvict !== undefined) (0, this.#onEvict)(value, normal(key), 'delete');\n    this.#remove(slot);",
  ),
  // Made by hand.
  mutant(
    'a removed value stays in its slot',
    MAP,
    'this.#keys[slot] = this.#values[slot] = undefined;',
    'this.#keys[slot] = undefined;',
  ),
  mutant('size is not decremented', MAP, 'this.#record[SIZE] = --this.#size;', '--this.#size;'),
  mutant(
    'bytes of a removed entry stay counted',
    MAP,
    'if (this.#sizes !== null) this.#weigh(slot, 0);\n    if (this.#expiry !== null) this.#expiry.ends[slot] = Infinity;',
    'if (this.#expiry !== null) this.#expiry.ends[slot] = Infinity;',
  ),
  mutant(
    'a free slot keeps its end',
    MAP,
    'if (this.#expiry !== null) this.#expiry.ends[slot] = Infinity;\n    this.#free',
    'this.#free',
  ),
  mutant(
    'a slot is freed twice',
    MAP,
    'this.#free.push(slot);',
    'this.#free.push(slot);\n    if (this.#free.length === 7) this.#free.push(slot);',
  ),
  mutant(
    'an expired entry is reported as evicted',
    MAP,
    "this.#note(gone, slot, 'expire');",
    "this.#note(gone, slot, 'evict');",
  ),
  mutant('an expired entry is not counted', MAP, 'this.#record[EXPIRATIONS]++;', ''),
  mutant(
    'an eviction for bytes is not counted',
    MAP,
    'this.#vacate(slot);\n    this.#record[EVICTIONS]++;',
    'this.#vacate(slot);',
  ),
  mutant(
    'an entry ends one reading late',
    EXPIRY,
    'return now >= this.next && this.ends[slot] <= now;',
    'return now >= this.next && this.ends[slot] < now;',
  ),
  mutant('an end before all others is not noticed', EXPIRY, 'if (end < this.next) this.next = end;', ''),
  mutant(
    'live entries go before expired ones',
    MAP,
    'while (this.#record[BYTES] + bytes > this.#maxBytes && slots > 0 && this.#shouldPurge(now))',
    'while (false)',
  ),
  mutant(
    'an update keeps the former end',
    MAP,
    'if (this.#expiry !== null) this.#expiry.endAt(slot, end);\n      this.#replaceValue',
    'this.#replaceValue',
  ),
  mutant(
    'an entry that is updated may be its own victim',
    MAP,
    'this.#policy.remove(slot);\n      this.#weigh(slot, 0);',
    'this.#weigh(slot, 0);',
  ),
  mutant(
    'sizeOf is asked after the old entry went',
    MAP,
    'const bytes = this.#sizes === null ? 0 : this.#measure(value, key);',
    'if (this.#sizes !== null && bytesFirst(this, key)) this.delete(key);\n    const bytes = this.#sizes === null ? 0 : this.#measure(value, key);'.replace(
      'bytesFirst(this, key)',
      'this.#find(key) !== MISS && this.#size > 4',
    ),
  ),
  mutant('-0 is kept as a key', MAP, 'const value = callback(normal(key));', 'const value = callback(key);'),
  mutant(
    'peek counts as a use',
    MAP,
    'return slot === MISS || (this.#expiry !== null && this.#isOver(slot)) ? undefined : this.#values[slot];',
    'if (slot !== MISS) this.#policy.touch(slot);\n    return slot === MISS || (this.#expiry !== null && this.#isOver(slot)) ? undefined : this.#values[slot];',
  ),
  mutant(
    'resize keeps the bytes of what went',
    MAP,
    'this.#widenColumns(Math.max(FIRST_SLOTS, kept.length));\n    this.#record[BYTES] = 0;',
    'this.#widenColumns(Math.max(FIRST_SLOTS, kept.length));',
  ),
  mutant('resize loses the ends', MAP, 'if (ends !== null) this.#expiry.ends[to] = ends[from];', ''),
  mutant(
    'resize evicts before what has expired',
    MAP,
    'if (this.#expiry !== null && this.#size > max) this.#purge(gone, now);',
    '',
  ),
  mutant('the order forgets to move its start', ORDER, 'this.start = 0;\n    this.end = count;', 'this.end = count;'),
  mutant(
    'an iterator loses its place in a new era',
    ORDER,
    'for (; era.next !== null; era = era.next) place = era.used === null ? 0 : countBits(era.used, place);',
    'for (; era.next !== null; era = era.next) place = 0;',
  ),
  mutant('an iterator shows an entry that has ended', ORDER, '&& !expiry?.hasEnded(cells[place], now)', ''),
  mutant(
    'a removal does not move back what follows',
    TABLE,
    'if (((at - home) & mask) < ((at - hole) & mask)) continue;',
    'continue;',
  ),
  mutant(
    'a moved cell stays marked as away',
    TABLE,
    'cells[hole] = hole === home ? cells[at] & ~AWAY : cells[at];',
    'cells[hole] = cells[at] & ~AWAY;',
  ),
  mutant(
    'a table is kept for keys of another kind',
    TABLE,
    "return typeof key === 'number' && (key | 0) === key;",
    "return typeof key === 'number' && (key | 0) === Math.trunc(key);",
  ),
  mutant(
    'lru: a replaced entry is not the newest',
    'lib/cache/lru.js',
    'const slot = this.first;\n    this.touch(slot);\n    return slot;',
    'return this.first;',
  ),
  mutant(
    'lru: a removed slot stays linked backwards',
    'lib/cache/lru.js',
    'const previous = links[at + PREVIOUS];\n    links[previous + NEXT] = next;\n    links[next + PREVIOUS] = previous;\n  }\n\n  replace',
    'const previous = links[at + PREVIOUS];\n    links[previous + NEXT] = next;\n  }\n\n  replace',
  ),
  mutant(
    'adaptive: a removed slot is a victim again',
    'lib/cache/adaptive.js',
    'this.#marks[slot] = VACANT;\n  }\n\n  replace',
    '}\n\n  replace',
  ),
];
