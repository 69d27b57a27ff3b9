'use strict';
// A bound on the bytes a second of a stream.

const { Transform } = require('node:stream');
const { setTimeout } = require('node:timers');

/** @param {number} bytesPerSecond @param {() => number} [now] ms */
function limitRate(bytesPerSecond, now = () => performance.now()) {
  const begun = now();
  let passed = 0;
  return new Transform({
    transform(chunk, _, done) {
      passed += chunk.length;
      const wait = (passed / bytesPerSecond) * 1000 - (now() - begun);
      if (wait <= 0) done(null, chunk);
      else setTimeout(() => done(null, chunk), wait);
    },
  });
}

module.exports = { limitRate };
