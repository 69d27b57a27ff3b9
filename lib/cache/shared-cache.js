'use strict';

const { isDataView, isUint8Array } = require('node:util/types');
const v8 = require('node:v8');
const { requireNative, disabled } = require('../native.js');
const { PlimsollError, PlimsollTypeError, PlimsollRangeError, quote } = require('../errors.js');
const { sharedCacheOptions, checkComputeOptions, checkTtl, ttlOfSet, checkTimeout } = require('./options.js');
const registry = require('./registry.js');
const { Computations, now } = require('./shared-computations.js');
const { Map } = require('./built-ins.js');

const FORMS = new Set(['buffer', 'string', 'json', 'value']);
/** Values up to here are read in one call, without asking for their length first. */
const SCRATCH = 8192;
/** The store's own ttl, where a number is expected. */
const STORE_TTL = -1;

/** The native side of each cache that this isolate opened; it lives as long as the isolate. */
const opened = new Map();

/** Where values are read. It never leaves this file. */
const scratch = Buffer.allocUnsafeSlow(SCRATCH);

/**
 * A copy of elements in an ArrayBuffer of its own: transferred, detached or read past its end, it shows nothing else.
 */
const copy = Function.prototype.call.bind(Object.getPrototypeOf(Uint8Array.prototype).slice);

/** Throws where an array has no memory: it was detached, or its buffer is too small now. */
const validate = Function.prototype.call.bind(Object.getPrototypeOf(Uint8Array.prototype).keys);

/** What v8.deserialize gives, but no two views share memory: v8's own are parts of the serialized bytes. */
class Values extends v8.DefaultDeserializer {
  _readHostObject() {
    const view = super._readHostObject();
    if (!(view instanceof DataView)) return copy(view);
    return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  }
}

function ttlOf(ttl) {
  return ttl === undefined ? STORE_TTL : checkTtl(ttl);
}

function open(name, { maxBytes, ttl, policy }) {
  const binding = disabled ? require('./local-store.js') : requireNative();
  let cache = opened.get(name);
  try {
    if (cache === undefined) {
      const native = binding.sharedCache(name, maxBytes, ttl, policy === 'lru');
      cache = { native, computations: new Computations(name, native) };
      opened.set(name, cache);
      registry.addShared(name, () => readStats(native));
    } else if (maxBytes !== undefined) binding.checkSharedCache(name, maxBytes, ttl, policy === 'lru');
  } catch (error) {
    throw new PlimsollTypeError(error.code, error.message);
  }
  return cache;
}

class SharedCache {
  #name;
  #native;
  #computations;
  #clock;
  /** What is computed as bytes: once for a cache, not for each caller. */
  #toStore = (form, value) => {
    const bytes = toBytes(encode(form, value));
    if (this.#clock !== undefined) this.#tick(); // the entry's time begins when it is there
    return bytes;
  };

  constructor(name, options) {
    if (typeof name !== 'string' || name === '')
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_OPTION',
        `the name of a SharedCache is a string that is not empty, not ${quote(name)}.`,
      );
    const checked = sharedCacheOptions(options);
    const { native, computations } = open(name, checked);
    this.#name = name;
    this.#native = native;
    this.#computations = computations;
    this.#clock = checked.clock;
  }

  get name() {
    return this.#name;
  }

  get maxBytes() {
    return this.#native.maxBytes;
  }

  get size() {
    return this.stats().size;
  }

  get(key) {
    if (this.#clock !== undefined) this.#tick();
    const length = this.#native.read(key, scratch, 0);
    if (length < 0) return undefined;
    return length <= SCRATCH ? copy(scratch, 0, length) : this.#getLarge(key, length);
  }

  #getLarge(key, length) {
    for (;;) {
      const value = Buffer.allocUnsafeSlow(length);
      const read = this.#native.read(key, value, 0);
      if (read < 0) return undefined;
      if (read <= length) return read === length ? value : copy(value, 0, read);
      length = read; // another thread has put a larger one
    }
  }

  getInto(key, view, offset = 0) {
    if (!Number.isInteger(offset) || offset < 0 || offset > view?.byteLength) {
      throw new PlimsollRangeError(
        'ERR_PLIMSOLL_OPTION',
        `offset must be an integer from 0 to the view's byteLength, not ${quote(offset)}.`,
      );
    }
    if (this.#clock !== undefined) this.#tick();
    const length = this.#native.read(key, view, offset);
    return length < 0 ? undefined : length;
  }

  getString(key) {
    if (this.#clock !== undefined) this.#tick();
    return this.#native.text(key);
  }

  getJSON(key) {
    const text = this.getString(key);
    return text === undefined ? undefined : this.#decode('json', text, key);
  }

  getValue(key) {
    if (this.#clock !== undefined) this.#tick();
    const length = this.#native.read(key, scratch, 0);
    if (length < 0) return undefined;
    const bytes = length <= SCRATCH ? scratch.subarray(0, length) : this.#getLarge(key, length);
    return bytes === undefined ? undefined : this.#decode('value', bytes, key);
  }

  set(key, value, options) {
    if (this.#clock !== undefined) this.#tick();
    const ttl = options === undefined ? STORE_TTL : (ttlOfSet('set(key, value, options)', options) ?? STORE_TTL);
    if (typeof value === 'string') return this.#native.setText(key, wellFormed(value), ttl);
    checkAttached(value);
    return this.#native.setBytes(key, value, ttl);
  }

  setJSON(key, value, options) {
    return this.set(key, encode('json', value), options);
  }

  setValue(key, value, options) {
    return this.set(key, encode('value', value), options);
  }

  has(key) {
    if (this.#clock !== undefined) this.#tick();
    return this.#native.has(key);
  }

  delete(key) {
    if (this.#clock !== undefined) this.#tick();
    return this.#native.delete(key);
  }

  clear() {
    this.#native.clear();
  }

  purgeExpired() {
    if (this.#clock !== undefined) this.#tick();
    return this.#native.purge();
  }

  *keys() {
    if (this.#clock !== undefined) this.#tick();
    for (let part = 0; ; part++) {
      const keys = this.#native.keys(part);
      if (keys === undefined) return;
      yield* keys;
    }
  }

  /**
   * It returns promises, but neither it nor what it calls is an async function: V8 keeps the frame of one that waits
   * on the heap, and thousands of callers may wait.
   */
  getOrCompute(key, compute, options) {
    try {
      return Promise.resolve(this.#getOrCompute(key, compute, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #getOrCompute(key, compute, options) {
    if (typeof compute !== 'function')
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_OPTION',
        `getOrCompute needs a function that computes the value, not ${quote(compute)}.`,
      );
    checkIsOptions(options);
    if (options) checkComputeOptions(options);
    const { as: form = 'buffer', ttl, timeout } = options ?? {};
    if (!FORMS.has(form))
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_OPTION',
        `as must be one of ${[...FORMS].join(', ')}, not ${quote(form)}.`,
      );
    const life = ttlOf(ttl);
    const wait = checkTimeout(timeout);
    const held = form === 'string' || form === 'json' ? this.getString(key) : this.get(key);
    if (held !== undefined) return form === 'buffer' ? held : this.#decode(form, held, key);
    const end = wait === Infinity ? Infinity : now() + wait;
    return this.#join(key, compute, form, life, wait, end);
  }

  #join(key, compute, form, life, wait, end) {
    const computed = this.#computations.join(key, compute, this.#toStore, form, life, wait, end);
    if (isUint8Array(computed)) return this.#give(form, computed, key);
    return computed.then((bytes) =>
      bytes === null ? this.#join(key, compute, form, life, wait, end) : this.#give(form, bytes, key),
    );
  }

  /** What was computed, for one caller: those who waited in this isolate were given the same bytes. */
  #give(form, bytes, key) {
    if (form === 'buffer') return copy(bytes);
    return this.#decode(form, form === 'value' ? bytes : bytes.toString(), key);
  }

  stats() {
    return readStats(this.#native);
  }

  #tick() {
    const time = (0, this.#clock)();
    if (!Number.isFinite(time))
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_OPTION',
        `clock must return a finite number of milliseconds, not ${quote(time)}.`,
      );
    this.#native.setClock(time);
  }

  #decode(form, held, key) {
    try {
      if (form === 'json') return JSON.parse(held);
      return form === 'value' ? deserialize(held) : held;
    } catch (error) {
      throw new PlimsollError(
        'ERR_PLIMSOLL_VALUE',
        `what the SharedCache ${quote(this.#name)} holds under ${quote(key)} is not ${form === 'json' ? 'JSON' : 'from setValue'}; read it as it was written.`,
        {
          cause: error,
        },
      );
    }
  }
}

function readStats(native) {
  const figures = new Float64Array(6);
  native.stats(figures);
  const [size, bytes, hits, misses, evictions, expirations] = figures;
  const lookups = hits + misses;
  return {
    size,
    max: Infinity,
    bytes,
    maxBytes: native.maxBytes,
    hits,
    misses,
    hitRatio: lookups === 0 ? 0 : hits / lookups,
    evictions,
    expirations,
  };
}

function encode(form, value) {
  if (form === 'value') return serialize(value);
  if (form !== 'json') return value;
  let text;
  let cause;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // a toJSON of the caller's
    cause = error;
  }
  if (text !== undefined) return text;
  throw new PlimsollTypeError(
    'ERR_PLIMSOLL_VALUE',
    `${quote(value)} has no JSON; setValue keeps more, but no functions and no symbols.`,
    { cause },
  );
}

function serialize(value) {
  try {
    return v8.serialize(value);
  } catch (cause) {
    if (!String(cause?.message).endsWith('could not be cloned.')) throw cause; // a getter of the caller's
    throw new PlimsollTypeError('ERR_PLIMSOLL_VALUE', `setValue keeps what v8.serialize takes: ${cause.message}`, {
      cause,
    });
  }
}

/** UTF-8 has no lone surrogates: a value with one would come back changed. */
function wellFormed(text) {
  if (typeof text !== 'string' || text.isWellFormed()) return text;
  throw new PlimsollTypeError(
    'ERR_PLIMSOLL_VALUE',
    `${quote(text)} has a lone surrogate, which UTF-8 cannot hold: use toWellFormed(), a Buffer, setJSON or setValue.`,
  );
}

function checkIsOptions(options) {
  if (options === undefined || options === null || (typeof options === 'object' && !Array.isArray(options))) return;
  throw new PlimsollTypeError(
    'ERR_PLIMSOLL_OPTION',
    `getOrCompute takes options like { as: 'json', ttl: 1000 }; it got ${quote(options)}.`,
  );
}

function deserialize(bytes) {
  const values = new Values(bytes);
  values.readHeader();
  return values.readValue();
}

/** An empty view is a value; a view whose memory was transferred, or shrank away from under it, is a mistake. */
function checkAttached(value) {
  if (!ArrayBuffer.isView(value)) return;
  try {
    // A DataView's byteLength throws where there is no memory, an array's is 0 then.
    if (value.byteLength === 0 && !isDataView(value)) validate(value);
  } catch (cause) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_VALUE',
      'the memory of the given view was transferred, detached or made smaller: copy it before.',
      { cause },
    );
  }
}

/** A copy: the bytes given may change before all who wait have read them. */
function toBytes(value) {
  if (typeof value === 'string') return Buffer.from(wellFormed(value));
  if (ArrayBuffer.isView(value)) {
    checkAttached(value);
    return copy(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  }
  throw new PlimsollTypeError(
    'ERR_PLIMSOLL_VALUE',
    `what is computed must be a string, a Buffer or a view, not ${quote(value)}; as: 'json' or 'value' takes others.`,
  );
}

module.exports = { SharedCache };
