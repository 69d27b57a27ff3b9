'use strict';
// Which variable holds what stays.

const { types } = require('node:util');

/** At most so many objects are tried as the head of a chain, and so many links of one are followed. */
const HEADS = 500;
const LINKS = 50_000;

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
   * The chain of objects, each held by a property of the next one, that has `least` links or more.
   *
   * @param {number} least
   * @returns {{ holder: Holder, property: string, links: number } | null}
   */
  chain(least) {
    for (const head of this.#reachable.objects.slice(0, HEADS)) {
      for (const property of linksOf(head)) {
        const links = chainLength(head, property);
        if (links >= Math.min(least, LINKS)) return { holder: this.of(head), property, links };
      }
    }
    return null;
  }

  #at({ variable, path, seenBy }) {
    const seenAt = variable === null || typeof seenBy !== 'function' ? null : this.#objects.locationOf(seenBy);
    const declared = seenAt === null ? null : (this.#scripts?.declaration(seenAt, variable) ?? null);
    return { variable: path.replace(/^\./, ''), file: declared?.file ?? null, line: declared?.line ?? null };
  }
}

/**
 * Tables, listeners, a string or a chain that grow, each with its holder.
 *
 * @param {{ tables: import('./tables.js').Table[], listeners: object | null, strings: Map<string, number> }} growing
 * @param {{ measured: number, followed: number }} calls
 * @param {Holders | null} holders
 */
function whatIsHeld({ tables, listeners, strings }, { measured, followed }, holders) {
  const held = {
    tables: tables.map(({ kind, ref, first, size }) => ({
      kind,
      elements: size,
      perCall: (size - first) / followed,
      holder: holders?.of(ref.deref()) ?? null,
    })),
    listeners: null,
    string: null,
    chain: null,
  };
  if (listeners !== null) {
    const { target, ...described } = listeners;
    held.listeners = { ...described, holder: holders?.of(target) ?? null };
  } else if (tables.length === 0 && holders !== null) {
    held.string = holders.growingString(strings);
    if (held.string === null) held.chain = holders.chain(measured / 2);
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

function chainLength(head, property) {
  const seen = new Set();
  for (let at = head; at !== null && seen.size < LINKS; at = next(at, property)) {
    // A ring.
    if (seen.has(at)) return 0;
    seen.add(at);
  }
  return seen.size;
}

function next(object, property) {
  if (types.isProxy(object)) return null;
  const value = Object.getOwnPropertyDescriptor(object, property)?.value;
  return typeof value === 'object' ? value : null;
}

module.exports = { Holders, whatIsHeld };
