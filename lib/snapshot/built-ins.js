'use strict';
// The identifiers of Node's own code and of the language, which redacted outputs keep: internal fields are what leads
// from a leak to its variable.

const { builtinModules } = require('node:module');
const vm = require('node:vm');
const { requireNative } = require('../native.js');
const { turn } = require('../timers.js');

/** Characters that are read in one turn of the event loop: about a millisecond. */
const PORTION = 256 * 1024;

/** @type {Promise<void> | undefined} */
let learning;

/** Tells the native side, once for each thread. Where Node does not give its sources, fewer names are kept. */
function learnBuiltIns() {
  learning ??= learn();
  return learning;
}

async function learn() {
  const { learnBuiltIn } = requireNative();
  learnBuiltIn('', intrinsics());
  for (const name of builtinModules) learnBuiltIn(`node:${name}`, '');
  let read = 0;
  for (const [name, source] of sources()) {
    learnBuiltIn(`node:${name}`, source);
    read += source.length;
    if (read >= PORTION) {
      read = 0;
      await turn();
    }
  }
}

/** In a realm of its own: in the program's own the names of properties may be data. */
const OF_REALM = `(() => {
  const names = new Set();
  const seen = new Set();
  const visit = (object, depth) => {
    if (Object(object) !== object || seen.has(object)) return;
    seen.add(object);
    for (const key of Object.getOwnPropertyNames(object)) {
      names.add(key);
      const { value } = Object.getOwnPropertyDescriptor(object, key);
      if (depth > 0) visit(value, depth - 1);
    }
    visit(Object.getPrototypeOf(object), depth);
  };
  visit(globalThis, 3);
  for (const each of [[].values(), new Map().values(), new Set().values(), ''.matchAll(/a/g), function* () {}, async function* () {}, async () => {}]) visit(each, 2);
  return [...names].filter((name) => /^[A-Za-z_$]/.test(name)).join(' ');
})()`;

/** Names of the language's own globals, classes and methods. */
function intrinsics() {
  try {
    return String(vm.runInNewContext(OF_REALM));
  } catch {
    // A policy that forbids code from strings.
    return '';
  }
}

/** Node has no other way to them; the deprecation (DEP0111) is no news to the user. */
function sources() {
  const { noDeprecation } = process;
  process.noDeprecation = true;
  try {
    return Object.entries(process.binding('natives')).filter(([, source]) => typeof source === 'string');
  } catch {
    return [];
  } finally {
    process.noDeprecation = noDeprecation;
  }
}

module.exports = { learnBuiltIns };
