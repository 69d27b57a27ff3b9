'use strict';
// A sleep of a day for each message.
const { setTimeout: sleep } = require('node:timers/promises');

module.exports = async () => (step) => {
  for (let i = 0; i < 3; i++) sleep(86_400_000, step, { ref: false }); // leak
};
