'use strict';
// A full collection by V8's own `gc` function, without --expose-gc: the flag need only be set while a context is made.

const v8 = require('node:v8');
const vm = require('node:vm');

/** @type {(() => void) | undefined} */
let collect;

/** @returns {() => void} */
function collector() {
  if (collect === undefined) {
    v8.setFlagsFromString('--expose-gc');
    collect = globalThis.gc ?? vm.runInNewContext('gc');
    if (globalThis.gc === undefined) v8.setFlagsFromString('--no-expose-gc');
  }
  return collect;
}

module.exports = { collector };
