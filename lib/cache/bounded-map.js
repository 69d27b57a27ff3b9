'use strict';

const { inspect } = require('node:util');
const { PlimsollRangeError, quote } = require('../errors.js');
const { Adaptive } = require('./adaptive.js');
const { Lru } = require('./lru.js');
const { KeyTable, isInt32, MISS } = require('./key-table.js');
const { MapIndex } = require('./map-index.js');
const { SlotIterator, KEYS, VALUES, ENTRIES } = require('./iterator.js');
const { boundedMapOptions, checkMax, ttlOfSet, LARGEST_MAX } = require('./options.js');
const { cells, widen, normal } = require('./columns.js');
const { Expiry } = require('./expiry.js');
const { FormerWords } = require('./former-words.js');
const { InsertionOrder, NONE } = require('./insertion-order.js');
const clock = require('./clock.js');
const registry = require('./registry.js');
const { show } = require('./inspect.js');
const sweeper = require('./sweeper.js');
const { Map } = require('./built-ins.js');

const { SIZE, CAPACITY, BYTES, MAX_BYTES, HITS, MISSES, EVICTIONS, EXPIRATIONS } = registry;
const FIRST_SLOTS = 16;
/** So many slots or fewer have a table made at no cost that matters. */
const SMALL = 256;
/**
 * A set removes so many expired entries at most, and looks at so many slots for them: enough that the next sets find
 * room, few enough that it does not take long.
 */
const REMOVED_BY_SET = 128;
const SEARCHED_BY_SET = 8192;

/**
 * What a deep comparison sees of a map: assertions compare own enumerable properties, and know the entries of V8's own
 * Maps only. It is made when it is read.
 */
const CONTENTS = Symbol('entries');
const COMPARED = {
  get() {
    return new Map(this.entries());
  },
  enumerable: true,
  configurable: true,
};

/** How the sweeper and tests of the structure look inside. */
let structureOf, sweepOne;

/**
 * A Map with a bound.
 *
 * The index gives a key's slot; keys, values and the columns of policy, expiry and sizes are by slot.
 * The counters are where the native sampler reads them too. Callbacks run when the structure is
 * whole again, so they may change the map; what they throw reaches the caller after the last one.
 */
class BoundedMap {
  #keys = cells(0);
  /** The slots in insertion order. */
  #order = new InsertionOrder();
  #former = new FormerWords();
  /**
   * Tables of our own while all keys are int32, or all strings, found out by itself; a Map otherwise. One of them is
   * the index.
   */
  /** @type {KeyTable | null} */
  #ints = new KeyTable('int32', this.#keys, this.#order, this.#former);
  /** @type {KeyTable | null} */
  #strings = null;
  /** @type {MapIndex | null} */
  #map = null;
  /** @type {KeyTable | MapIndex} */
  #index = this.#ints;
  /** The number of the entry that was added last when the index was made. */
  #indexedAt = 0;
  #values = cells(0);
  /** @type {Adaptive | Lru} */
  #policy;
  #record;
  /** Null while no entry ends. @type {Expiry | null} */
  #expiry = null;
  /** What sizeOf said of the entry of each slot; null without sizeOf. @type {Float64Array | null} */
  #sizes = null;
  #size = 0;
  /** Slots below `#used` that hold nothing. @type {number[]} */
  #free = [];
  #used = 0;
  /** How long the columns are. */
  #slots = 0;
  #max;
  #maxBytes;
  #sizeOf;
  #ttl;
  #onEvict;
  #now;

  constructor() {
    const alone = arguments.length === 1 && !isIterable(arguments[0]);
    const iterable = alone ? undefined : arguments[0];
    const options = boundedMapOptions(alone ? arguments[0] : arguments[1]);
    // As the built-in classes do for a new target without a prototype of its own.
    if (!isObject(new.target.prototype)) Object.setPrototypeOf(this, BoundedMap.prototype);
    Object.defineProperty(this, CONTENTS, COMPARED);
    this.#record = registry.open(this, 'BoundedMap', options.name, BoundedMap);
    this.#record[CAPACITY] = options.max;
    this.#record[MAX_BYTES] = this.#maxBytes = options.maxBytes;
    this.#max = Math.min(options.max, LARGEST_MAX);
    this.#sizeOf = options.sizeOf;
    this.#ttl = options.ttl;
    this.#onEvict = options.onEvict;
    this.#now =
      options.clock === undefined
        ? options.ttl < clock.COARSE_TTL
          ? clock.now
          : clock.coarseNow
        : clock.checked(options.clock, this.#order, () => this.#size);
    this.#policy = options.policy === 'lru' ? new Lru() : new Adaptive(this.#record);
    if (options.sizeOf !== undefined) this.#sizes = new Float64Array(0);
    if (options.ttl !== Infinity) this.#startExpiry();
    if (iterable !== undefined && iterable !== null) addAll(this, iterable);
  }

  static get [Symbol.species]() {
    return this;
  }

  get size() {
    return this.#size;
  }

  /**
   * `#hit`, written out: what is inlined where `get` is called has a limit in bytecodes (V8's
   * max_inlined_bytecode_size_cumulative).
   */
  get(key) {
    const slot = this.#find(key);
    if (slot === MISS || (this.#expiry !== null && this.#isOver(slot))) return this.#miss(slot);
    this.#record[HITS]++;
    this.#policy.touch(slot);
    return this.#values[slot];
  }

  has(key) {
    const slot = this.#find(key);
    if (slot === MISS) return false;
    if (this.#expiry === null || !this.#isOver(slot)) return true;
    this.#dropEnded(slot);
    return false;
  }

  /** The value, leaving no trace: not counted, not used in the policy's eyes, not removed if expired. */
  peek(key) {
    const slot = this.#find(key);
    return slot === MISS || (this.#expiry !== null && this.#isOver(slot)) ? undefined : this.#values[slot];
  }

  set(key, value, options = undefined) {
    if (options === undefined && this.#expiry === null && this.#sizes === null) {
      const slot = this.#find(key);
      if (slot === MISS) this.#insert(key, value, 0, Infinity, 0);
      else this.#replaceValue(slot, value);
      return this;
    }
    this.#put(key, value, options === undefined ? this.#ttl : this.#ttlOf(options));
    return this;
  }

  delete(key) {
    const slot = this.#find(key);
    if (slot === MISS) return false;
    if (this.#expiry !== null && this.#isOver(slot)) {
      this.#dropEnded(slot);
      return false;
    }
    const value = this.#values[slot];
    this.#remove(slot);
    if (this.#onEvict !== undefined) (0, this.#onEvict)(value, normal(key), 'delete');
    return true;
  }

  /** Gives back the columns too, as a Map does: what was large is not cleared cell by cell again. */
  clear() {
    if (this.#slots === 0) return;
    const gone = [];
    if (this.#onEvict !== undefined) for (const slot of this.#order.slots()) this.#note(gone, slot, 'clear');
    this.#keys = cells(0);
    this.#values = cells(0);
    this.#order.clear();
    this.#order.keys = this.#keys;
    this.#order.values = this.#values;
    this.#use(new KeyTable('int32', this.#keys, this.#order, this.#former));
    this.#policy.clear();
    if (this.#sizes !== null) this.#sizes = new Float64Array(0);
    this.#free = [];
    this.#used = this.#slots = 0;
    if (this.#expiry !== null) this.#keepExpiry();
    this.#record[SIZE] = this.#size = 0;
    this.#record[BYTES] = 0;
    this.#reportRemoved(gone);
  }

  /** As Map's: the value under the key, which becomes `value` where there is none. */
  getOrInsert(key, value) {
    const now = this.#expiry === null ? undefined : this.#now();
    const slot = this.#hit(key, now);
    if (slot !== MISS) return this.#values[slot];
    this.#put(key, value, this.#ttl, now);
    return value;
  }

  /** As Map's: `callback(key)` makes the value where there is none. The entry's time begins when it has returned. */
  getOrInsertComputed(key, callback) {
    checkCallable(callback);
    const slot = this.#hit(key, this.#expiry === null ? undefined : this.#now());
    if (slot !== MISS) return this.#values[slot];
    const value = callback(normal(key));
    this.#put(key, value, this.#ttl);
    return value;
  }

  forEach(callback, thisArg = undefined) {
    checkCallable(callback);
    const order = this.#order;
    let era = order.begin();
    for (let place = order.seek(era, 0); place < order.end; place = order.seek(era, place + 1)) {
      ({ era } = order);
      const slot = order.cells[place];
      callback.call(thisArg, this.#values[slot], this.#keys[slot], this);
    }
  }

  entries() {
    return new SlotIterator(this.#order, this.#order.begin(), ENTRIES);
  }

  keys() {
    return new SlotIterator(this.#order, this.#order.begin(), KEYS);
  }

  values() {
    return new SlotIterator(this.#order, this.#order.begin(), VALUES);
  }

  stats() {
    return registry.stats(this.#record);
  }

  resize(max) {
    checkMax(max);
    const now = this.#expiry === null ? 0 : this.#now();
    this.#max = this.#record[CAPACITY] = max;
    const gone = [];
    if (this.#expiry !== null && this.#size > max) this.#purge(gone, now);
    if (this.#slots > max) this.#shrink(max, gone);
    this.#reportRemoved(gone);
  }

  purgeExpired() {
    const gone = [];
    const before = this.#size;
    if (this.#expiry !== null) this.#purge(gone, this.#now());
    const purged = before - this.#size;
    this.#reportRemoved(gone);
    return purged;
  }

  [inspect.custom](depth, options, inspectValue) {
    const name = `${this.constructor?.name ?? 'BoundedMap'}[max ${this.#record[CAPACITY]}]`;
    return show(this, name, () => new Map(this.entries()), depth, options, inspectValue);
  }

  /** The slot of a key, or MISS. */
  #find(key) {
    const strings = this.#strings;
    return strings !== null && typeof key === 'string' ? strings.findString(key) : this.#findOther(key);
  }

  #findOther(key) {
    const ints = this.#ints;
    if (ints !== null) return isInt32(key) ? ints.findInt(key) : MISS;
    return this.#map === null ? MISS : this.#map.find(key);
  }

  /**
   * Prepares the index for a key of this kind. Returns the 32 bits that represent the key there, or 0 if they are not
   * used.
   */
  #prepare(key) {
    if (this.#strings !== null) {
      if (typeof key !== 'string') this.#changeIndex(key);
    } else if (this.#ints !== null) {
      if (!isInt32(key)) this.#changeIndex(key);
    } else {
      if (this.#size === 0) this.#changeIndex(key);
      if (this.#map !== null && !this.#policy.listening) return 0;
    }
    return this.#index.word(key);
  }

  #changeIndex(key) {
    if (this.#size > 0) {
      this.#strings?.retire();
      this.#moveTo(new MapIndex(this.#keys));
    } else if ((typeof key === 'string' || isInt32(key)) && this.#affordsTable())
      this.#use(new KeyTable(typeof key === 'string' ? 'string' : 'int32', this.#keys, this.#order, this.#former));
    else if (this.#map === null) this.#use(new MapIndex(this.#keys));
  }

  /** A table has cells for all slots: a large one is made again only after as many additions as pay for it. */
  #affordsTable() {
    const added = (this.#order.added - this.#indexedAt) >>> 0;
    return this.#slots <= SMALL || added >= this.#slots >> 2;
  }

  /** Has the table read more of its strings; a Map takes over if that is no use. */
  #tellApart() {
    if (!this.#strings.readMore()) this.#moveTo(new MapIndex(this.#keys));
  }

  /** Has all entries in an index that is empty. */
  #moveTo(index) {
    for (const slot of this.#order.slots()) index.add(slot, index.word(this.#keys[slot]));
    this.#use(index);
  }

  #use(index) {
    this.#index = index;
    this.#indexedAt = this.#order.added;
    this.#map = index instanceof MapIndex ? index : null;
    this.#strings = index.kind === 'string' ? index : null;
    this.#ints = index.kind === 'int32' ? index : null;
  }

  /** The slot of an entry that has not ended by `now`, counted and used; MISS, counted, for none. */
  #hit(key, now) {
    const slot = this.#find(key);
    if (slot === MISS || (this.#expiry !== null && this.#expiry.hasEnded(slot, now))) {
      this.#miss(MISS);
      return MISS;
    }
    this.#record[HITS]++;
    this.#policy.touch(slot);
    return slot;
  }

  /** Counts a miss, and removes the entry of `slot`, which has ended, if that was what was found. */
  #miss(slot) {
    this.#record[MISSES]++;
    const strings = this.#strings;
    if (strings !== null && strings.confused()) this.#tellApart();
    if (slot !== MISS) this.#dropEnded(slot);
  }

  /**
   * Whether an entry has ended by the clock, where any has an end: its own end is not read before anything has ended.
   */
  #isOver(slot) {
    const expiry = /** @type {Expiry} */ (this.#expiry);
    const now = this.#now();
    return now >= expiry.next && expiry.ends[slot] <= now;
  }

  #dropEnded(slot) {
    const gone = [];
    this.#expire(slot, gone);
    this.#reportRemoved(gone);
  }

  /**
   * An operation reads the clock once: what is live at one reading may be due at the next. `now` is that reading where
   * there was one already. The user's `sizeOf` and clock run before anything changes, since both may throw.
   */
  #put(key, value, ttl, now = undefined) {
    const bytes = this.#sizes === null ? 0 : this.#measure(value, key);
    if (this.#expiry === null) {
      if (ttl === Infinity) now = 0;
      else this.#startExpiry();
    }
    now ??= this.#now();
    const end = now + ttl;
    const slot = this.#find(key);
    if (slot === MISS) this.#insert(key, value, bytes, end, now);
    else if (this.#expiry !== null && this.#expiry.hasEnded(slot, now))
      this.#putOverEnded(slot, key, value, bytes, end, now);
    else if (this.#sizes !== null) this.#updateSized(slot, value, bytes, end, now);
    else {
      if (this.#expiry !== null) this.#expiry.endAt(slot, end);
      this.#replaceValue(slot, value);
    }
  }

  /** The new entry is in before the listener hears of the old one, so what the listener throws does not lose it. */
  #putOverEnded(slot, key, value, bytes, end, now) {
    const gone = [];
    this.#expire(slot, gone);
    this.#insertWithRoom(key, value, bytes, end, now, gone);
  }

  #replaceValue(slot, value) {
    const old = this.#values[slot];
    this.#values[slot] = value;
    this.#policy.touch(slot);
    if (this.#onEvict !== undefined) this.#tellReplaced(slot, old, value);
  }

  #tellReplaced(slot, old, value) {
    if (!Object.is(old, value)) (0, this.#onEvict)(old, this.#keys[slot], 'set');
  }

  #updateSized(slot, value, bytes, end, now) {
    const key = this.#keys[slot];
    const gone = [];
    if (!Object.is(this.#values[slot], value)) this.#note(gone, slot, 'set');
    if (bytes > this.#maxBytes) {
      this.#remove(slot);
      this.#refuse(gone, key, value);
    } else {
      // Out of the policy's reach while others make room for it.
      this.#policy.remove(slot);
      this.#weigh(slot, 0);
      this.#makeRoom(bytes, gone, now);
      this.#policy.add(slot, this.#prepare(key));
      this.#policy.touch(slot);
      this.#values[slot] = value;
      this.#weigh(slot, bytes);
      if (this.#expiry !== null) this.#expiry.endAt(slot, end);
    }
    this.#reportRemoved(gone);
  }

  #insert(key, value, bytes, end, now) {
    if (this.#sizes !== null || (this.#size >= this.#max && this.#shouldPurge(now)))
      this.#insertWithRoom(key, value, bytes, end, now, []);
    else if (this.#size >= this.#max) this.#displace(key, value, end);
    else {
      const word = this.#prepare(key);
      this.#fill(this.#unused(word, key), key, word, value, end);
      this.#record[SIZE] = ++this.#size;
    }
  }

  /** The new entry takes over the slot of the one that must go. */
  #displace(key, value, end) {
    const word = this.#prepare(key);
    const slot = this.#policy.replace(word, this.#index, this.#formerWords(key));
    const oldKey = this.#keys[slot];
    const old = this.#values[slot];
    this.#index.remove(slot);
    this.#order.remove(slot);
    this.#record[EVICTIONS]++;
    this.#fill(slot, key, word, value, end);
    if (this.#onEvict !== undefined) (0, this.#onEvict)(old, oldKey, 'evict');
  }

  /** The long way: expired entries go first, then as many as the bytes and `max` ask for. */
  #insertWithRoom(key, value, bytes, end, now, gone) {
    if (bytes > this.#maxBytes) {
      this.#refuse(gone, key, value);
    } else {
      const slots = this.#makeRoom(bytes, gone, now);
      if (this.#size >= this.#max && slots > 0 && this.#shouldPurge(now)) this.#purgeSome(gone, now, slots);
      if (this.#size >= this.#max) this.#evict(gone);
      const word = this.#prepare(key);
      const slot = this.#unused(word, key);
      this.#fill(slot, key, word, value, end);
      this.#record[SIZE] = ++this.#size;
      if (this.#sizes !== null) this.#weigh(slot, bytes);
    }
    this.#reportRemoved(gone);
  }

  /** Has room for so many bytes. How many slots more a set may look at. */
  #makeRoom(bytes, gone, now) {
    let slots = SEARCHED_BY_SET;
    while (this.#record[BYTES] + bytes > this.#maxBytes && slots > 0 && this.#shouldPurge(now))
      slots = this.#purgeSome(gone, now, slots);
    while (this.#record[BYTES] + bytes > this.#maxBytes) this.#evict(gone);
    return slots;
  }

  /** Puts an entry into a slot that the policy has already taken in. */
  #fill(slot, key, word, value, end) {
    this.#keys[slot] = normal(key);
    this.#values[slot] = value;
    this.#order.add(slot);
    if (!this.#index.add(slot, word)) this.#moveTo(new MapIndex(this.#keys));
    if (this.#expiry !== null) this.#expiry.endAt(slot, end);
  }

  /** The words by which the policy may remember a key that was evicted before its strings were hashed as now. */
  #formerWords(key) {
    return this.#former.of(key, this.#order.added, this.#slots);
  }

  #unused(word, key) {
    const slot = this.#free.length > 0 ? this.#free.pop() : this.#used++;
    if (slot === this.#slots) this.#widen(Math.min(Math.max(FIRST_SLOTS, slot * 2), this.#max));
    this.#policy.add(slot, word, this.#formerWords(key));
    return slot;
  }

  #remove(slot) {
    this.#policy.remove(slot);
    this.#vacate(slot);
  }

  #evict(gone) {
    const slot = this.#policy.evict(this.#index);
    this.#note(gone, slot, 'evict');
    this.#vacate(slot);
    this.#record[EVICTIONS]++;
  }

  #vacate(slot) {
    this.#index.remove(slot);
    this.#order.remove(slot);
    this.#keys[slot] = this.#values[slot] = undefined;
    if (this.#sizes !== null) this.#weigh(slot, 0);
    if (this.#expiry !== null) this.#expiry.ends[slot] = Infinity;
    this.#free.push(slot);
    this.#record[SIZE] = --this.#size;
  }

  /** An entry larger than the whole bound is not kept: it is evicted at once. */
  #refuse(gone, key, value) {
    this.#record[EVICTIONS]++;
    if (this.#onEvict !== undefined) gone.push([value, normal(key), 'evict']);
  }

  #widen(slots) {
    this.#widenColumns(slots);
    this.#order.grow(slots);
    this.#index.grow(this.#keys);
  }

  #widenColumns(slots) {
    this.#slots = slots;
    this.#keys = cells(slots, this.#keys);
    this.#values = cells(slots, this.#values);
    this.#order.keys = this.#keys;
    this.#order.values = this.#values;
    this.#policy.grow(slots);
    if (this.#sizes !== null) this.#sizes = widen(this.#sizes, slots);
    if (this.#expiry !== null) this.#expiry.grow(slots);
  }

  /**
   * Evicts the policy's coldest entries beyond `max`, at once; the others move to the first slots, the coldest first.
   */
  #shrink(max, gone) {
    const slots = this.#policy.coldestFirst();
    const evicted = Math.max(0, slots.length - max);
    const kept = slots.subarray(evicted);
    if (this.#onEvict !== undefined) for (const slot of slots.subarray(0, evicted)) this.#note(gone, slot, 'evict');
    this.#record[EVICTIONS] += evicted;
    const [keys, values, sizes, ends] = [
      this.#keys,
      this.#values,
      this.#sizes,
      this.#expiry === null ? null : this.#expiry.ends,
    ];
    const places = new Int32Array(this.#slots).fill(NONE);
    this.#keys = cells(0);
    this.#values = cells(0);
    this.#free = [];
    this.#used = this.#record[SIZE] = this.#size = kept.length;
    this.#policy = new this.#policy.constructor(this.#record);
    if (sizes !== null) this.#sizes = new Float64Array(0);
    if (this.#expiry !== null) this.#expiry.renew(0);
    this.#widenColumns(Math.max(FIRST_SLOTS, kept.length));
    this.#record[BYTES] = 0;
    kept.forEach((from, to) => {
      this.#keys[to] = keys[from];
      this.#values[to] = values[from];
      if (sizes !== null) this.#weigh(to, sizes[from]);
      if (ends !== null) this.#expiry.ends[to] = ends[from];
      this.#policy.add(to, 0);
      places[from] = to;
    });
    this.#order.renumber(this.#slots, places);
    if (this.#map !== null) this.#map.renumber(this.#keys, kept.length);
    else this.#moveTo(new KeyTable(this.#index.kind, this.#keys, this.#order, this.#former));
  }

  #ttlOf(options) {
    const ttl = ttlOfSet('set(key, value, options)', options);
    if (ttl === undefined) return this.#ttl;
    if (ttl < clock.COARSE_TTL && this.#now === clock.coarseNow) this.#now = clock.now;
    return ttl;
  }

  #measure(value, key) {
    const bytes = (0, this.#sizeOf)(value, key);
    if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
    throw new PlimsollRangeError(
      'ERR_PLIMSOLL_SIZE',
      `sizeOf must return an integer of bytes, 0 or more, not ${quote(bytes)}; the map is unchanged.`,
    );
  }

  #weigh(slot, bytes) {
    this.#record[BYTES] += bytes - this.#sizes[slot];
    this.#sizes[slot] = bytes;
  }

  #startExpiry() {
    this.#keepExpiry();
    sweeper.add(this, sweepOne);
  }

  #keepExpiry() {
    const expiry = (this.#expiry = new Expiry());
    expiry.grow(this.#slots);
    this.#order.expire({ now: () => this.#now(), hasEnded: (slot, now) => expiry.hasEnded(slot, now) });
  }

  #expire(slot, gone) {
    this.#note(gone, slot, 'expire');
    this.#remove(slot);
    this.#record[EXPIRATIONS]++;
  }

  #shouldPurge(now) {
    return this.#expiry !== null && this.#expiry.pays(now, this.#used);
  }

  /** Removes some entries that have ended. How many slots more may be looked at, of `slots`. */
  #purgeSome(gone, now, slots) {
    const work = { slots };
    for (const slot of /** @type {Expiry} */ (this.#expiry).find(now, this.#used, REMOVED_BY_SET, work))
      this.#expire(slot, gone);
    return work.slots;
  }

  /** Removes all that has ended. */
  #purge(gone, now) {
    const expiry = /** @type {Expiry} */ (this.#expiry);
    expiry.begin(this.#used);
    for (const slot of expiry.find(now, this.#used, Infinity, { slots: Infinity })) this.#expire(slot, gone);
  }

  /** Whether there is more to remove soon. @param {import('./sweeper.js').Work} work */
  #sweep(work) {
    const expiry = /** @type {Expiry} */ (this.#expiry);
    const now = this.#now();
    const gone = [];
    for (const slot of expiry.sweep(now, this.#used, work)) this.#expire(slot, gone);
    this.#reportRemoved(gone);
    return expiry.hasMore(now);
  }

  #note(gone, slot, reason) {
    if (this.#onEvict !== undefined) gone.push([this.#values[slot], this.#keys[slot], reason]);
  }

  /** Reports what went, all of it, then throws what a listener first threw. */
  #reportRemoved(gone) {
    let failed = false;
    let failure;
    for (const [value, key, reason] of gone) {
      try {
        (0, this.#onEvict)(value, key, reason);
      } catch (error) {
        if (!failed) failure = error;
        failed = true;
      }
    }
    if (failed) throw failure;
  }

  static {
    sweepOne = (map, work) => map.#sweep(work);
    structureOf = (map) => ({
      index: map.#index,
      order: map.#order,
      find: (key) => map.#find(key),
      keys: map.#keys,
      values: map.#values,
      policy: map.#policy,
      record: map.#record,
      expiry: map.#expiry,
      sizes: map.#sizes,
      free: map.#free,
      used: map.#used,
      slots: map.#slots,
    });
    Object.defineProperty(this.prototype, Symbol.iterator, {
      value: this.prototype.entries,
      writable: true,
      configurable: true,
    });
    Object.defineProperty(this.prototype, Symbol.toStringTag, { value: 'BoundedMap', configurable: true });
    // So that `instanceof Map` holds. A method of Map that comes after us throws; it never acts on an empty Map.
    Object.setPrototypeOf(this.prototype, Map.prototype);
    Object.defineProperty(this, 'length', { value: 0, configurable: true });
  }
}

function isObject(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isIterable(value) {
  return value !== undefined && value !== null && typeof value[Symbol.iterator] === 'function';
}

function checkCallable(callback) {
  if (typeof callback !== 'function') throw new TypeError(`${quote(callback)} is not a function`);
}

/** AddEntriesFromIterable (ECMA-262, 24.1.1.2). */
function addAll(map, iterable) {
  const adder = map.set;
  checkCallable(adder);
  for (const entry of iterable) {
    if (!isObject(entry)) throw new TypeError(`Iterator value ${quote(entry)} is not an entry object`);
    adder.call(map, entry[0], entry[1]);
  }
}

module.exports = { BoundedMap, structureOf };
