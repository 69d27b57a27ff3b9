'use strict';
// BoundedMap in Map's place: its bound out of reach, and new for each test, since some change its prototype.

const path = require('node:path');

const CACHE = path.join(__dirname, '..', '..', 'lib', 'cache');
const OUT_OF_REACH = { max: 2 ** 23, name: 'test262' };

/** @param {boolean} [open] whether iterations of each map are left open at each of its states */
function boundedMap(open = false) {
  for (const file of Object.keys(require.cache)) if (file.startsWith(CACHE)) delete require.cache[file];
  if (open) leaveOpen(require(path.join(CACHE, 'insertion-order.js')));
  const { BoundedMap } = require(path.join(CACHE, 'bounded-map.js'));
  const Map = new Proxy(BoundedMap, {
    construct: (target, [iterable], newTarget) =>
      Reflect.construct(target, [iterable, OUT_OF_REACH], newTarget === Map ? target : newTarget),
  });
  Object.defineProperty(BoundedMap.prototype, 'constructor', {
    value: Map,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  return Map;
}

/** Has an iteration begin at each change of an order, and one of those that are open move on. */
function leaveOpen({ InsertionOrder }) {
  const open = new WeakMap();
  for (const name of ['add', 'remove', 'clear', 'renumber']) {
    const change = InsertionOrder.prototype[name];
    InsertionOrder.prototype[name] = function (...given) {
      const walks = open.get(this) ?? [];
      open.set(this, walks);
      walks.push({ era: this.begin(), place: 0 });
      change.apply(this, given);
      walks.push({ era: this.begin(), place: 0 });
      const walk = walks[((7 * walks.length) % 11) % walks.length];
      walk.place = Math.min(this.seek(walk.era, walk.place) + 1, this.end);
      walk.era = this.era;
    };
  }
}

/** This Node's own Map, judged and then as it was: some expectations change its prototype. */
function judgeNative(judge) {
  const { prototype } = Map;
  const before = Object.getOwnPropertyDescriptors(prototype);
  try {
    return judge(Map);
  } finally {
    Object.defineProperties(prototype, before);
  }
}

/** Expectations that a BoundedMap does not meet, and why that is meant: a file, or a folder. */
const DIFFERS = {
  'name.js': 'it is called BoundedMap',
  'prototype/Symbol.toStringTag.js': 'String(map) says BoundedMap',
  '../MapIteratorPrototype/Symbol.toStringTag.js': 'String(map.keys()) says BoundedMap Iterator',
  'proto-from-ctor-realm.js':
    'a class written in JS has no twin in other realms: the prototype is BoundedMap.prototype',
  'properties-of-map-instances.js': 'an own property, Symbol(entries), shows deep comparisons the entries',
  'properties-of-the-map-prototype-object.js':
    'between it and Object.prototype stands Map.prototype, for instanceof Map',
  groupBy:
    'not there: with a group evicted the result would be wrong; new BoundedMap(Map.groupBy(items, callback), options) says so',
};

/** @param {string} name of an expectation */
const differs = (name) => DIFFERS[name] ?? DIFFERS[name.split('/')[0]];

module.exports = { boundedMap, judgeNative, differs, DIFFERS };
