'use strict';
// A cache whose bound is so far away that it is none.
const { BoundedMap } = require('../../..');

module.exports = async () => {
  const sessions = new BoundedMap({ max: 8_000_000, name: 'sessions' }); // leak
  let id = 0;
  return (step) => {
    for (let i = 0; i < 5; i++) sessions.set(`session ${id++}`, step);
  };
};
