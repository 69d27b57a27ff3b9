'use strict';
// Takes three heap images while an object that only the global object holds grows. Prints their paths.

const { takeSnapshot } = require('../..');

globalThis.visits = {};

(async () => {
  const taken = [];
  for (let round = 1; round <= 3; round++) {
    for (let at = 0; at < 3000; at++) globalThis.visits[`visit ${round} ${at}`] = { at, pages: [round] };
    taken.push((await takeSnapshot({ dir: process.argv[2], cooldown: 0, method: 'image' })).path);
  }
  console.log(JSON.stringify(taken));
})();
