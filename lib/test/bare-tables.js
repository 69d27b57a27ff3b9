'use strict';
// Finds tables that no query for live objects finds, because they have no prototype (`Object.create(null)`): in the
// variables that a function sees, and in what these hold.

const { types } = require('node:util');

/**
 * At most so many functions are asked for their variables, the nearest ones: each costs some messages to the inspector.
 */
const FUNCTIONS = 150;
/** At most so many objects are looked into, and so many values of each. */
const OBJECTS = 20_000;
const VALUES = 200;

/**
 * @param {Function} fn
 * @param {(fn: Function) => object[]} scopesOf  objects that have the variables of a function as properties
 * @returns {object[]}
 */
function bareTables(fn, scopesOf) {
  const found = [];
  const seen = new Set([fn]);
  const functions = [fn];
  const objects = [];
  const note = (value) => {
    if (
      value === null ||
      (typeof value !== 'object' && typeof value !== 'function') ||
      seen.has(value) ||
      types.isProxy(value)
    )
      return;
    seen.add(value);
    if (typeof value !== 'function') objects.push(value);
    else if (!isNative(value)) functions.push(value);
  };
  for (let at = 0, left = OBJECTS; at < Math.min(functions.length, FUNCTIONS); at++) {
    for (const scope of scopesOf(functions[at])) held(scope, note);
    held(functions[at], note);
    for (; objects.length > 0 && left > 0; left--) {
      const object = objects.shift();
      if (Object.getPrototypeOf(object) === null && !types.isModuleNamespaceObject(object)) found.push(object);
      held(object, note);
    }
  }
  return found;
}

/** Functions of the engine see no variables. Those that are bound are left out too. */
const isNative = (fn) => Reflect.apply(Function.prototype.toString, fn, []).endsWith('{ [native code] }');

/** Calls `note` with what an object holds. No code of the object is called. */
function held(object, note) {
  if (ArrayBuffer.isView(object)) return;
  if (types.isMap(object))
    for (const [key, value] of firstOf(Map.prototype.entries, object)) [key, value].forEach(note);
  if (types.isSet(object)) for (const [value] of firstOf(Set.prototype.entries, object)) note(value);
  for (const key of keysOf(object)) note(Object.getOwnPropertyDescriptor(object, key)?.value);
  note(Object.getPrototypeOf(object));
}

/** Methods of a class are not enumerable. */
function keysOf(object) {
  if (Array.isArray(object)) return Array.from({ length: Math.min(object.length, VALUES) }, (_, at) => at);
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

module.exports = { bareTables };
