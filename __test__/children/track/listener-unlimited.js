'use strict';
// The same with the warning silenced, beside a crowd of listeners that comes and goes.
const { EventEmitter } = require('node:events');

module.exports = async () => {
  const bus = new EventEmitter();
  bus.setMaxListeners(0);
  for (let i = 0; i < 200; i++) bus.on('message', () => i); // many, and legitimate
  return (step) => {
    const guests = Array.from({ length: 40 }, (_, i) => () => i + step);
    for (const guest of guests) bus.on('message', guest);
    for (const guest of guests) bus.off('message', guest);
    bus.on('message', () => step); // leak
  };
};
