'use strict';
// Adds listeners and never returns to the event loop.
const { EventEmitter } = require('node:events');

const bus = new EventEmitter().setMaxListeners(0);
setTimeout(function stuck() {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    bus.on('x', () => gate);
    Atomics.wait(gate, 0, 0, 1);
  }
}, 1500);
