'use strict';
// Which variable holds what stays.

const { types } = require('node:util');

/** At most so many objects are tried as the head of a chain, and so many links are followed in all. */
const HEADS = 500;
const LINKS = 1_000_000;
/** Shorter chains are not counted. */
const LEAST_LINKS = 50;

/** @typedef {{ variable: string, file: string | null, line: number | null }} Holder */

class Holders {
  #reachable;
  #objects;
  #scripts;

  /**
   * @param {import('./reachable.js').Reachable} reachable
   * @param {import('./heap-objects.js').HeapObjects} objects
   * @param {import('./scripts.js').Scripts | null} scripts
   */
  constructor(reachable, objects, scripts) {
    this.#reachable = reachable;
    this.#objects = objects;
    this.#scripts = scripts;
  }

  /** @param {object | undefined} object @returns {Holder | null} null where no variable of the function leads to it */
  of(object) {
    const place = object === undefined ? null : this.#reachable.placeOf(object);
    return place === null ? null : this.#at(place);
  }

  /**
   * The string that has grown most.
   *
   * @param {Map<string, number>} before  lengths by path
   * @returns {{ holder: Holder, length: number } | null}
   */
  growingString(before) {
    let most = null;
    for (const [path, { way, length }] of this.#reachable.strings) {
      const growth = length - (before.get(path) ?? length);
      if (growth > (most?.growth ?? 0)) most = { way, length, growth };
    }
    return most === null ? null : { holder: this.#at(this.#reachable.placeAt(most.way)), length: most.length };
  }

  /**
   * Chains of objects, each held by a property of the next one: the head that the function reaches first, by where it
   * was found and the property.
   *
   * @returns {Map<string, { head: object, property: string, links: number }>}
   */
  chains() {
    const lengths = new ChainLengths();
    const chains = new Map();
    for (const head of this.#reachable.objects.slice(0, HEADS)) {
      for (const property of linksOf(head)) {
        const links = lengths.of(head, property);
        if (links < LEAST_LINKS) continue;
        const place = this.#reachable.placeOf(head);
        chains.set(`${place?.path} ${property}`, { head, property, links });
      }
    }
    return chains;
  }

  /**
   * The chain that has got `least` links or more.
   *
   * @param {Map<string, { links: number }>} before
   * @param {number} least
   * @returns {{ holder: Holder, property: string, links: number } | null}
   */
  growingChain(before, least) {
    let most = null;
    for (const [key, chain] of this.chains()) {
      const growth = chain.links - (before.get(key)?.links ?? chain.links);
      if (growth >= Math.max(least, 1) && growth > (most?.growth ?? 0)) most = { ...chain, growth };
    }
    return most === null ? null : { holder: this.of(most.head), property: most.property, links: most.links };
  }

  #at({ variable, path, seenBy }) {
    const seenAt = variable === null || typeof seenBy !== 'function' ? null : this.#objects.locationOf(seenBy);
    const declared = seenAt === null ? null : (this.#scripts?.declaration(seenAt, variable) ?? null);
    return { variable: path.replace(/^\./, ''), file: declared?.file ?? null, line: declared?.line ?? null };
  }
}

/**
 * Tables, listeners, timers, a string or a chain that grow, each with its holder.
 *
 * @param {{ tables: import('./tables.js').Table[], listeners: object | null,
 *   timers: import('./timers.js').Timers | null, strings: Map<string, number>,
 *   chains: Map<string, { links: number }> }} growing
 * @param {number} followed  calls since the tables, strings and chains were measured
 * @param {Holders | null} holders
 */
function whatIsHeld({ tables, listeners, timers, strings, chains }, followed, holders) {
  const isOfNode = ({ holder }) => timers !== null && (holder?.file ?? '').startsWith('node:');
  const held = {
    // Node's own tables of timers and async resources say less than the line that starts the timers.
    tables: tables
      .map(({ kind, ref, first, size }) => ({
        kind,
        elements: size,
        perCall: (size - first) / followed,
        holder: holders?.of(ref.deref()) ?? null,
      }))
      .filter((table) => !isOfNode(table)),
    listeners: null,
    timers,
    string: null,
    chain: null,
  };
  if (listeners !== null) {
    const { target, ...described } = listeners;
    held.listeners = { ...described, holder: holders?.of(target) ?? null };
  } else if (tables.length === 0 && holders !== null) {
    held.string = holders.growingString(strings);
    if (held.string === null) held.chain = holders.growingChain(chains, followed / 2);
  }
  return held;
}

/** The properties that hold another object. */
function linksOf(object) {
  if (Array.isArray(object) || ArrayBuffer.isView(object) || types.isMap(object) || types.isSet(object)) return [];
  return Object.keys(object)
    .slice(0, 20)
    .filter((key) => next(object, key) !== null);
}

/** Counts the objects of chains, each object once. */
class ChainLengths {
  #left = LINKS;
  /** By property, the links from an object on. @type {Map<string, Map<object, number>>} */
  #known = new Map();

  /** @param {object} head @param {string} property @returns {number} 0 for a ring */
  of(head, property) {
    let known = this.#known.get(property);
    if (known === undefined) this.#known.set(property, (known = new Map()));
    const walked = new Set();
    let at = head;
    for (; at !== null && this.#left > 0 && !known.has(at); at = next(at, property), this.#left--) {
      if (walked.has(at)) return 0;
      walked.add(at);
    }
    const links = walked.size + (at === null ? 0 : (known.get(at) ?? 0));
    let left = links;
    for (const object of walked) known.set(object, left--);
    return links;
  }
}

function next(object, property) {
  if (types.isProxy(object)) return null;
  const value = Object.getOwnPropertyDescriptor(object, property)?.value;
  return typeof value === 'object' ? value : null;
}

module.exports = { Holders, whatIsHeld };
