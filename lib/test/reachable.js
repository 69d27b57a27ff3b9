'use strict';
// What a function leads to: the variables that it sees, what these hold, the variables of functions among that, and so
// on. No code of the objects is called.

const { types } = require('node:util');

/**
 * At most so many functions are asked for their variables, the nearest ones: each costs some messages to the inspector.
 */
const FUNCTIONS = 150;
/** At most so many objects are looked into, and so many values of each. */
const OBJECTS = 20_000;
const VALUES = 200;
/** At most so many instances are asked for their private fields. */
const INSTANCES = 200;
/** Characters from which a string is noted. */
const LONG = 1000;

/** How an object was reached: a variable of a function, or something that an object has. */
/** @typedef {{ from: object, variable: string | null, step: string }} Way */

class Reachable {
  /** @type {Map<object, Way | null>} */
  #ways;
  /** Of strings, by where they were found. @type {Map<string, { way: Way, length: number }>} */
  strings = new Map();
  #functions;
  /** @type {object[]} */
  #waiting = [];

  /**
   * @param {Function} fn
   * @param {(fn: Function) => object[]} scopesOf  objects that have the variables of a function as properties
   * @param {(instance: object) => [string, unknown][]} [privateFieldsOf]
   */
  constructor(fn, scopesOf, privateFieldsOf = () => []) {
    this.#ways = new Map([[fn, null]]);
    this.#functions = [fn];
    const functions = this.#functions;
    for (let at = 0, left = OBJECTS, instances = INSTANCES; at < Math.min(functions.length, FUNCTIONS); at++) {
      const from = functions[at];
      for (const scope of scopesOf(from)) {
        held(scope, (value, name) => this.#note(value, { from, variable: name, step: '' }));
      }
      this.#look(from);
      for (; this.#waiting.length > 0 && left > 0; left--) {
        const object = this.#waiting.shift();
        this.#look(object);
        if (instances === 0 || !hasPrivateFields(object)) continue;
        instances--;
        for (const [name, value] of privateFieldsOf(object))
          this.#note(value, { from: object, variable: null, step: `.${name}` });
      }
    }
  }

  /** Of the strings, by path. @returns {Map<string, number>} */
  get lengths() {
    return new Map(Array.from(this.strings, ([path, { length }]) => [path, length]));
  }

  /** Objects and functions. @returns {object[]} */
  get all() {
    return [...this.#ways.keys()];
  }

  get objects() {
    return this.all.filter((object) => typeof object !== 'function');
  }

  /** Those that no query for live objects finds, because they have no prototype (`Object.create(null)`). */
  get bare() {
    return this.objects.filter(
      (object) => Object.getPrototypeOf(object) === null && !types.isModuleNamespaceObject(object),
    );
  }

  /** @param {object} object @returns {Place | null} null where nothing led to the object */
  placeOf(object) {
    const way = this.#ways.get(object);
    return way === undefined || way === null ? null : this.placeAt(way);
  }

  /**
   * @typedef {{ variable: string | null, path: string, seenBy: object }} Place  `seenBy` is a function that sees the
   *   variable
   * @param {Way} way @returns {Place}
   */
  placeAt(way) {
    const steps = [];
    let at = way;
    while (at.variable === null) {
      steps.unshift(at.step);
      const next = this.#ways.get(at.from);
      if (next === undefined || next === null) return { variable: null, path: steps.join(''), seenBy: at.from };
      at = next;
    }
    return { variable: at.variable, path: at.variable + steps.join(''), seenBy: at.from };
  }

  #look(object) {
    held(object, (value, step) => this.#note(value, { from: object, variable: null, step: stepOf(object, step) }));
  }

  #note(value, way) {
    if (typeof value === 'string') {
      if (value.length < LONG) return;
      const { path } = this.placeAt(way);
      if (!this.strings.has(path)) this.strings.set(path, { way, length: value.length });
      return;
    }
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return;
    if (this.#ways.has(value) || types.isProxy(value)) return;
    if (typeof value === 'function' && isNative(value)) return;
    this.#ways.set(value, way);
    if (typeof value === 'function') this.#functions.push(value);
    else this.#waiting.push(value);
  }
}

const stepOf = (object, key) => {
  if (types.isMap(object) || types.isSet(object)) return key;
  if (typeof key === 'symbol') return `[${String(key)}]`;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
};

/** Whether the source of its class has them. */
function hasPrivateFields(object) {
  const prototype = Object.getPrototypeOf(object);
  if (prototype === null || types.isProxy(prototype)) return false;
  const constructor = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  return typeof constructor === 'function' && !types.isProxy(constructor) && sourceOf(constructor).includes('#');
}

const sourceOf = (fn) => Reflect.apply(Function.prototype.toString, fn, []);

/** Functions of the engine see no variables. Those that are bound are left out too. */
const isNative = (fn) => sourceOf(fn).endsWith('{ [native code] }');

/** Calls `note` with what an object holds, and the key. */
function held(object, note) {
  if (ArrayBuffer.isView(object)) return;
  if (types.isMap(object)) {
    for (const [key, value] of firstOf(Map.prototype.entries, object)) {
      note(key, '.keys()');
      note(value, '.values()');
    }
  }
  if (types.isSet(object)) for (const [value] of firstOf(Set.prototype.entries, object)) note(value, '.values()');
  for (const key of keysOf(object)) note(Object.getOwnPropertyDescriptor(object, key)?.value, key);
  note(Object.getPrototypeOf(object), '__proto__');
}

/** Methods of a class are not enumerable. */
function keysOf(object) {
  if (Array.isArray(object)) return Array.from({ length: Math.min(object.length, VALUES) }, (_, at) => String(at));
  const isClass = typeof object === 'function' || Object.hasOwn(object, 'constructor');
  return (isClass ? Object.getOwnPropertyNames(object) : Object.keys(object)).slice(0, VALUES);
}

function* firstOf(entries, table) {
  let left = VALUES;
  for (const entry of Reflect.apply(entries, table, [])) {
    if (left-- === 0) return;
    yield entry;
  }
}

module.exports = { Reachable };
