'use strict';

const { hashString, GOLDEN } = require('./hash.js');
const { Map, WeakMap } = require('./built-ins.js');

const { imul } = Math;
/** Of a string at most so many characters are read, evenly spread over it. */
const MOST_READS = 4096;
/** Words of true, false, null and undefined. */
const CONSTANTS = new Map([true, false, null, undefined].map((key, at) => [key, imul(at + 1, GOLDEN)]));

const number = new Float64Array(1);
const halves = new Uint32Array(number.buffer);

/**
 * 32 bits that stand for a key of any kind, by which the policy knows an evicted key again. Two keys taken for one
 * cost no more than hit ratio.
 *
 * An object or a symbol has no bits of its own: it is given a number when it is evicted, in a WeakMap. Only the last
 * one or two times `slots` of them are kept, so a collection has no more weak entries to visit than that.
 */
class Words {
  #recent = new WeakMap();
  #before = new WeakMap();
  #given = 0;
  #kept = 0;

  /** The word of a key; 0 for an object or symbol that has none. */
  of(key) {
    switch (typeof key) {
      case 'string':
        return wordOfString(key);
      case 'number':
        return wordOfNumber(key);
      case 'bigint':
        return wordOfNumber(Number(BigInt.asIntN(64, key))) ^ GOLDEN;
      case 'symbol': {
        const name = Symbol.keyFor(key);
        return name === undefined ? this.#known(key) : wordOfString(name) ^ GOLDEN;
      }
      default:
        return CONSTANTS.get(key) ?? this.#known(key);
    }
  }

  /** The word of a key that is evicted from a cache of so many slots. */
  give(key, slots) {
    const word = this.of(key);
    if (word !== 0 || !isIdentity(key)) return word;
    if (++this.#kept > slots) {
      this.#before = this.#recent;
      this.#recent = new WeakMap();
      this.#kept = 1;
    }
    this.#given = (this.#given + 1) | 0 || 1;
    this.#recent.set(key, this.#given);
    return this.#given;
  }

  #known(key) {
    return this.#recent.get(key) ?? this.#before.get(key) ?? 0;
  }
}

function isIdentity(key) {
  return typeof key === 'symbol'
    ? Symbol.keyFor(key) === undefined
    : (typeof key === 'object' && key !== null) || typeof key === 'function';
}

function wordOfNumber(key) {
  if ((key | 0) === key) return key | 0;
  number[0] = key;
  return halves[0] ^ imul(halves[1], GOLDEN);
}

function wordOfString(key) {
  if (key.length <= MOST_READS) return hashString(key, key.length + 1);
  let hash = imul(key.length, GOLDEN);
  for (let read = 0; read < MOST_READS; read++)
    hash = imul(hash, GOLDEN) ^ key.charCodeAt(Math.floor((read * key.length) / MOST_READS));
  return hash;
}

module.exports = { Words };
